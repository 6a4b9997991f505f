package demo

import (
	"fmt"
	"io"
	"time"
)

// progress is one line that grows while something goes on.
type progress struct {
	out     io.Writer
	started time.Time
}

func (d *demo) progress(name string) *progress {
	fmt.Fprintf(d.Out, "%s ...", name)
	return &progress{out: d.Out, started: time.Now()}
}

// reached adds a number to the line.
func (p *progress) reached(n int) { fmt.Fprintf(p.out, " %d", n) }

// done ends the line.
func (p *progress) done() { fmt.Fprintf(p.out, " %.1f s\n", time.Since(p.started).Seconds()) }
