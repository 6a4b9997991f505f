package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// childVariable tells a run of this test binary that it is the second process of TestTwoProcesses..., and what it does.
const childVariable = "AUDIT_TEST_CHILD"

// childEvents is how many events each of a child's writers records.
const childEvents = 100

// second is the process that a log is shared with.
type second struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

// startSecond starts this test binary again, with the log's files, and waits until it has opened the log.
func startSecond(t *testing.T, l *Log, folder, what string) *second {
	t.Helper()
	s := &second{command: exec.Command(os.Args[0], "-test.run=^TestSecondProcess$")}
	s.command.Env = append(os.Environ(), childVariable+"="+what+" "+folder)
	s.command.ExtraFiles = l.Share()
	s.command.Stderr = os.Stderr
	var err error
	if s.in, err = s.command.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if s.out = bufio.NewReader(out); s.command.Start() != nil {
		t.Fatal("the second process does not start")
	}
	s.await(t, "open")
	return s
}

func (s *second) await(t *testing.T, word string) {
	t.Helper()
	if line, err := s.out.ReadString('\n'); strings.TrimSpace(line) != word {
		t.Fatalf("the second process says %q, not %q: %v", line, word, err)
	}
}

// TestSecondProcess is the second process; without the variable there is nothing to do.
func TestSecondProcess(t *testing.T) {
	what, folder, ok := strings.Cut(os.Getenv(childVariable), " ")
	if !ok {
		return
	}
	options := testOptions(folder)
	options.AnchorInterval = 1 // as often as it can
	options.Shared = []*os.File{os.NewFile(3, "log"), os.NewFile(4, "anchors")}
	if what == "torn" {
		disk := &faultyDisk{failAt: 2}     // the first is the anchor that Open writes
		options.AnchorInterval = time.Hour // and no other one comes before the batch
		inherited := options.Shared
		l, err := open(filepath.Join(folder, "audit.jsonl"), options, func(path string) (file, int64, error) {
			f, size, err := openShared(&inherited)(path)
			return &faultyFile{lockedFile: f.(*lockedFile), disk: disk, synced: size, size: size}, size, err
		})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println("open")
		log, err := os.Stat(filepath.Join(folder, "audit.jsonl"))
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = l.Record(context.Background(), &Event{Kind: KindStatement, Statement: "torn"}) }()
		for whole := log.Size(); log.Size() == whole; { // until the first half of the batch is there
			if log, err = os.Stat(filepath.Join(folder, "audit.jsonl")); err != nil {
				t.Fatal(err)
			}
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // in the middle of a batch, with the log locked
	}
	l, err := Open(filepath.Join(folder, "audit.jsonl"), options)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("open")
	recordMany(l, "second")
	_, _ = io.ReadAll(os.Stdin) // until the first process has closed the log
	record(t, l, "second alone")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Println("closed")
	os.Exit(0)
}

func recordMany(l *Log, who string) {
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for i := range childEvents {
				if err := l.Record(context.Background(), &Event{Kind: KindStatement, Statement: fmt.Sprintf("%s %d %d.", who, w, i)}); err != nil {
					panic(err)
				}
			}
		}()
	}
	writers.Wait()
}

// Two processes write one log at the same time: there is one chain, and each event is in it once.
func TestTwoProcessesWriteOneChain(t *testing.T) {
	folder := t.TempDir()
	path, options := filepath.Join(folder, "audit.jsonl"), testOptions(folder)
	options.AnchorInterval = 1
	l := mustOpen(t, path, options)
	record(t, l, "before")
	child := startSecond(t, l, folder, "whole")
	recordMany(l, "first")
	mustClose(t, l)
	if _, err := Open(path, options); !errors.Is(err, ErrInUse) {
		t.Errorf("a stranger opens a log that the second process still writes: %v", err)
	}
	_ = child.in.Close()
	child.await(t, "closed")
	if err := child.command.Wait(); err != nil {
		t.Fatal(err)
	}
	verifyIntact(t, path, options)
	text := string(read(t, path))
	for _, who := range []string{"first", "second"} {
		for w := range 4 {
			for i := range childEvents {
				if n := strings.Count(text, fmt.Sprintf("%s %d %d.", who, w, i)); n != 1 {
					t.Errorf("%s %d %d is there %d times", who, w, i, n)
				}
			}
		}
	}
	if strings.Count(text, `"second alone"`) != 1 || strings.Count(text, `"before"`) != 1 {
		t.Error("events of one process alone are missing")
	}
	l = mustOpen(t, path, options)
	record(t, l, "after")
	mustClose(t, l)
	verifyIntact(t, path, options)
}

// The second process ends in the middle of a batch: the first moves aside what it has left, says so, and goes on.
func TestSharedLogSurvivesTheOtherProcess(t *testing.T) {
	folder := t.TempDir()
	path, options := filepath.Join(folder, "audit.jsonl"), testOptions(folder)
	l := mustOpen(t, path, options)
	record(t, l, "before")
	child := startSecond(t, l, folder, "torn")
	_ = child.command.Wait() // it was killed
	record(t, l, "after")
	mustClose(t, l)
	report := verifyIntact(t, path, options)
	if text := string(read(t, path)); !strings.Contains(text, `"after"`) || !strings.Contains(text, `"kind":"recovery"`) {
		t.Errorf("%+v\n%s", report, text)
	}
}

// A process that shares the log, and whose partner cannot open it, goes on as before.
func TestSharedLogWithoutPartner(t *testing.T) {
	folder := t.TempDir()
	path, options := filepath.Join(folder, "audit.jsonl"), testOptions(folder)
	l := mustOpen(t, path, options)
	l.Share()
	for range 3 {
		record(t, l, "alone")
	}
	mustClose(t, l)
	verifyIntact(t, path, options)
}
