package pool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// The rules of a pool, each as a story: what is done, and behind the arrow what comes of it, in any order. Time is the
// test's own.
//
//	claim NAME [user=U/2] [startup=S]   somebody wants a connection: "NAME=1" says that he got the first one that was dialled
//	release NAME, discard NAME          he gives it back, or throws it away
//	go NAME                             he is not there any more, without a word
//	cancel NAME                         he does not want to wait any more
//	cancelling NAME, cancelled NAME     a cancel request for what he runs is under way; has reached the server
//	die N, mute N, promote N            the server of connection N goes; does not answer; is not a standby any more
//	dial MODE                           later dials are ok, take a second (slow), or fail: refused, hang, or a SQLSTATE
//	sleep DURATION, close, close idle
var rules = []struct {
	name    string
	options Options
	story   string
}{
	{"a connection is used again", Options{Max: 2}, `
		claim a             -> a=1 dial
		release a           ->
		claim b             -> b=1
		release b           -> `},
	{"the one that was used last is used first", Options{Max: 3}, `
		claim a             -> a=1 dial
		claim b             -> b=2 dial
		release a           ->
		release b           ->
		claim c             -> c=2
		claim d             -> d=1`},
	{"max bounds, and who came first is served first", Options{Max: 1}, `
		claim a             -> a=1 dial
		claim b             ->
		claim c             ->
		release a           -> b=1
		release b           -> c=1
		release c           -> `},
	{"who does not want to wait any more is passed over", Options{Max: 1}, `
		claim a             -> a=1 dial
		claim b             ->
		claim c             ->
		cancel b            -> b:canceled
		release a           -> c=1`},
	{"who is not there any more is found while he waits", Options{Max: 1, Wait: time.Minute}, `
		claim a             -> a=1 dial
		claim b             ->
		claim c user=u/1    ->
		claim d user=u/1    ->
		go b                ->
		go d                ->
		sleep 2s            -> b:08006 d:08006
		release a           -> c=1`},
	{"a connection that is thrown away makes room", Options{Max: 1}, `
		claim a             -> a=1 dial
		claim b             ->
		discard a           -> b=2 closed1 dial`},
	{"dials count", Options{Max: 1}, `
		dial slow           ->
		claim a             -> dial
		claim b             ->
		sleep 1s            -> a=1
		release a           -> b=1`},
	{"a waiter takes what comes first", Options{Max: 2}, `
		claim a             -> a=1 dial
		dial slow           ->
		claim b             -> dial
		release a           -> b=1
		claim c             ->
		sleep 1s            -> c=2`},
	{"what nobody waits for any more is kept", Options{Max: 2}, `
		dial slow           ->
		claim a             -> dial
		cancel a            -> a:canceled
		sleep 1s            ->
		claim b             -> b=1`},
	{"few dials at one time", Options{Max: 10}, `
		dial slow           ->
		claim a             -> dial
		claim b             -> dial
		claim c             -> dial
		claim d             -> dial
		claim e             ->
		sleep 1s            -> a=1 b=2 c=3 d=4 dial
		sleep 1s            -> e=5`},
	{"a wait ends", Options{Max: 1, Wait: 10 * time.Second}, `
		claim a             -> a=1 dial
		claim b             ->
		sleep 4s            ->
		claim c             ->
		sleep 6s            -> b:53300
		sleep 4s            -> c:53300
		release a           ->
		claim d             -> d=1`},
	{"the reserve is for those who have waited", Options{Max: 1, Reserve: 1, ReserveAfter: 5 * time.Second}, `
		claim a             -> a=1 dial
		claim b             ->
		sleep 3s            ->
		claim c             ->
		sleep 2s            -> b=2 dial
		sleep 5s            ->
		release b           -> c=2
		release a           -> closed1
		release c           ->
		claim d             -> d=2`},
	{"the reserve is closed when nobody needs it", Options{Max: 1, Reserve: 2, ReserveAfter: time.Second}, `
		claim a             -> a=1 dial
		claim b             ->
		claim c             ->
		sleep 1s            -> b=2 c=3 dial dial
		release c           -> closed3
		release b           -> closed2
		release a           ->
		claim d             -> d=1`},
	{"min is opened at once, and kept", Options{Max: 5, Min: 2, Idle: time.Minute}, `
		                    -> dial dial
		claim a             -> a=2
		claim b             -> b=1
		claim c             -> c=3 dial
		release a           ->
		release b           ->
		release c           ->
		sleep 90s           -> closed2
		claim d             -> d=3
		claim e             -> e=1
		discard d           -> closed3 dial`},
	{"idle ones are closed", Options{Max: 3, Idle: time.Minute}, `
		claim a             -> a=1 dial
		claim b             -> b=2 dial
		release a           ->
		sleep 40s           ->
		release b           ->
		sleep 30s           -> closed1
		sleep 40s           -> closed2`},
	{"old ones are closed while idle", Options{Max: 3, Life: time.Hour}, `
		claim a             -> a=1 dial
		release a           ->
		sleep 50m           ->
		sleep 11m           -> closed1
		claim b             -> b=2 dial`},
	{"old ones are closed on release", Options{Max: 1, Life: time.Hour}, `
		claim a             -> a=1 dial
		claim b             ->
		sleep 61m           ->
		release a           -> b=2 closed1 dial`},
	{"what was idle for long is checked first", Options{Max: 2, CheckAfter: 30 * time.Second}, `
		claim a             -> a=1 dial
		release a           ->
		sleep 31s           ->
		claim b             -> b=1 sync1
		release b           ->
		claim c             -> c=1`},
	{"what has died while idle is replaced", Options{Max: 2, CheckAfter: 30 * time.Second}, `
		claim a             -> a=1 dial
		release a           ->
		sleep 31s           ->
		die 1               -> closed1
		claim b             -> b=2 dial`},
	{"what does not answer is replaced", Options{Max: 1, CheckAfter: 30 * time.Second}, `
		claim a             -> a=1 dial
		release a           ->
		mute 1              ->
		sleep 31s           ->
		claim b             ->
		sleep 2s            ->
		sleep 1s            -> b=2 closed1 dial`},
	{"a server that has lost its role is replaced when that is found", Options{Max: 1, CheckAfter: 30 * time.Second}, `
		claim a             -> a=1 dial
		release a           ->
		promote 1           ->
		sleep 31s           ->
		claim b             -> b=2 closed1 dial sync1`},
	{"a failed dial is told, and no other one follows at once", Options{Max: 5, BackoffMin: 4 * time.Second, BackoffMax: 8 * time.Second}, `
		dial refused        ->
		claim a             -> a:08006 dial
		claim b             -> b:08006
		sleep 3s            ->
		claim c             -> c:08006 dial
		sleep 2s            ->
		claim d             -> d:08006
		sleep 4s            ->
		dial ok             ->
		claim e             -> e=1 dial
		claim f             -> f=2 dial`},
	{"while dials fail, one at a time finds out", Options{Max: 5, BackoffMin: time.Second}, `
		dial refused        ->
		claim a             -> a:08006 dial
		sleep 2s            ->
		dial hang           ->
		claim b             -> dial
		claim c             ->
		sleep 1s            -> b:08006 c:08006`},
	{"while dials fail, what is idle is used", Options{Max: 5, BackoffMin: 4 * time.Second}, `
		claim a             -> a=1 dial
		release a           ->
		dial refused        ->
		claim b             -> b=1
		claim c             -> dial
		claim d             ->
		release b           -> c=1
		release c           -> d=1`},
	{"min is tried again", Options{Max: 5, Min: 1, BackoffMin: 4 * time.Second, BackoffMax: time.Minute}, `
		                    -> dial
		dial refused        ->
		claim a             -> a=1
		discard a           -> closed1 dial
		sleep 3s            -> dial
		sleep 2s            ->
		dial ok             ->
		sleep 4s            -> dial
		claim b             -> b=2`},
	{"what the server says of a state that passes is told", Options{Max: 5}, `
		dial 57P03          ->
		claim a             -> a:57P03 dial
		dial 53300          ->
		sleep 1s            ->
		claim b             -> b:53300 dial
		dial 28P01          ->
		sleep 1s            ->
		claim c             -> c:08006 dial
		dial 3D000          ->
		sleep 1s            ->
		claim d             -> d:08006 dial`},
	{"parameters that the server does not like are one client's affair", Options{Max: 5, BackoffMin: time.Minute}, `
		dial 22023          ->
		claim a startup=x   -> a:22023 dial
		dial ok             ->
		claim b             -> b=1 dial
		claim c startup=y   -> c=2 dial`},
	{"each gets one with its own parameters", Options{Max: 5}, `
		claim a startup=x   -> a=1 dial
		claim b startup=y   -> b=2 dial
		claim c             -> c=3 dial
		release a           ->
		release b           ->
		release c           ->
		claim d             -> d=3
		claim e startup=x   -> e=1
		claim f startup=y   -> f=2`},
	{"one with other parameters is closed to make room", Options{Max: 2}, `
		claim a startup=x   -> a=1 dial
		claim b startup=y   -> b=2 dial
		release a           ->
		release b           ->
		claim c startup=z   -> c=3 closed1 dial
		claim d startup=z   -> d=4 closed2 dial
		claim e startup=x   ->
		claim f startup=z   ->
		release c           -> closed3 dial e=5
		release d           -> f=4`},
	{"a user has no more than he may, and is in nobody's way", Options{Max: 3}, `
		claim a user=u/1    -> a=1 dial
		claim b user=u/1    ->
		claim c user=u/1    ->
		claim d user=v/1    -> d=2 dial
		claim e             -> e=3 dial
		claim f             ->
		release a           -> b=1
		release d           -> f=2
		release b           -> c=1`},
	{"a user who may again has kept his turn", Options{Max: 2}, `
		claim a user=u/1    -> a=1 dial
		claim b             -> b=2 dial
		claim c user=u/1    ->
		claim d             ->
		release a           -> c=1
		release b           -> d=2`},
	{"a user who gives up lets his next one in", Options{Max: 1}, `
		claim x             -> x=1 dial
		claim a user=u/1    ->
		claim b user=u/1    ->
		claim c             ->
		cancel a            -> a:canceled
		release x           -> b=1
		release b           -> c=1`},
	{"a user's wait ends too", Options{Max: 5, Wait: 10 * time.Second}, `
		claim a user=u/1    -> a=1 dial
		claim b user=u/1    ->
		sleep 10s           -> b:53300
		release a           ->
		claim c user=u/1    -> c=1`},
	{"a cancel request that is under way keeps a connection from the next one", Options{Max: 1}, `
		claim a             -> a=1 dial
		cancelling a        ->
		cancelling a        ->
		claim b             ->
		release a           ->
		cancelled a         ->
		cancelled a         -> b=1
		cancelling b        ->
		discard b           -> closed1
		cancelled b         ->
		claim c             -> c=2 dial
		cancelling c        ->
		release c           ->
		close               ->
		cancelled c         -> closed2`},
	{"the end", Options{Max: 2}, `
		claim a             -> a=1 dial
		claim b             -> b=2 dial
		release b           ->
		claim c             -> c=2
		claim d             ->
		release c           -> d=2
		release d           ->
		claim e             -> e=2
		claim f             ->
		close               -> f:57P01
		claim g             -> g:57P01
		release a           -> closed1
		release e           -> closed2`},
	{"the end while a dial is under way", Options{Max: 2}, `
		dial slow           ->
		claim a             -> dial
		close               -> a:57P01`},
	{"all that are idle can be closed", Options{Max: 2}, `
		claim a             -> a=1 dial
		claim b             -> b=2 dial
		release b           ->
		close idle          -> closed2
		release a           ->
		claim c             -> c=1`},
}

func TestRules(t *testing.T) {
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, rule.options)
				defer w.close()
				for line := range strings.SplitSeq(strings.TrimSpace(rule.story), "\n") {
					step, want, ok := strings.Cut(line, "->")
					if !ok {
						t.Fatalf("%q has no arrow", line)
					}
					w.do(strings.TrimSpace(step))
					synctest.Wait()
					words := strings.Fields(want)
					slices.Sort(words)
					if got := w.happened(); got != strings.Join(words, " ") {
						t.Errorf("%s\ngives %q", strings.TrimSpace(line), got)
					}
				}
			})
		})
	}
}

// world is a pool with servers and clients of a test.
type world struct {
	t    testing.TB
	pool *Pool

	mu      sync.Mutex
	events  []string
	mode    string
	servers []*fakeServer
	holders map[string]*Server
	cancels map[string]context.CancelFunc
	gone    map[string]bool
	waiting sync.WaitGroup
}

func newWorld(t testing.TB, o Options) *world { return newWorldWith(t, o, (*world).dial) }

func newWorldWith(t testing.TB, o Options, dial func(*world, context.Context, *Startup) (*Server, error)) *world {
	w := &world{t: t, mode: "ok", holders: map[string]*Server{}, cancels: map[string]context.CancelFunc{}, gone: map[string]bool{}}
	o.Dial = func(ctx context.Context, startup *Startup) (*Server, error) { return dial(w, ctx, startup) }
	o.Datasource, o.Log = "ds_0", slog.New(slog.NewTextHandler(io.Discard, nil))
	o.Random = func() float64 { return 0 }
	w.pool = New(o)
	return w
}

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, fmt.Sprintf(format, args...))
}

func (w *world) happened() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.events)
	text := strings.Join(w.events, " ")
	w.events = nil
	return text
}

func (w *world) do(step string) {
	words := append(strings.Fields(step), "", "", "")
	switch words[0] {
	case "":
	case "claim":
		w.claim(words[1], words[2:])
	case "release":
		w.pool.Release(w.holders[words[1]])
	case "discard":
		w.pool.Discard(w.holders[words[1]])
	case "go":
		w.mu.Lock()
		w.gone[words[1]] = true
		w.mu.Unlock()
	case "cancel":
		w.cancels[words[1]]()
	case "cancelling":
		w.holders[words[1]].cancels.begin()
	case "cancelled":
		w.holders[words[1]].cancels.end()
	case "dial":
		w.mu.Lock()
		w.mode = words[1]
		w.mu.Unlock()
	case "sleep":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(d)
	case "die":
		_ = w.server(words[1]).far.Close()
	case "mute":
		w.server(words[1]).mute.Store(true)
	case "promote":
		w.server(words[1]).promoted.Store(true)
	case "close":
		if words[1] == "idle" {
			w.pool.CloseIdle()
		} else {
			w.pool.Close()
		}
	default:
		w.t.Fatalf("unknown step %q", step)
	}
}

func (w *world) server(number string) *fakeServer {
	n, err := strconv.Atoi(number)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[n-1]
}

func (w *world) claim(name string, words []string) {
	c := &Claim{Gone: func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.gone[name]
	}}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "user":
			user, bound, _ := strings.Cut(value, "/")
			c.User = user
			c.UserMax, _ = strconv.Atoi(bound)
		case "startup":
			c.Startup = NewStartup(map[string]string{"application_name": value})
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancels[name] = cancel
	w.waiting.Go(func() {
		s, err := w.pool.Acquire(ctx, c)
		var state *sqlstate.Error
		switch {
		case err == nil:
			w.mu.Lock()
			w.holders[name] = s
			w.mu.Unlock()
			w.note("%s=%d", name, s.pid)
			if !s.Startup.same(c.Startup) {
				w.note("with other parameters")
			}
		case errors.As(err, &state):
			w.note("%s:%s", name, state.Code)
		case errors.Is(err, context.Canceled):
			w.note("%s:canceled", name)
		default:
			w.note("%s:%v", name, err)
		}
	})
}

func (w *world) dial(ctx context.Context, startup *Startup) (*Server, error) {
	w.mu.Lock()
	mode := w.mode
	w.mu.Unlock()
	w.note("dial")
	switch mode {
	case "ok":
	case "slow":
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	case "hang":
		time.Sleep(time.Second)
		return nil, context.DeadlineExceeded
	case "refused":
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	default:
		return nil, &pgconn.PgError{Code: mode, Message: "no"}
	}
	near, far := net.Pipe()
	w.mu.Lock()
	defer w.mu.Unlock()
	f := &fakeServer{near: near, far: far, number: len(w.servers) + 1}
	w.servers = append(w.servers, f)
	w.waiting.Go(func() { f.run(w) })
	return newFakeServer(near, f.number), nil
}

// close ends everything and checks that nothing is left.
func (w *world) close() {
	w.pool.Close()
	for _, cancel := range w.cancels {
		cancel()
	}
	synctest.Wait()
	for _, s := range w.holders {
		if !s.Broken() {
			w.pool.Release(s)
		}
	}
	w.waiting.Wait()
	synctest.Wait()
	if s := w.pool.Stats(); s.Used+s.Idle+s.Dialling+s.Checking+s.Waiting != 0 || w.pool.open != 0 || w.pool.closing != 0 {
		w.t.Errorf("left: %+v, %d open, %d closing", s, w.pool.open, w.pool.closing)
	}
}

// newFakeServer makes a Server of a connection that behaves as if it had been authenticated.
func newFakeServer(nc net.Conn, number int) *Server {
	s := &Server{conn: wire.NewConn(nc, wire.Limits{}, nil), datasource: "ds_0", pid: uint32(number), status: wire.StatusIdle,
		parameters: map[string]string{inHotStandby: "on"}, statements: newStatements(0)}
	s.standby = "on"
	s.conn.Authenticated()
	return s
}

// fakeServer answers Sync.
type fakeServer struct {
	near, far      net.Conn
	number         int
	mute, promoted atomic.Bool
}

func (f *fakeServer) run(w *world) {
	defer w.note("closed%d", f.number)
	defer f.far.Close()
	conn := wire.NewConn(f.far, wire.Limits{}, nil)
	for {
		m, err := conn.Read(context.Background())
		if err != nil || m.Type == wire.TypeTerminate {
			return
		}
		if m.Type != wire.TypeSync || f.mute.Load() {
			continue
		}
		w.note("sync%d", f.number)
		if f.promoted.Load() {
			conn.Out.ParameterStatus(inHotStandby, "off")
		}
		conn.Out.ReadyForQuery(wire.StatusIdle)
		if conn.Flush(context.Background()) != nil {
			return
		}
	}
}
