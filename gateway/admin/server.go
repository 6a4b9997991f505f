package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// The limits of a Server.
const (
	headerTimeout    = 5 * time.Second  // for a request to arrive
	answerTimeout    = 30 * time.Second // for an answer to be taken
	idleTimeout      = 2 * time.Minute
	headerBytesMax   = 16 << 10
	scrapesMax       = 4 // at one time
	connectionsMax   = 64
	farewellDuration = time.Second // for answers under way when the server closes
)

// Server answers over HTTP.
type Server struct{ http http.Server }

// NewServer makes a Server. log takes what goes wrong with single requests.
func NewServer(source Source, log *slog.Logger) *Server {
	s := &Server{}
	s.http = http.Server{Handler: Handler(source), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout,
		WriteTimeout: answerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytesMax,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	return s
}

// Serve answers on a listener, which it closes, until Close. It returns nil then.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(newBounded(l, connectionsMax))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close stops answering. It waits a moment for answers under way.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewellDuration)
	defer cancel()
	if s.http.Shutdown(ctx) == nil {
		return nil
	}
	return s.http.Close()
}

// Handler answers /livez, /readyz and /metrics.
func Handler(source Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(source), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if reasons := source.NotReady(); len(reasons) > 0 {
			answer(w, http.StatusServiceUnavailable, reasons)
			return
		}
		answer(w, http.StatusOK, nil)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapesMax}))
	return mux
}

// answer writes lines of text; "ok" if there are none.
func answer(w http.ResponseWriter, status int, lines []string) {
	if len(lines) == 0 {
		lines = []string{"ok"}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n") // who asked may have gone
}
