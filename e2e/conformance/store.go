package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/portcullisdb/portcullis/cmd/pgcluster"
	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// outcome is what one run of a suite in one setting showed.
type outcome struct {
	Suite    string
	Setting  suite.Setting
	Versions string // of the suite and its toolchain
	Server   string // PostgreSQL's
	Gateway  string // the commit that it was built from
	Seconds  int
	Results  suite.Results
	Second   []string // tests that passed on the second try only
	NotRun   string   // why; then the rest is empty
}

// store is the folder in which toolchains, logs and results are kept.
type store struct{ dir string }

func openStore(dir string) (*store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"logs", "results"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	return &store{dir}, nil
}

func (s *store) path(name string) string { return filepath.Join(s.dir, name) }

// log makes a new log file.
func (s *store) log(name string) (*os.File, error) {
	return os.Create(filepath.Join(s.dir, "logs", name+".log"))
}

func (s *store) resultPath(name string, setting suite.Setting) string {
	return filepath.Join(s.dir, "results", name+"-"+string(setting)+".json")
}

func (s *store) put(o *outcome) error {
	content, err := json.MarshalIndent(o, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(s.resultPath(o.Suite, o.Setting), content, 0o644)
}

// putMissing records that a suite cannot be run.
func (s *store) putMissing(of suite.Suite, why error) error {
	for _, setting := range suite.Settings() {
		if err := s.put(&outcome{Suite: of.Name, Setting: setting, NotRun: why.Error()}); err != nil {
			return err
		}
	}
	return nil
}

// get returns the last outcome, or nil if there is none that can be read.
func (s *store) get(name string, setting suite.Setting) *outcome {
	content, err := os.ReadFile(s.resultPath(name, setting))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintln(os.Stderr, err)
		}
		return nil
	}
	o := new(outcome)
	if err := json.Unmarshal(content, o); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.resultPath(name, setting), err)
		return nil
	}
	return o
}

// serverVersion is PostgreSQL's, such as "15.14".
func (s *store) serverVersion(ctx context.Context, binaries pgcluster.Binaries) string {
	fields := strings.Fields(firstLine(ctx, binaries.Path("postgres"), "--version"))
	if len(fields) < 3 {
		return fmt.Sprint(binaries.Version)
	}
	return fields[2]
}

// gatewayVersion names the commit of the working tree.
func (s *store) gatewayVersion(ctx context.Context, binary string) string {
	if commit := firstLine(ctx, "git", "describe", "--always", "--abbrev=10"); commit != "" {
		return commit
	}
	return firstLine(ctx, binary, "version")
}

// firstLine is what a program prints first, "" if it fails.
func firstLine(ctx context.Context, program string, args ...string) string {
	out, err := exec.CommandContext(ctx, program, args...).Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}
