package pool

import "sync"

// cancels counts the cancel requests that are under way for a Server.
type cancels struct {
	mu    sync.Mutex
	count int
	after func() // what waits for the last of them; nil if nothing does
}

// Add counts requests that begin.
func (c *cancels) Add(n int) {
	c.mu.Lock()
	c.count += n
	c.mu.Unlock()
}

// Done counts a request that has ended.
func (c *cancels) Done() {
	c.mu.Lock()
	c.count--
	var after func()
	if c.count == 0 {
		after, c.after = c.after, nil
	}
	c.mu.Unlock()
	if after != nil {
		after()
	}
}

// Defer reports whether requests are under way; if so, f is called when the last of them has ended.
func (c *cancels) Defer(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count > 0 {
		c.after = f
	}
	return c.count > 0
}
