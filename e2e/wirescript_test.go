package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// wireScriptTimeout bounds one script, waiting for answers that do not come included.
const wireScriptTimeout = 30 * time.Second

// eachWireScript calls f for each script of testdata/wire.
func eachWireScript(t *testing.T, f func(t *testing.T, file string)) {
	files, err := filepath.Glob("testdata/wire/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no wire scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { f(t, file) })
	}
}

// runWireScript runs one script. A script that is not for the target has no transcript.
func runWireScript(file, target string, at wirescript.Target) (*wirescript.Transcript, error) {
	script, err := wirescript.Read(file, target, wirescript.Targets())
	if errors.Is(err, wirescript.ErrSkipped) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), wireScriptTimeout)
	defer cancel()
	if at.Superuser != "" {
		if err := wirescript.Reset(ctx, at.Superuser); err != nil {
			return nil, fmt.Errorf("before %s: %w", file, err)
		}
	}
	return script.Run(ctx, at)
}

// TestWireScripts runs each script against PostgreSQL and against the gateway's transparent databases, each before a
// database of its own: the scripts' expectations hold, and all that is answered is the same.
func TestWireScripts(t *testing.T) {
	w := startWire(t)
	eachWireScript(t, func(t *testing.T, file string) {
		// One after the other: names of prepared transactions hold for the whole cluster.
		transcripts := make([]*wirescript.Transcript, len(wireModes))
		for i, mode := range wireModes {
			var err error
			if transcripts[i], err = runWireScript(file, mode, w.target(mode)); err != nil {
				t.Errorf("%s: %v", mode, err)
			}
		}
		for i, mode := range wireModes[1:] {
			if want, got := transcripts[0], transcripts[i+1]; want != nil && got != nil {
				if difference := want.Difference(got); difference != "" {
					t.Errorf("%s: %s: PostgreSQL and the gateway differ: %s", file, mode, difference)
				}
			}
		}
	})
}

// TestWireScriptsPortcullis runs the same scripts against a protected database, of which the expectations alone hold.
func TestWireScriptsPortcullis(t *testing.T) {
	target, err := wirescript.TargetOf(theShop(t).url("app"))
	if err != nil {
		t.Fatal(err)
	}
	eachWireScript(t, func(t *testing.T, file string) {
		if _, err := runWireScript(file, wirescript.TargetPortcullis, target); err != nil {
			t.Error(err)
		}
	})
}
