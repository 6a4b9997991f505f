package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/config/policy"
	"github.com/portcullisdb/portcullis/gateway"
)

// Options are what the demo takes from its command.
type Options struct {
	Out      io.Writer
	Terminal bool   // Out is a terminal: titles are set off
	Stay     bool   // go on serving after the story, until the context ends
	Self     string // how the program is called in commands that one could type
	// Load reads and compiles a configuration, with environ alone as its environment.
	Load func(path string, environ []string) (*config.Config, *policy.Policy, error)
	// Command runs a command line of portcullis, with environ alone as its environment, and returns its exit code. Both of
	// its outputs go to out.
	Command func(ctx context.Context, environ []string, out io.Writer, args ...string) int
}

// shutdownTimeout bounds how long the gateway's sessions have to end.
const shutdownTimeout = 5 * time.Second

// demo is one run.
type demo struct {
	Options
	folder   *folder
	dir      string // its path
	clusters [2]*pgcluster.Cluster
	secrets  secrets
	environ  []string // what portcullis.yaml refers to
	gateway  *gateway.Gateway
	served   chan error
	address  string // of the gateway
	log      *os.File
	loaded   loaded
}

// Run runs the demo. It returns nil if the whole story came out as promised.
func Run(ctx context.Context, o Options) error {
	started := time.Now()
	d := &demo{Options: o}
	err := d.run(ctx, started)
	if interrupted := ctx.Err(); err != nil && interrupted != nil {
		err = errors.New("interrupted")
	} else if err != nil {
		d.printLog()
	}
	return errors.Join(err, d.close())
}

func (d *demo) run(ctx context.Context, started time.Time) error {
	if err := d.setUp(ctx); err != nil {
		return err
	}
	if err := d.load(ctx); err != nil {
		return err
	}
	if err := d.story(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.Out, "The demo took %.1f s.\n", time.Since(started).Seconds())
	if !d.Stay {
		return nil
	}
	d.invite()
	select {
	case <-ctx.Done():
		fmt.Fprintln(d.Out)
		return nil
	case err := <-d.served:
		return fmt.Errorf("the gateway ended: %w", err)
	}
}

// invite prints what one can type while the gateway serves.
func (d *demo) invite() {
	fmt.Fprintf(d.Out, "\nThe gateway goes on serving. In another terminal:\n\n")
	for _, user := range []string{"app", "support"} {
		fmt.Fprintf(d.Out, "  PGPASSWORD=%s %s\n", d.secrets.users[user], d.psqlCommand(user))
	}
	fmt.Fprintf(d.Out, "\nFor the commands of the story:  . %s\nCtrl-C ends the demo and removes everything.\n",
		filepath.Join(d.dir, environmentFile))
}

// logTailBytes is how much of the gateway's log is printed when the demo fails.
const logTailBytes = 4096

func (d *demo) printLog() {
	if d.log == nil {
		return
	}
	text, err := os.ReadFile(d.log.Name())
	if err != nil || len(text) == 0 {
		return
	}
	fmt.Fprintf(d.Out, "\nThe gateway's log:\n%s", text[max(0, len(text)-logTailBytes):])
}

// close ends everything and removes the folders, whatever there is of them.
func (d *demo) close() error {
	var all []error
	if d.gateway != nil {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if err := d.gateway.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			all = append(all, err)
		}
	}
	for _, c := range d.clusters {
		if c != nil {
			all = append(all, c.Stop())
		}
	}
	if d.log != nil {
		all = append(all, d.log.Close())
	}
	if d.folder != nil {
		all = append(all, d.folder.remove())
	}
	return errors.Join(all...)
}
