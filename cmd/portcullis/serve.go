package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/portcullisdb/portcullis/gateway"
)

// drainTimeout is how long sessions have to end after SIGTERM.
const drainTimeout = 30 * time.Second

func serveCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "serve",
		Short:   "Serve the databases of the configuration",
		Long:    "Serve the databases of the configuration. SIGHUP reloads it, SIGTERM and SIGINT drain and end.",
		Example: "  portcullis serve -c portcullis.yaml",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), g, cmd.ErrOrStderr()) },
	}
}

func serve(ctx context.Context, g *globals, errors io.Writer) error {
	log := slog.New(slog.NewTextHandler(errors, nil))
	c, p, err := g.load()
	if err != nil {
		return err
	}
	gw, err := gateway.New(ctx, c, p, gateway.Options{Log: log})
	if err != nil {
		return err
	}
	listener, err := gw.Listen(ctx)
	if err != nil {
		return err
	}
	log.Info("serving", "address", listener.Addr().String())
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	go func() {
		for range hangups {
			reload(ctx, g, gw, log)
		}
	}()
	served := make(chan error, 1)
	go func() { served <- gw.Serve(context.WithoutCancel(ctx), listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	log.Info("draining")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	return gw.Shutdown(drain)
}

// reload takes up a changed configuration, or keeps the old one.
func reload(ctx context.Context, g *globals, gw *gateway.Gateway, log *slog.Logger) {
	c, p, err := g.load()
	if err == nil {
		err = gw.Reload(ctx, c, p)
	}
	if err != nil {
		log.Error("the configuration was not reloaded", "error", fmt.Sprint(err))
		return
	}
	log.Info("reloaded")
}
