package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testKey is a fixed key, so that logs of tests are the same bytes each time.
var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func testPublicKey() ed25519.PublicKey { return testKey.Public().(ed25519.PublicKey) }

// testClock ticks a second at each look.
func testClock() func() time.Time {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var mutex sync.Mutex
	return func() time.Time {
		mutex.Lock()
		defer mutex.Unlock()
		now = now.Add(time.Second)
		return now
	}
}

func testOptions(dir string) Options {
	return Options{SigningKey: testKey, AnchorPath: filepath.Join(dir, "anchors.jsonl"), AnchorInterval: time.Hour,
		NoSync: true, Random: bytes.NewReader(bytes.Repeat([]byte{9}, 16))}
}

func mustOpen(t testing.TB, path string, options Options) *Log {
	t.Helper()
	l, err := Open(path, options)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustClose(t testing.TB, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func record(t testing.TB, l *Log, statement string) {
	t.Helper()
	if err := l.Record(context.Background(), &Event{Kind: KindStatement, Statement: statement}); err != nil {
		t.Fatal(err)
	}
}

// verifyIntact verifies a log with its anchors and returns the report.
func verifyIntact(t testing.TB, path string, options Options) *Report {
	t.Helper()
	r, err := Verify(bytes.NewReader(read(t, path)), bytes.NewReader(read(t, options.AnchorPath)), testPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Intact() {
		t.Fatalf("not intact: %s\n%s", findings(r), read(t, path))
	}
	return r
}

func TestRecordContinuesAfterReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	for _, name := range []string{"first", "second", "third"} {
		l := mustOpen(t, path, options)
		record(t, l, name)
		mustClose(t, l)
	}
	r := verifyIntact(t, path, options)
	if r.Events != 4 || r.Recoveries != 0 || r.LastSeq != 8 || r.AnchoredSeq != 8 {
		t.Errorf("got %+v", r)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestRecordReturnsWhenDurable holds up the disk and sees that Record waits, and that all who waited share one batch.
func TestRecordReturnsWhenDurable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	options.NoSync = false
	inSync, release := make(chan struct{}, 1000), make(chan struct{})
	disk := &faultyDisk{onSync: func() { inSync <- struct{}{}; <-release }}
	go func() { release <- struct{}{}; release <- struct{}{} }() // Open syncs the log and its anchor
	l, err := open(path, options, disk.open)
	if err != nil {
		t.Fatal(err)
	}
	<-inSync
	<-inSync
	done := make(chan error)
	start := func(sessions int) {
		for i := range sessions {
			go func() {
				done <- l.Record(context.Background(), &Event{Kind: KindStatement, Session: fmt.Sprint(i)})
			}()
		}
	}
	start(1)
	<-inSync
	const others = 50
	start(others)
	for pending := 0; pending < others; time.Sleep(time.Millisecond) {
		l.mutex.Lock()
		pending = len(l.pending.ends)
		l.mutex.Unlock()
	}
	select {
	case <-done:
		t.Fatal("Record returned before the disk had the event")
	default:
	}
	release <- struct{}{}
	<-done
	release <- struct{}{}
	for range others {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	mustClose(t, l)
	if r := verifyIntact(t, path, options); r.Batches != 3 || r.Events != 2+others {
		t.Errorf("%d events in %d batches", r.Events, r.Batches)
	}
}

func TestRecordConcurrently(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	options.AnchorInterval = time.Millisecond
	l := mustOpen(t, path, options)
	const sessions, each = 64, 40
	var wait sync.WaitGroup
	for s := range sessions {
		wait.Go(func() {
			for i := range each {
				if err := l.Record(context.Background(), &Event{Kind: KindStatement, Session: fmt.Sprintf("<%d-%d>", s, i)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	mustClose(t, l)
	if r := verifyIntact(t, path, options); r.Events != 1+sessions*each || r.AnchoredSeq != r.LastSeq {
		t.Errorf("got %+v", r)
	}
	content := string(read(t, path))
	for s := range sessions {
		last := -1
		for i := range each { // a session's events stand in its order
			at := strings.Index(content, fmt.Sprintf("<%d-%d>", s, i))
			if at <= last {
				t.Fatalf("event %d of session %d is at %d, the one before it at %d", i, s, at, last)
			}
			last = at
		}
	}
}

// TestBatchLimits makes batches that are full by count and by size.
func TestBatchLimits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	l := mustOpen(t, path, options)
	var wait sync.WaitGroup
	for i := range 3 * batchEventsMax {
		wait.Go(func() {
			statement := ""
			if i%4 == 0 {
				statement = strings.Repeat("x", statementBytesMax)
			}
			if err := l.Record(context.Background(), &Event{Kind: KindStatement, Statement: statement}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	mustClose(t, l)
	if r := verifyIntact(t, path, options); r.Events != 1+3*batchEventsMax {
		t.Errorf("got %+v", r)
	}
}

func TestRecordRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l := mustOpen(t, path, testOptions(t.TempDir()))
	ctx := context.Background()
	for _, kind := range []Kind{"", kindLog, kindBatch, kindGap, kindRecovery, "x\ny"} {
		if err := l.Record(ctx, &Event{Kind: kind}); !errors.Is(err, ErrKind) {
			t.Errorf("kind %q: %v", kind, err)
		}
	}
	long := strings.Repeat("\x00", textBytesMax)
	columns := make([]Column, columnsMax)
	for i := range columns {
		columns[i] = Column{Table: long, Column: long}
	}
	if err := l.Record(ctx, &Event{Kind: KindStatement, Columns: columns}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too large: %v", err)
	}
	record(t, l, "still works")
	mustClose(t, l)
	mustClose(t, l)
	if err := l.Record(ctx, &Event{Kind: KindAdmin}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestOpenNeedsAKey(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "audit.jsonl"), Options{}); !errors.Is(err, ErrNoKey) {
		t.Errorf("got %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, path string, options *Options)
		want   error
	}{
		{"a cut log", func(t *testing.T, path string, _ *Options) {
			content := split(read(t, path))
			write(t, path, content.without(len(content)-2, len(content)).join())
		}, ErrTruncated},
		{"a removed log", func(t *testing.T, path string, _ *Options) { write(t, path, nil) }, ErrTruncated},
		{"a changed last batch", func(t *testing.T, path string, _ *Options) {
			content := split(read(t, path))
			write(t, path, content.flip(len(content)-2, 40).join())
		}, ErrChanged},
		{"two changed batches", func(t *testing.T, path string, _ *Options) {
			content := split(read(t, path))
			write(t, path, content.flip(len(content)-2, 40).flip(len(content)-4, 40).join())
		}, ErrChanged},
		{"a changed first line", func(t *testing.T, path string, _ *Options) {
			write(t, path, split(read(t, path)).replace(1, `"version":1`, `"version":2`).join())
		}, ErrChanged},
		{"a rubbish log", func(t *testing.T, path string, _ *Options) { write(t, path, []byte("rubbish\n")) }, ErrTruncated},
		{"a batch that is not signed", func(t *testing.T, path string, _ *Options) {
			content := split(read(t, path))
			write(t, path, content.with(len(content), content.flip(len(content)-1, -9)[len(content)-2:]...).join())
		}, ErrChanged},
		{"removed anchors", func(t *testing.T, _ string, o *Options) { write(t, o.AnchorPath, nil) }, ErrAnchors},
		{"rubbish anchors", func(t *testing.T, _ string, o *Options) { write(t, o.AnchorPath, []byte("rubbish\n")) }, ErrAnchors},
		{"anchors of another log", func(t *testing.T, _ string, o *Options) {
			a := anchor{chain: chain{seq: 2}}
			write(t, o.AnchorPath, a.appendTo(nil, testKey))
		}, ErrAnchors},
		{"an anchor of another end", func(t *testing.T, path string, o *Options) {
			lines := split(read(t, o.AnchorPath))
			a, _ := parseAnchor(lines[len(lines)-2], testPublicKey())
			a.hash[0]++
			write(t, o.AnchorPath, a.appendTo(nil, testKey))
		}, ErrChanged},
		{"another key", func(t *testing.T, _ string, o *Options) {
			o.SigningKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
		}, ErrChanged},
		{"a log that is open", func(t *testing.T, path string, o *Options) {
			l := mustOpen(t, path, *o)
			t.Cleanup(func() { mustClose(t, l) })
		}, ErrInUse},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			options := testOptions(t.TempDir())
			l := mustOpen(t, path, options)
			record(t, l, "one")
			record(t, l, "two")
			mustClose(t, l)
			test.change(t, path, &options)
			before := read(t, path)
			l, err := Open(path, options)
			if err == nil {
				mustClose(t, l)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if !bytes.Equal(read(t, path), before) {
				t.Error("the refused log was changed")
			}
		})
	}
}

func write(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestTornTailIsSetAside leaves half a batch behind, as a crash does.
func TestTornTailIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.jsonl")
	options := testOptions(t.TempDir())
	l := mustOpen(t, path, options)
	record(t, l, "kept")
	mustClose(t, l)
	torn := "{\"seq\":5,\"time\":\"half\nof a batch"
	write(t, path, append(read(t, path), torn...))

	l = mustOpen(t, path, options)
	record(t, l, "after")
	mustClose(t, l)
	if r := verifyIntact(t, path, options); r.Recoveries != 1 {
		t.Errorf("got %+v", r)
	}
	if content := read(t, path); !bytes.Contains(content, []byte(`"kind":"recovery","torn_bytes":32,"torn_lines":1,`)) {
		t.Errorf("no recovery event in\n%s", content)
	}
	aside, err := filepath.Glob(path + ".torn-*")
	if err != nil || len(aside) != 1 || string(read(t, aside[0])) != torn {
		t.Errorf("set aside: %q (%v)", aside, err)
	}
}

// history is what a program does with a log: it opens it, records events one by one, closes it, twice over. It returns
// the events that Record has confirmed, and whether all went well.
func history(path string, options Options, disk *faultyDisk) (confirmed []string, ok bool) {
	ok = true
	for _, run := range []string{"a", "b"} {
		l, err := open(path, options, disk.open)
		if err != nil {
			return confirmed, false
		}
		for i := range 4 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
			if disk.dies && disk.hasFailed() {
				cancel() // nothing will be written any more
			}
			name := fmt.Sprintf("<%s%d>", run, i)
			result := make(chan error, 1)
			go func() { result <- l.Record(ctx, &Event{Kind: KindStatement, Statement: name}) }()
			for done := false; !done; {
				select {
				case err := <-result:
					done = true
					if err == nil {
						confirmed = append(confirmed, name)
					} else {
						ok = false
					}
				case <-time.After(5 * time.Millisecond):
					if disk.dies && disk.hasFailed() {
						cancel()
					}
				}
			}
			cancel()
		}
		if err := l.Close(); err != nil {
			return confirmed, false
		}
	}
	return confirmed, ok
}

// TestCrashAtEachOperation lets the disk die at the n-th operation, for every n. Afterwards the log opens, goes on, is
// intact, and has every event that was confirmed.
func TestCrashAtEachOperation(t *testing.T) {
	for _, holes := range []bool{false, true} {
		for n := 1; ; n++ {
			disk := &faultyDisk{failAt: n, dies: true, holes: holes}
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			options := testOptions(t.TempDir())
			options.NoSync = false
			options.Random = nil
			confirmed, ok := history(path, options, disk)
			if !disk.hasFailed() {
				if !ok || len(confirmed) != 8 {
					t.Fatalf("without a fault: %v", confirmed)
				}
				break
			}
			l, err := Open(path, options)
			if err != nil {
				t.Fatalf("crash at operation %d (holes %v): %v", n, holes, err)
			}
			record(t, l, "<after>")
			mustClose(t, l)
			verifyIntact(t, path, options)
			for _, name := range append(confirmed, "<after>") {
				if bytes.Count(read(t, path), []byte(name)) != 1 {
					t.Fatalf("crash at operation %d (holes %v): event %s is not there once", n, holes, name)
				}
			}
		}
	}
}

// TestEachOperationFailsOnce lets only the n-th operation fail, for every n. With OnFullBlock nothing is lost; with
// OnFullGap what is lost is counted.
func TestEachOperationFailsOnce(t *testing.T) {
	for _, onFull := range []OnFull{OnFullBlock, OnFullGap} {
		for n := 1; ; n++ {
			var alarms []error
			disk := &faultyDisk{failAt: n}
			path := filepath.Join(t.TempDir(), "audit.jsonl")
			options := testOptions(t.TempDir())
			options.NoSync = false
			options.Random = nil
			options.OnFull = onFull
			options.Alarm = func(err error) { alarms = append(alarms, err) }
			confirmed, ok := history(path, options, disk)
			if !disk.hasFailed() {
				break
			}
			if !ok { // Open or Close said so
				mustClose(t, mustOpen(t, path, options))
			}
			r := verifyIntact(t, path, options)
			present := 0
			for _, name := range confirmed {
				present += bytes.Count(read(t, path), []byte(name))
			}
			if present+int(r.Missed) != len(confirmed) {
				t.Fatalf("operation %d: %d events confirmed, %d there, %d counted as missed", n, len(confirmed), present, r.Missed)
			}
			if onFull == OnFullBlock && r.Missed != 0 {
				t.Fatalf("operation %d: blocking log missed %d events", n, r.Missed)
			}
			if ok && (len(alarms) != 2 || !errors.Is(alarms[0], errDisk) || alarms[1] != nil) {
				t.Fatalf("operation %d: alarms %v", n, alarms)
			}
		}
	}
}

// TestMovedLogTakesNoEvents moves the file away and back.
func TestMovedLogTakesNoEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	alarms := make(chan error, 10)
	options.Alarm = func(err error) { alarms <- err }
	l := mustOpen(t, path, options)
	record(t, l, "before")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	recorded := make(chan error)
	go func() {
		recorded <- l.Record(context.Background(), &Event{Kind: KindStatement, Statement: "meanwhile"})
	}()
	if err := <-alarms; !errors.Is(err, ErrMoved) {
		t.Fatalf("got alarm %v", err)
	}
	select {
	case err := <-recorded:
		t.Fatalf("an event was confirmed (%v) that nobody will find", err)
	default:
	}
	if err := os.Rename(path+".1", path); err != nil {
		t.Fatal(err)
	}
	if err := <-recorded; err != nil {
		t.Fatal(err)
	}
	if err := <-alarms; err != nil {
		t.Fatalf("got alarm %v", err)
	}
	mustClose(t, l)
	if r := verifyIntact(t, path, options); r.Events != 3 {
		t.Errorf("got %+v", r)
	}
}

// TestVerifyFilesOfARunningLog verifies again and again while sessions record.
func TestVerifyFilesOfARunningLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	options.AnchorInterval = time.Millisecond
	l := mustOpen(t, path, options)
	const sessions, each = 4, 200
	var wait sync.WaitGroup
	for range sessions {
		wait.Go(func() {
			for range each {
				record(t, l, "x")
			}
		})
	}
	for events := int64(0); events < 1+sessions*each; {
		r, err := VerifyFiles(path, options.AnchorPath, testPublicKey())
		if err != nil {
			t.Fatal(err)
		}
		if !r.Intact() {
			t.Errorf("found %s", findings(r))
		}
		events = r.Events
	}
	wait.Wait()
	mustClose(t, l)
}

// TestGapIsToldWithoutFurtherEvents loses the last event and sees the count in the log all the same.
func TestGapIsToldWithoutFurtherEvents(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	options.OnFull = OnFullGap
	disk := &faultyDisk{failAt: 3} // the write of the event; Open writes a batch and an anchor
	l, err := open(path, options, disk.open)
	if err != nil {
		t.Fatal(err)
	}
	record(t, l, "lost")
	mustClose(t, l)
	if r := verifyIntact(t, path, options); r.Missed != 1 || r.Events != 2 {
		t.Errorf("got %+v", r)
	}
}

// TestGapPatience holds the disk up for longer than a session is made to wait.
func TestGapPatience(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	options := testOptions(t.TempDir())
	options.OnFull = OnFullGap
	options.NoSync = false
	var hold sync.Mutex
	disk := &faultyDisk{onSync: func() { hold.Lock(); defer hold.Unlock() }}
	l, err := open(path, options, disk.open)
	if err != nil {
		t.Fatal(err)
	}
	hold.Lock()
	const events = 2*batchEventsMax + 50 // one batch is being written or waits for it, one is pending, the rest has no room
	var wait sync.WaitGroup
	for range events {
		wait.Go(func() { record(t, l, "x") })
	}
	wait.Wait()
	hold.Unlock()
	mustClose(t, l)
	r := verifyIntact(t, path, options)
	if r.Missed == 0 || r.Missed > events-batchEventsMax {
		t.Errorf("missed %d", r.Missed)
	}
	if there := bytes.Count(read(t, path), []byte(`"statement":"x"`)); there+int(r.Missed) != events {
		t.Errorf("%d there, %d missed, of %d", there, r.Missed, events)
	}
}

func BenchmarkRecord(b *testing.B) {
	for _, durable := range []bool{true, false} {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("fsync=%v/goroutines=%d", durable, goroutines), func(b *testing.B) {
				options := testOptions(b.TempDir())
				options.NoSync, options.AnchorInterval = !durable, 0
				path := filepath.Join(b.TempDir(), "audit.jsonl")
				l := mustOpen(b, path, options)
				event := Event{Kind: KindStatement, Session: "4711", User: "carol", Roles: []string{"support"}, Database: "shop",
					Client: "127.0.0.1:54321", Application: "psql", Decision: "allow",
					Statement: "SELECT name, email, ssn FROM customers WHERE id = $1",
					Columns:   []Column{{"customers", "email", "masked", "policy 2"}, {"customers", "ssn", "masked", "policy 1"}},
					Routes:    []string{"ds_0.customers_1"}, Generation: 3}
				b.ReportAllocs()
				work := make(chan struct{})
				var done sync.WaitGroup
				for range goroutines {
					done.Go(func() {
						for range work {
							if err := l.Record(context.Background(), &event); err != nil {
								b.Error(err)
							}
						}
					})
				}
				for b.Loop() {
					work <- struct{}{}
				}
				close(work)
				done.Wait()
				b.StopTimer()
				mustClose(b, l)
				r := verifyIntact(b, path, options)
				b.ReportMetric(float64(r.Events)/float64(r.Batches), "events/batch")
			})
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	path := filepath.Join(b.TempDir(), "audit.jsonl")
	options := testOptions(b.TempDir())
	l := mustOpen(b, path, options)
	for range 20 {
		batch := newBatch(nil)
		for range 100 {
			batch.add(appendEvent(nil, &Event{Kind: KindStatement, Statement: "SELECT name, email, ssn FROM customers WHERE id = $1"},
				l.options.Clock()))
		}
		if err := l.write(batch); err != nil {
			b.Fatal(err)
		}
	}
	mustClose(b, l)
	log := read(b, path)
	b.SetBytes(int64(len(log)))
	for b.Loop() {
		if r, err := Verify(bytes.NewReader(log), nil, testPublicKey()); err != nil || !r.Intact() {
			b.Fatal(err, r)
		}
	}
}
