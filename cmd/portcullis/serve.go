package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/gateway"
	"github.com/portcullisdb/portcullis/gateway/admin"
)

const serveLong = `Serve the databases of the configuration.

SIGHUP reloads the configuration. SIGTERM and SIGINT drain: transactions may end, for at most timeouts.drain; a second
one ends the process at once. SIGUSR2 starts the program again, from the same path with the same arguments, hands it the
listening sockets, and drains when it serves: no connection is refused. See docs/operations.md.`

func serveCommand(g *globals) *cobra.Command {
	var pidPath string
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Serve the databases of the configuration",
		Long:    serveLong,
		Example: "  portcullis serve -c portcullis.yaml\n  portcullis serve -c portcullis.yaml --pid-file /run/portcullis.pid",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), g, pidPath, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVar(&pidPath, "pid-file", "", "write the process id there while the process serves")
	return cmd
}

// server is a gateway that serves, and what its process has of it.
type server struct {
	globals *globals
	log     *slog.Logger
	level   *slog.LevelVar
	program invocation
	pid     pidFile

	gateway *gateway.Gateway
	sockets *gateway.Sockets
	admin   *admin.Server // nil without a listener
	served  chan error    // takes the end of each listener
	reloads sync.Mutex    // held while a reload is under way
}

// serve runs until the context ends or another process has taken over.
func serve(ctx context.Context, g *globals, pidPath string, stderr io.Writer) (err error) {
	program, err := thisProgram()
	if err != nil {
		return err
	}
	from := inherit(g)
	defer func() { from.failed(err) }()
	s := &server{globals: g, level: &slog.LevelVar{}, program: program, pid: pidFile{pidPath}, served: make(chan error, 2)}
	if err := s.open(ctx, from, stderr); err != nil {
		return err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Stop(signals)
	s.start(ctx)
	if err := s.pid.write(); err != nil {
		return errors.Join(err, s.gateway.Shutdown(ctx))
	}
	defer s.pid.remove()
	notifySystemd("READY=1", fmt.Sprintf("MAINPID=%d", os.Getpid()))
	from.ready()
	s.log.Info("serving", "address", s.sockets.TCP.Addr().String())
	for {
		select {
		case err := <-s.served: // a listener has failed
			return errors.Join(err, s.drain(ctx))
		case <-ctx.Done():
			return s.drain(ctx)
		case received := <-signals:
			if received == syscall.SIGHUP {
				go s.reload(ctx)
			} else if s.upgrade(ctx) {
				return s.retire(ctx)
			}
		}
	}
}

// open reads the configuration and opens everything that it asks for.
func (s *server) open(ctx context.Context, from *inheritance, stderr io.Writer) error {
	c, p, err := s.globals.load()
	if err != nil {
		return err
	}
	s.level.Set(logLevel(&c.Log))
	s.log = newLog(&c.Log, s.level, stderr)
	s.gateway, err = gateway.New(ctx, c, p, gateway.Options{Log: s.log, Version: buildVersion(), AuditFiles: from.audit})
	if err != nil {
		return err
	}
	if s.sockets, err = s.gateway.Open(ctx, from.sockets); err != nil {
		return errors.Join(err, s.gateway.Shutdown(ctx))
	}
	return nil
}

// start begins to accept.
func (s *server) start(ctx context.Context) {
	go func() { s.served <- s.gateway.Serve(context.WithoutCancel(ctx), s.sockets.Clients()...) }()
	if s.sockets.Admin == nil {
		return
	}
	s.admin = s.gateway.Admin()
	go func() {
		if err := s.admin.Serve(s.sockets.Admin); err != nil {
			s.served <- fmt.Errorf("serve administration: %w", err)
		}
	}()
	s.log.Info("serving administration", "address", s.sockets.Admin.Addr().String())
}

// drain ends the gateway as SIGTERM asks for. From now on a signal ends the process at once.
func (s *server) drain(ctx context.Context) error {
	signal.Reset(os.Interrupt, syscall.SIGTERM)
	notifySystemd("STOPPING=1")
	bound := s.gateway.DrainTimeout()
	s.log.Info("draining", "bound", bound)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), bound)
	defer cancel()
	return s.closed(s.gateway.Shutdown(ctx))
}

// retire ends the gateway after another process has taken over.
func (s *server) retire(ctx context.Context) error {
	bound := s.gateway.DrainTimeout()
	s.log.Info("another process serves: draining", "bound", bound)
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	s.sockets.KeepFile()
	s.closeAdmin()
	return s.closed(s.gateway.Retire(ctx))
}

func (s *server) closed(err error) error {
	s.closeAdmin()
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("sessions were cut off that did not end in time")
		return nil
	}
	s.log.Info("ended")
	return err
}

func (s *server) closeAdmin() {
	if s.admin == nil {
		return
	}
	if err := s.admin.Close(); err != nil {
		s.log.Warn("the listener of administration was not closed in order", "error", err)
	}
	s.admin = nil
}

// reload takes up a changed configuration, or keeps the old one.
func (s *server) reload(ctx context.Context) {
	s.reloads.Lock()
	defer s.reloads.Unlock()
	notifySystemd("RELOADING=1", monotonicUsec())
	defer notifySystemd("READY=1")
	c, p, err := s.globals.load()
	if err != nil {
		s.gateway.RefuseReload(err)
	} else {
		err = s.gateway.Reload(ctx, c, p)
	}
	if err != nil {
		s.log.Error("the configuration was not reloaded", "error", fmt.Sprint(err))
		return
	}
	s.level.Set(logLevel(&c.Log))
	s.log.Info("reloaded")
}
