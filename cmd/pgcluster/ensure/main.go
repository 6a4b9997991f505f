// Command ensure prints the folder of a PostgreSQL server's programs, after installing them where that is needed and
// possible. The Makefile runs it before the demo and the tests.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	binaries, err := pgcluster.Ensure(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("PostgreSQL %d in %s\n", binaries.Version, binaries.Dir)
}
