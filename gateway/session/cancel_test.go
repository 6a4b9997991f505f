package session

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

func TestCancelsAreBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	var log strings.Builder
	c := NewCancels(3, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	allowed := func(address net.Addr, times int) (n int) {
		for range times {
			if c.Allow(address) {
				n++
			}
		}
		return n
	}
	if n := allowed(tcp("10.0.0.1"), 10); n != 3 {
		t.Errorf("%d at one time", n)
	}
	if n := allowed(tcp("10.0.0.2"), 2); n != 2 {
		t.Errorf("%d from another address", n)
	}
	if n := allowed(tcp("::ffff:10.0.0.1"), 1); n != 0 {
		t.Error("the same address written otherwise counts apart")
	}
	if n := allowed(tcp("2001:db8::1"), 3) + allowed(tcp("2001:db8::2"), 3) + allowed(tcp("2001:db8:0:1::"), 3); n != 6 {
		t.Errorf("%d of two networks of IPv6", n)
	}
	if n := allowed(&net.UnixAddr{}, 5); n != 3 {
		t.Errorf("%d by Unix socket", n)
	}
	now = now.Add(400 * time.Millisecond)
	if n := allowed(tcp("10.0.0.1"), 10); n != 1 {
		t.Errorf("%d soon after", n)
	}
	now = now.Add(time.Hour)
	if n := allowed(tcp("10.0.0.1"), 10); n != 3 {
		t.Errorf("%d an hour later", n)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 2 || c.Dropped() == 0 {
		t.Errorf("%d lines of the log, %d dropped:\n%s", lines, c.Dropped(), &log)
	}
}

// All addresses together have a limit, and the table of addresses too.
func TestCancelsOfManyAddresses(t *testing.T) {
	now := time.Unix(1000, 0)
	c := NewCancels(20, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	n := 0
	for i := range 3 * cancelAddressesMax {
		if c.Allow(tcp(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&0xff, i&0xff))) {
			n++
		}
	}
	if n != cancelsPerSecond || len(c.addresses) > cancelAddressesMax {
		t.Errorf("%d were allowed; %d addresses are kept", n, len(c.addresses))
	}
	now = now.Add(2 * time.Second)
	c.Allow(tcp("192.0.2.1"))
	if len(c.addresses) != 1 {
		t.Errorf("%d addresses are kept after they came to rest", len(c.addresses))
	}
	if (*Cancels)(nil).Allow(tcp("10.0.0.1")) != true || (*Cancels)(nil).Dropped() != 0 {
		t.Error("without a limit")
	}
}
