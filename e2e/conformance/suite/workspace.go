package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

// outputMax bounds what is kept in memory of one program's output; all of it is in the log.
const outputMax = 256 << 20

// killDelay is how long a program that was told to end may take before its pipes are closed.
const killDelay = 5 * time.Second

// Workspace is a suite's folder, which stays from run to run, and the place where it runs programs.
type Workspace struct {
	Dir      string // absolute
	Source   string // the root of the gateway's module, absolute
	Binaries pgcluster.Binaries
	Log      io.Writer // everything that programs print
}

// Program is a program to run. Name is looked for in PATH.
type Program struct {
	Dir     string   // relative to the workspace's
	Environ []string // added to the environment, which holds no PG* variable
	Stdin   string
	Quiet   bool // what Output returns is not for people, and does not go to the log
	Name    string
	Args    []string
}

// Run runs a program to its end and returns what it wrote to standard output and standard error, together. An error that
// is an *exec.ExitError says that it ran and failed; the output is complete then too. Cancelling ctx kills it and all that
// it started.
func (w *Workspace) Run(ctx context.Context, p Program) (output string, err error) {
	var both bytes.Buffer
	out := &capped{buffer: &both}
	cmd := w.command(ctx, p)
	cmd.Stdout = io.MultiWriter(out, w.Log)
	cmd.Stderr = cmd.Stdout // the same writer: the two are not written at one time
	err = cmd.Run()
	return both.String(), w.explain(ctx, p, err)
}

// Output is Run, but standard error goes to the log only.
func (w *Workspace) Output(ctx context.Context, p Program) (output string, err error) {
	var stdout bytes.Buffer
	cmd := w.command(ctx, p)
	cmd.Stdout, cmd.Stderr = io.Writer(&capped{buffer: &stdout}), w.Log
	if !p.Quiet {
		cmd.Stdout = io.MultiWriter(cmd.Stdout, w.Log)
	}
	err = cmd.Run()
	return stdout.String(), w.explain(ctx, p, err)
}

// Must is Run for programs whose failure is an error: its text has the end of the output.
func (w *Workspace) Must(ctx context.Context, p Program) (output string, err error) {
	const tail = 2000
	output, err = w.Run(ctx, p)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, output[max(len(output)-tail, 0):])
	}
	return output, err
}

// Once calls f if it has not yet been called with success for this key, which says what f makes, versions included.
func (w *Workspace) Once(key string, f func() error) error {
	stamp := filepath.Join(w.Dir, "made", strings.Map(fileRune, key))
	if _, err := os.Stat(stamp); err == nil {
		return nil
	}
	if err := f(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return err
	}
	return os.WriteFile(stamp, nil, 0o644)
}

// Missing returns an error that wraps ErrMissing if one of the programs is not in PATH. install says how to get them.
func (w *Workspace) Missing(install string, programs ...string) error {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w: the program %s (%s)", ErrMissing, program, install)
		}
	}
	return nil
}

// Path is a path in the workspace.
func (w *Workspace) Path(elements ...string) string {
	return filepath.Join(append([]string{w.Dir}, elements...)...)
}

func (w *Workspace) command(ctx context.Context, p Program) *exec.Cmd {
	fmt.Fprintf(w.Log, "\n$ %s %s\n", p.Name, strings.Join(p.Args, " "))
	cmd := exec.CommandContext(ctx, p.Name, p.Args...)
	cmd.Dir = filepath.Join(w.Dir, p.Dir)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PG") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, p.Environ...)
	cmd.Stdin = strings.NewReader(p.Stdin)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it starts ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = killDelay
	return cmd
}

// explain says which program an error is about.
func (w *Workspace) explain(ctx context.Context, p Program, err error) error {
	if err == nil {
		return nil
	}
	fmt.Fprintf(w.Log, "%s: %v\n", p.Name, err)
	return fmt.Errorf("%s: %w", filepath.Base(p.Name), errors.Join(err, ctx.Err()))
}

// capped writes to a buffer until that is full.
type capped struct{ buffer *bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := outputMax - c.buffer.Len(); len(p) > room {
		c.buffer.Write(p[:room])
		return len(p), nil
	}
	return c.buffer.Write(p)
}

// fileRune replaces what is awkward in the name of a file.
func fileRune(r rune) rune {
	if r == '/' || r == ' ' || r == ':' {
		return '_'
	}
	return r
}
