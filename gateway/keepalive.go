package gateway

import (
	"context"
	"maps"
	"net"
	"sync"
	"time"
)

// peers finds the peers that are gone without having said so: a machine that lost its power, a firewall that has forgotten
// the connection. While a connection is silent the system asks by keep-alive. While it owes us acknowledgements the system
// does not; we look ourselves then. TCP_USER_TIMEOUT would do the same, but it also cuts off a peer that is there and does
// not read for so long: a server that waits for a lock in the middle of a COPY, a client that works through its rows.
type peers struct {
	interval func() time.Duration // of keep-alive; 0 is off

	mu   sync.Mutex
	open map[*net.TCPConn]bool // true: the last look found that it owes for too long
}

// A peer that does not answer is given up after this many intervals: one of silence, then the probes.
const (
	keepAliveProbes    = 2
	keepAliveIntervals = keepAliveProbes + 1
)

func newPeers(interval func() time.Duration) *peers {
	return &peers{interval: interval, open: map[*net.TCPConn]bool{}}
}

// watch begins to look after a connection; of others than TCP nothing is to be said. forget ends that, as does closing.
func (p *peers) watch(nc net.Conn) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return
	}
	interval := p.interval()
	// An error is one of a connection that has ended; who reads finds out.
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: interval > 0, Idle: interval, Interval: interval, Count: keepAliveProbes})
	p.mu.Lock()
	p.open[tcp] = false
	p.mu.Unlock()
}

func (p *peers) forget(nc net.Conn) {
	tcp, _ := nc.(*net.TCPConn)
	p.mu.Lock()
	delete(p.open, tcp)
	p.mu.Unlock()
}

// peersLook is the least time between two looks at all connections; there are two in an interval otherwise.
const peersLook = time.Second

// run looks after the connections until ctx ends.
func (p *peers) run(ctx context.Context) {
	for {
		timer := time.NewTimer(max(peersLook, p.interval()/2))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			p.look()
		}
	}
}

// look closes the connections whose peers owe an acknowledgement for too long, when it finds them so for the second time: the
// first may have been the moment in which the answer was on its way.
func (p *peers) look() {
	bound := keepAliveIntervals * p.interval()
	p.mu.Lock()
	open := maps.Clone(p.open)
	p.mu.Unlock()
	for tcp, suspect := range open {
		silence, owes, err := silenceOf(tcp)
		overdue := owes && bound > 0 && silence > bound
		switch {
		case err != nil: // it is closed
			p.forget(tcp)
		case overdue && suspect:
			p.forget(tcp)
			_ = tcp.SetLinger(0) // nobody is there to take what was not sent
			_ = tcp.Close()
		case overdue != suspect:
			p.mark(tcp, overdue)
		}
	}
}

func (p *peers) mark(tcp *net.TCPConn, suspect bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, open := p.open[tcp]; open {
		p.open[tcp] = suspect
	}
}

// dial is how sessions' sockets to servers are opened, if nobody asks for another way.
func (p *peers) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, network, address)
	if err == nil {
		p.watch(nc)
	}
	return nc, err
}
