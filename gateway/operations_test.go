package gateway

import (
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/portcullisdb/portcullis/gateway/admin"
)

// scrape returns what the gateway answers at a path.
func (s *shop) scrape(path string) (status int, body string) {
	w := httptest.NewRecorder()
	admin.Handler(s.gateway).ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

func (s *shop) wantMetrics(lines ...string) {
	s.t.Helper()
	_, body := s.scrape("/metrics")
	for _, line := range lines {
		if !strings.Contains(body, "\n"+line+"\n") {
			name, _, _ := strings.Cut(line, "{")
			var have []string
			for l := range strings.Lines(body) {
				if strings.HasPrefix(l, name) {
					have = append(have, l)
				}
			}
			s.t.Errorf("there is no line %s, but\n%s", line, strings.Join(have, ""))
		}
	}
}

// Ready is a gateway whose datasources can be reached; the reasons name what cannot, and no URL.
func TestReadyz(t *testing.T) {
	var down atomic.Bool
	down.Store(true)
	s := newShopWith(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if down.Load() {
			return nil, errors.New("down")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	s.gateway.look(testContext(t))
	status, body := s.scrape("/readyz")
	want := "database \"shop\": datasource \"ds_0\" cannot be reached\ndatabase \"shop\": datasource \"ds_1\" cannot be reached\n" +
		"database \"shop\": the logical database cannot be reached\n"
	if status != 503 || body != want {
		t.Errorf("%d %s", status, body)
	}
	s.wantMetrics(`portcullis_datasource_up{database="shop",datasource="ds_0"} 0`)
	if status, _ := s.scrape("/livez"); status != 200 {
		t.Errorf("alive: %d", status)
	}
	down.Store(false)
	for range 100 {
		if s.gateway.look(testContext(t)); len(s.gateway.NotReady()) == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond) // until connecting is tried again
	}
	if status, body := s.scrape("/readyz"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	s.wantMetrics(`portcullis_datasource_up{database="shop",datasource="ds_0"} 1`, `portcullis_datasource_up{database="shop",datasource="(logical)"} 1`)
	s.must(s.gateway.Shutdown(testContext(t)))
	if status, body := s.scrape("/readyz"); status != 503 || !strings.Contains(body, "the gateway is draining\n") {
		t.Errorf("%d %s", status, body)
	}
}

func TestMetricsOfClients(t *testing.T) {
	s := newShop(t)
	conn := s.connect("app")
	insertCustomers(t, conn, 2)
	carol := s.connect("carol")
	if _, err := carol.Exec(testContext(t), "SELECT name FROM customers WHERE ssn = '123-45-6789'", pgx.QueryExecModeSimpleProtocol); err == nil {
		t.Error("a masked column may be compared")
	}
	_, err := pgx.Connect(testContext(t), strings.Replace(s.clientURL("app"), password, "wrong", 1))
	wantCode(t, err, "28P01")
	mustExec(t, carol, "BEGIN")
	s.wantMetrics(`portcullis_sessions{database="shop",mode="protected",phase="idle"} 1`,
		`portcullis_sessions{database="shop",mode="protected",phase="idle in transaction"} 1`,
		`portcullis_client_sockets 2`, `portcullis_logins_total{result="accepted"} 2`, `portcullis_logins_total{result="failed"} 1`,
		`portcullis_refusals_total{rule="masked-predicate"} 1`, `portcullis_draining 0`, `portcullis_audit_writable 1`,
		`portcullis_pool_connections_max{database="shop",datasource="ds_0"} 20`,
		`portcullis_pool_connections{database="shop",datasource="ds_0",state="used"} 0`)
	snapshot := s.gateway.Snapshot()
	if d := snapshot.Databases[0]; d.Name != "shop" || d.Transactions < 3 || d.Statements < 3 || d.BytesIn < 300 || d.BytesOut < 300 {
		t.Errorf("%+v", d)
	}
	_, body := s.scrape("/metrics")
	for _, text := range []string{"6789", "carol", "customers", password, "postgres://"} {
		if strings.Contains(body, text) {
			t.Errorf("the metrics hold %q", text)
		}
	}
	// What clients have done stays when they have gone.
	before := snapshot.Databases[0]
	_, _ = conn.Close(testContext(t)), carol.Close(testContext(t))
	s.gateway.registry.Wait()
	if after := s.gateway.Snapshot().Databases[0]; after.Statements < before.Statements || after.BytesIn <= before.BytesIn {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

// Logins, logouts and refusals are told in the log by fixed texts, without what was asked.
func TestLogOfClients(t *testing.T) {
	s := newShop(t)
	carol := s.connect("carol")
	_, _ = carol.Exec(testContext(t), "SELECT name FROM customers WHERE ssn = '123-45-6789'", pgx.QueryExecModeSimpleProtocol)
	_ = carol.Close(testContext(t))
	_, err := pgx.Connect(testContext(t), strings.Replace(s.clientURL("app"), password, "wrong", 1))
	wantCode(t, err, "28P01")
	s.gateway.registry.Wait()
	log := s.log.String()
	for _, text := range []string{"msg=login client=127.0.0.1:", "user=carol database=shop session=1\n", "msg=logout ",
		`msg="statement refused" `, "sqlstate=42501 rule=masked-predicate", `msg="login refused" `, "user=app database=shop sqlstate=28P01\n"} {
		if !strings.Contains(log, text) {
			t.Errorf("the log lacks %q:\n%s", text, log)
		}
	}
	if strings.Contains(log, "6789") || strings.Contains(log, "SELECT") {
		t.Errorf("the log holds what was asked:\n%s", log)
	}
}

// A reload takes up another certificate, limits and timeouts, and names what it cannot.
func TestReloadTakesUp(t *testing.T) {
	certificate, key := writeCertificate(t)
	s := newShopWith(t, Options{}, `{address: "127.0.0.1:0"}`,
		`{address: "127.0.0.1:0", tls: {cert: "`+certificate+`", key: "`+key+`"}}`)
	expiry := s.gateway.Snapshot().CertExpiry
	if expiry.IsZero() {
		t.Error("the certificate never ends")
	}
	staying := s.connect("app")
	text, err := os.ReadFile(s.path())
	s.must(err)
	// Another certificate in the same files, which ends a second later at least.
	time.Sleep(1100 * time.Millisecond)
	otherCertificate, otherKey := writeCertificate(t)
	s.must(os.Rename(otherCertificate, certificate))
	s.must(os.Rename(otherKey, key))
	s.must(os.WriteFile(s.path(), []byte(strings.NewReplacer("audit:", "limits: {sessions: 1}\naudit:",
		"address: \"127.0.0.1:0\"", "address: \"127.0.0.1:1\"").Replace(string(text))+"timeouts: {idle_client: 1h}\n"), 0o600))
	s.load()
	s.must(s.gateway.Reload(testContext(t), s.config, s.policy))
	if after := s.gateway.Snapshot().CertExpiry; !after.After(expiry) {
		t.Errorf("the certificate ends at %s as before", after)
	}
	if got := s.gateway.timeouts().IdleClient; got != time.Hour {
		t.Errorf("the timeout of idle clients is %s", got)
	}
	_, err = pgx.Connect(testContext(t), s.clientURL("app"))
	wantCode(t, err, "53300")
	mustExec(t, staying, "SELECT 1")
	if !strings.Contains(s.log.String(), "take effect with the next start\" keys=[listen.address]") {
		t.Errorf("the log does not name the key:\n%s", s.log)
	}
	s.gateway.RefuseReload(errors.New("no file"))
	s.wantMetrics(`portcullis_reloads_total{result="done"} 1`, `portcullis_reloads_total{result="failed"} 1`)
	events, err := os.ReadFile(filepath.Join(s.folder, "audit.jsonl"))
	s.must(err)
	if strings.Count(string(events), `"action":"reload"`) != 2 || strings.Count(string(events), `"action":"reload","decision":"refuse"`) != 1 {
		t.Errorf("%s", events)
	}
}

// While a reload waits for a server, clients come and go, and a shutdown does not wait for it.
func TestReloadHoldsNobodyUp(t *testing.T) {
	var block atomic.Bool
	blocked, release := make(chan struct{}, 100), make(chan struct{})
	s := newShopWith(t, Options{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		if block.Load() {
			blocked <- struct{}{}
			<-release
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}})
	text, err := os.ReadFile(s.path())
	s.must(err)
	changed := strings.ReplaceAll(string(text), `url: "`, `pool: {max: 7}, url: "`)
	if changed == string(text) {
		t.Fatal("the configuration has no datasource to change")
	}
	s.must(os.WriteFile(s.path(), []byte(changed), 0o600))
	s.load()
	block.Store(true)
	reloaded := make(chan error, 1)
	go func() { reloaded <- s.gateway.Reload(testContext(t), s.config, s.policy) }()
	<-blocked
	conn := s.connect("app")
	mustExec(t, conn, "BEGIN")
	mustExec(t, conn, "ROLLBACK")
	_ = s.gateway.NotReady()
	s.must(s.gateway.Shutdown(testContext(t)))
	close(release)
	if err := <-reloaded; !errors.Is(err, ErrClosed) {
		t.Errorf("the reload of a gateway that is shut down: %v", err)
	}
}

func TestNeedsRestart(t *testing.T) {
	s := newShop(t)
	text, err := os.ReadFile(s.path())
	s.must(err)
	running := s.config
	s.load()
	if keys := NeedsRestart(running, s.config); len(keys) != 0 {
		t.Errorf("the same configuration: %v", keys)
	}
	s.must(os.WriteFile(s.path(), []byte(strings.Replace(string(text), `{address: "127.0.0.1:0"}`,
		`{address: "127.0.0.1:1", unix: {path: /tmp}}`, 1)+"admin: {}\nlog: {format: json, level: debug}\n"), 0o600))
	s.load()
	if keys := NeedsRestart(running, s.config); !reflect.DeepEqual(keys, []string{"listen.address", "listen.unix", "admin", "log.format"}) {
		t.Errorf("%v", keys)
	}
}
