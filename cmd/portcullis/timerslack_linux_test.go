package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTimerSlack looks at every thread of the test's own process: its monitor is one of them.
func TestTimerSlack(t *testing.T) {
	threads, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads %v, %v", threads, err)
	}
	for _, thread := range threads {
		path := filepath.Join("/proc", filepath.Base(thread), "timerslack_ns")
		slack, err := os.ReadFile(path)
		if os.IsNotExist(err) || os.IsPermission(err) {
			continue // the thread has ended; or only the process's own may be read
		}
		if err != nil || strings.TrimSpace(string(slack)) != "1000000" {
			t.Errorf("%s: %q, %v", path, slack, err)
		}
	}
}
