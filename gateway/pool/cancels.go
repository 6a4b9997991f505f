package pool

import (
	"sync"
	"sync/atomic"
)

// cancels counts the cancel requests that are under way for a Server.
type cancels struct {
	count atomic.Int32
	mu    sync.Mutex
	after func() // called when the last of them has ended; nil: nothing is
}

func (c *cancels) begin() { c.count.Add(1) }

func (c *cancels) underWay() bool { return c.count.Load() > 0 }

// end counts a request that has ended.
func (c *cancels) end() {
	c.mu.Lock()
	var after func()
	if c.count.Add(-1) == 0 {
		after, c.after = c.after, nil
	}
	c.mu.Unlock()
	if after != nil {
		after()
	}
}

// afterwards has f called when the last request has ended; it reports false if none is under way.
func (c *cancels) afterwards(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.underWay() {
		return false
	}
	c.after = f
	return true
}
