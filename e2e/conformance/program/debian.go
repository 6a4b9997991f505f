package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// Debian sees to it that a program and its libraries are on the machine, from Debian's packages. check is a program that
// ends well, and prints the versions, if they are; else the packages are installed, where apt-get is and may. The error
// wraps suite.ErrMissing.
func Debian(ctx context.Context, w *suite.Workspace, check suite.Program, packages ...string) (versions string, err error) {
	if versions, err = w.Output(ctx, check); err == nil {
		return strings.TrimSpace(versions), nil
	}
	missing := func(err error) error {
		return fmt.Errorf("%w: Debian's packages %s (%w)", suite.ErrMissing, strings.Join(packages, ", "), err)
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", missing(err)
	}
	if os.Geteuid() != 0 {
		return "", missing(errors.New("only root may install them"))
	}
	environ := []string{"DEBIAN_FRONTEND=noninteractive"}
	for _, args := range [][]string{{"update"}, append([]string{"install", "-y", "--no-install-recommends"}, packages...)} {
		if _, err := w.Must(ctx, suite.Program{Name: "apt-get", Args: args, Environ: environ}); err != nil {
			return "", missing(err)
		}
	}
	if versions, err = w.Output(ctx, check); err != nil {
		return "", missing(err)
	}
	return strings.TrimSpace(versions), nil
}
