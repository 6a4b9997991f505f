package program

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// Unfinished is the name of a test that fails if the program ended otherwise than by its own will. The tests that it did
// not come to are missing then.
const Unfinished = "the program ends by itself"

// Suite completes a suite whose tests are those of one program. command says how to run it; Run adds the environment that
// Environ describes.
func Suite(s suite.Suite, command func(w *suite.Workspace) suite.Program) suite.Suite {
	s.Run = func(ctx context.Context, w *suite.Workspace, server *suite.Server) (suite.Results, error) {
		p := command(w)
		p.Environ = append(Environ(server), p.Environ...)
		output, err := w.Output(ctx, p)
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			return nil, err
		}
		results, readErr := suite.ReadLines(output)
		if readErr != nil {
			return nil, readErr
		}
		if len(results) == 0 && err != nil {
			return nil, fmt.Errorf("it ran no test: %w", err)
		}
		results.Add(Unfinished, suite.Passed)
		if err != nil {
			results.Add(Unfinished, suite.Failed)
		}
		return results, nil
	}
	return s
}

// Environ tells a program where the server is: libpq's variables (suite.Server.Environ), CONFORMANCE_CA, the file of the
// authority that signed the server's certificate, and CONFORMANCE_SOCKET, the folder of its Unix socket.
func Environ(s *suite.Server) []string {
	return append(s.Environ(), "CONFORMANCE_CA="+s.CAFile, "CONFORMANCE_SOCKET="+s.SocketDir)
}
