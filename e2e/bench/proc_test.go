package main

import (
	"os"
	"runtime"
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // there is no /proc to read
	}
	before := cpuTime(os.Getpid())
	for began := time.Now(); time.Since(began) < 2*time.Second && cpuTime(os.Getpid()) < before+5*tick; {
	}
	if after := cpuTime(os.Getpid()); after < before+5*tick {
		t.Errorf("two seconds of work took %v to %v", before, after)
	}
	if got := cpuTime(0); got != 0 {
		t.Errorf("no process has used %v", got)
	}
}

func TestResidentBytes(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // there is no /proc to read
	}
	const least = 1 << 20
	if got := residentBytes(os.Getpid()); got < least {
		t.Errorf("this process takes %d bytes", got)
	}
	if got := residentBytes(-1); got != 0 {
		t.Errorf("no process takes %d bytes", got)
	}
}
