package session

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

func address(text string) net.Addr {
	a, err := net.ResolveTCPAddr("tcp", text)
	if err != nil {
		panic(err)
	}
	return a
}

// comer comes to a gate in a goroutine of its own, and is let go by the test.
type comer struct {
	inside chan func()
	failed chan error
}

// come returns when the comer is inside or in a queue.
func come(ctx context.Context, g *Gate, from net.Addr) *comer {
	before := g.Stats()
	c := &comer{inside: make(chan func(), 1), failed: make(chan error, 1)}
	go func() {
		leave, err := g.enter(ctx, from)
		if err != nil {
			c.failed <- err
			return
		}
		c.inside <- leave
	}()
	for {
		if now := g.Stats(); now.Waiting > before.Waiting || now.Admitted > before.Admitted {
			return c
		}
	}
}

func (c *comer) isInside() (leave func(), inside bool) {
	select {
	case leave := <-c.inside:
		return leave, true
	default:
		return nil, false
	}
}

func TestGateIsFirstComeFirstServed(t *testing.T) {
	g := NewGate(1, 1)
	ctx := context.Background()
	first := come(ctx, g, address("10.0.0.1:1"))
	var others []*comer
	for _, from := range []string{"10.0.0.2:1", "10.0.0.3:1", "10.0.0.4:1"} {
		others = append(others, come(ctx, g, address(from)))
	}
	leave := <-first.inside
	for i, c := range others {
		leave()
		leave = <-c.inside
		for _, later := range others[i+1:] {
			if _, inside := later.isInside(); inside {
				t.Fatal("a later one is inside before its turn")
			}
		}
	}
	leave()
	if s := g.Stats(); s != (GateStats{Admitted: 4, Waited: 3}) || len(g.sources) != 0 {
		t.Errorf("%+v, %d addresses", s, len(g.sources))
	}
}

// One address fills its share; another comes after many of them and is served at once.
func TestGateGivesEachAddressItsShare(t *testing.T) {
	g := NewGate(4, 2)
	ctx := context.Background()
	var storm []*comer
	for range 10 {
		storm = append(storm, come(ctx, g, address("10.0.0.1:1")))
	}
	if s := g.Stats(); s.Inside != 2 || s.Waiting != 8 {
		t.Fatalf("of the storm %+v", s)
	}
	other := come(ctx, g, address("10.0.0.2:1"))
	leave := <-other.inside
	site := []*comer{come(ctx, g, address("[2001:db8::1]:1"))}
	leaveSite := <-site[0].inside
	if s := g.Stats(); s.Inside != 4 {
		t.Fatalf("%+v", s)
	}
	// All places are taken: an address with room waits in the queue, and the storm behind its own share.
	third := come(ctx, g, address("10.0.0.3:1"))
	(<-storm[0].inside)()
	leaveThird := <-third.inside
	leave()
	(<-storm[1].inside)()
	for _, c := range storm[2:] {
		(<-c.inside)()
	}
	leaveSite()
	leaveThird()
	if s := g.Stats(); s.Inside != 0 || s.Waiting != 0 || len(g.sources) != 0 {
		t.Errorf("%+v, %d addresses", s, len(g.sources))
	}
}

func TestGateCountsASiteOfIPv6AsOneAddress(t *testing.T) {
	if sourceOf(address("[2001:db8::1]:1")) != sourceOf(address("[2001:db8::ffff]:2")) ||
		sourceOf(address("[2001:db8::1]:1")) == sourceOf(address("[2001:db8:0:1::1]:1")) ||
		sourceOf(address("10.0.0.1:1")) == sourceOf(address("10.0.0.2:1")) ||
		sourceOf(address("10.0.0.1:1")) != sourceOf(address("[::ffff:10.0.0.1]:2")) {
		t.Error("addresses are told apart wrongly")
	}
	if sourceOf(&net.UnixAddr{Name: "@", Net: "unix"}).IsValid() {
		t.Error("a Unix socket has an address")
	}
}

// Clients by Unix socket are not bounded by the share of one address.
func TestGateLocalClients(t *testing.T) {
	g := NewGate(3, 1)
	local := &net.UnixAddr{Net: "unix"}
	for range 3 {
		defer (<-come(context.Background(), g, local).inside)()
	}
}

func TestGateForgetsWhoGoesAway(t *testing.T) {
	g := NewGate(2, 1)
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	inside := []*comer{come(ctx, g, address("10.0.0.1:1")), come(ctx, g, address("10.0.0.2:1"))}
	leaves := []func(){<-inside[0].inside, <-inside[1].inside}
	behindShare, inQueue := come(ctx, g, address("10.0.0.1:1")), come(ctx, g, address("10.0.0.3:1"))
	behind := come(context.Background(), g, address("10.0.0.3:1")) // takes over when the one before goes
	cancel(gone)
	for _, c := range []*comer{behindShare, inQueue} {
		if err := <-c.failed; err != gone {
			t.Errorf("the error is %v", err)
		}
	}
	leaves[0]()
	(<-behind.inside)()
	leaves[1]()
	if s := g.Stats(); s.Inside != 0 || s.Waiting != 0 || len(g.sources) != 0 {
		t.Errorf("%+v, %d addresses", s, len(g.sources))
	}
}

func TestGateResize(t *testing.T) {
	g := NewGate(1, 1)
	ctx := context.Background()
	first := come(ctx, g, address("10.0.0.1:1"))
	second := come(ctx, g, address("10.0.0.1:1"))
	third := come(ctx, g, address("10.0.0.2:1"))
	leaves := []func(){<-first.inside}
	g.Resize(3, 2)
	leaves = append(leaves, <-second.inside, <-third.inside)
	for _, leave := range leaves {
		leave()
	}
}

// The bound holds, and everybody is served, whoever comes and gives up.
func TestGateUnderLoad(t *testing.T) {
	g := NewGate(4, 2)
	var inside, most atomic.Int64
	var all sync.WaitGroup
	for i := range 64 {
		all.Add(1)
		go func() {
			defer all.Done()
			for j := range 200 {
				ctx, cancel := context.WithCancel(context.Background())
				if (i+j)%7 == 0 {
					cancel()
				}
				leave, err := g.enter(ctx, &net.TCPAddr{IP: net.IPv4(10, 0, 0, byte(i%5)), Port: 1})
				cancel()
				if err != nil {
					continue
				}
				now := inside.Add(1)
				for before := most.Load(); now > before && !most.CompareAndSwap(before, now); before = most.Load() {
				}
				inside.Add(-1)
				leave()
			}
		}()
	}
	all.Wait()
	if most.Load() > 4 {
		t.Errorf("%d were inside", most.Load())
	}
	if s := g.Stats(); s.Inside != 0 || s.Waiting != 0 || len(g.sources) != 0 {
		t.Errorf("%+v, %d addresses", s, len(g.sources))
	}
}
