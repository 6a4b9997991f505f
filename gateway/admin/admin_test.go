package admin

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// source is a gateway that says what a test wants.
type source struct {
	reasons  atomic.Pointer[[]string]
	snapshot Snapshot
}

func (s *source) NotReady() []string {
	if reasons := s.reasons.Load(); reasons != nil {
		return *reasons
	}
	return nil
}

func (s *source) Snapshot() Snapshot { return s.snapshot }

// everything is a snapshot in which each field counts.
func everything() Snapshot {
	return Snapshot{
		Build: Build{Version: "1.2.3", GoVersion: "go1.26"}, Draining: true, Sockets: 7,
		Sessions:  []Sessions{{"shop", "transaction", "idle", 3}, {"shop", "session", "active", 2}},
		Databases: []Database{{Name: "shop", Transactions: 11, Statements: 12, BytesIn: 13, BytesOut: 14}},
		Pools: []Pool{{Database: "shop", Datasource: "ds_0", Up: true, Max: 20, Idle: 1, Used: 2, Dialling: 3, Checking: 4, Waiting: 5,
			OldestWait: 1500 * time.Millisecond, WaitedFor: 2500 * time.Millisecond, Acquired: 21, Waited: 22, TimedOut: 23, Failed: 24,
			Cancelled: 25, Dials: 26, DialFailures: 27, Closed: 28}},
		Logins:   Logins{Accepted: 31, Failed: 32, Refused: 33, InProgress: 34, Queued: 35},
		Refusals: map[string]uint64{"masked-predicate": 41}, Timeouts: map[string]uint64{"query": 42},
		Cancels: Cancels{Accepted: 43, Dropped: 44}, Reloads: Reloads{Done: 45, Failed: 46, Last: time.Unix(47, 0)},
		Audit: &Audit{Writable: true}, CertExpiry: time.Unix(48, 0),
	}
}

func get(t *testing.T, h http.Handler, method, path string) (status int, body string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w.Code, w.Body.String()
}

func TestLivezAndReadyz(t *testing.T) {
	s := &source{}
	h := Handler(s)
	for _, path := range []string{"/livez", "/readyz"} {
		if status, body := get(t, h, "GET", path); status != 200 || body != "ok\n" {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	s.reasons.Store(&[]string{"the gateway is draining", "datasource"})
	if status, body := get(t, h, "GET", "/readyz"); status != 503 || body != "the gateway is draining\ndatasource\n" {
		t.Errorf("%d %q", status, body)
	}
	if status, _ := get(t, h, "GET", "/livez"); status != 200 {
		t.Errorf("a process that is not ready is not alive: %d", status)
	}
	if status, _ := get(t, h, "POST", "/readyz"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", status)
	}
	if status, _ := get(t, h, "GET", "/debug/pprof/"); status != http.StatusNotFound {
		t.Errorf("what is not there: %d", status)
	}
}

func TestMetrics(t *testing.T) {
	status, body := get(t, Handler(&source{snapshot: everything()}), "GET", "/metrics")
	if status != 200 {
		t.Fatal(status, body)
	}
	for _, line := range []string{
		`portcullis_build_info{go_version="go1.26",version="1.2.3"} 1`, `portcullis_draining 1`, `portcullis_client_sockets 7`,
		`portcullis_sessions{database="shop",mode="transaction",phase="idle"} 3`, `portcullis_sessions{database="shop",mode="session",phase="active"} 2`,
		`portcullis_transactions_total{database="shop"} 11`, `portcullis_statements_total{database="shop"} 12`,
		`portcullis_client_bytes_total{database="shop",direction="in"} 13`, `portcullis_client_bytes_total{database="shop",direction="out"} 14`,
		`portcullis_logins_total{result="accepted"} 31`, `portcullis_logins_total{result="failed"} 32`, `portcullis_logins_total{result="refused"} 33`,
		`portcullis_logins_in_progress 34`, `portcullis_logins_queued 35`, `portcullis_refusals_total{rule="masked-predicate"} 41`,
		`portcullis_timeouts_total{kind="query"} 42`, `portcullis_cancel_requests_total{result="accepted"} 43`,
		`portcullis_cancel_requests_total{result="dropped"} 44`, `portcullis_reloads_total{result="done"} 45`,
		`portcullis_reloads_total{result="failed"} 46`, `portcullis_last_reload_timestamp_seconds 47`, `portcullis_audit_writable 1`,
		`portcullis_certificate_expiry_timestamp_seconds 48`, `portcullis_datasource_up{database="shop",datasource="ds_0"} 1`,
		`portcullis_pool_connections{database="shop",datasource="ds_0",state="idle"} 1`,
		`portcullis_pool_connections{database="shop",datasource="ds_0",state="used"} 2`,
		`portcullis_pool_connections{database="shop",datasource="ds_0",state="dialling"} 3`,
		`portcullis_pool_connections{database="shop",datasource="ds_0",state="checking"} 4`,
		`portcullis_pool_connections_max{database="shop",datasource="ds_0"} 20`, `portcullis_pool_waiting{database="shop",datasource="ds_0"} 5`,
		`portcullis_pool_oldest_wait_seconds{database="shop",datasource="ds_0"} 1.5`,
		`portcullis_pool_wait_seconds_total{database="shop",datasource="ds_0"} 2.5`, `portcullis_pool_waits_total{database="shop",datasource="ds_0"} 22`,
		`portcullis_pool_claims_total{database="shop",datasource="ds_0",result="granted"} 21`,
		`portcullis_pool_claims_total{database="shop",datasource="ds_0",result="timed_out"} 23`,
		`portcullis_pool_claims_total{database="shop",datasource="ds_0",result="failed"} 24`,
		`portcullis_pool_claims_total{database="shop",datasource="ds_0",result="cancelled"} 25`,
		`portcullis_pool_dials_total{database="shop",datasource="ds_0",result="done"} 26`,
		`portcullis_pool_dials_total{database="shop",datasource="ds_0",result="failed"} 27`,
		`portcullis_pool_closed_total{database="shop",datasource="ds_0"} 28`,
	} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("there is no line %s", line)
		}
	}
	if !strings.Contains(body, "\ngo_goroutines ") || !strings.Contains(body, "\nprocess_") {
		t.Error("the metrics of the runtime or of the process are missing")
	}
}

// What a gateway does not have, it has no metric of; and a scrape may be repeated.
func TestMetricsOfNothing(t *testing.T) {
	h := Handler(&source{})
	for range 2 {
		status, body := get(t, h, "GET", "/metrics")
		if status != 200 || strings.Contains(body, "certificate_expiry") || strings.Contains(body, "audit_writable") ||
			!strings.Contains(body, "\nportcullis_draining 0\n") {
			t.Error(status, body)
		}
	}
}

// The page of operations names each metric with its labels, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	const page = "../../docs/operations.md"
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `(portcullis_[^`]*)` \\|").FindAllStringSubmatch(string(content), -1) {
		documented = append(documented, m[1])
	}
	_, body := get(t, Handler(&source{snapshot: everything()}), "GET", "/metrics")
	var collected []string
	label := regexp.MustCompile(`(\w+)="[^"]*"`)
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "portcullis_") {
			continue
		}
		name, _, _ := strings.Cut(line, " ")
		name, labels, _ := strings.Cut(name, "{")
		var names []string
		for _, m := range label.FindAllStringSubmatch(labels, -1) {
			names = append(names, m[1])
		}
		if names != nil {
			name += "{" + strings.Join(names, ",") + "}"
		}
		if !slices.Contains(collected, name) {
			collected = append(collected, name)
		}
	}
	for _, name := range collected {
		if !slices.Contains(documented, name) {
			t.Errorf("%s lacks %s", page, name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(collected, name) {
			t.Errorf("%s has %s, which is not collected", page, name)
		}
	}
}

func TestServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(&source{}, slog.New(slog.DiscardHandler))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	// More connections than may be open: those that are answered make room.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for range connectionsMax + 10 {
		answer, err := client.Get(fmt.Sprintf("http://%s/livez", l.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if string(body) != "ok\n" {
			t.Errorf("%q", body)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the listener is not closed")
	}
}
