package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// template is a data directory as initdb leaves it. Copying it takes a tenth of the time that initdb takes.
type template struct {
	folder   *folder
	password string // of Superuser, and so of every cluster made from the template
}

// templates holds the one of each version that this process has used. It is state of the process because the files are;
// its watchdogs remove them when the process ends.
var templates = struct {
	mutex sync.Mutex
	byDir map[string]*template // by Binaries.Dir
}{byDir: make(map[string]*template)}

// copyTemplate makes the data directory dataDir inside to and returns the superuser's password.
func copyTemplate(ctx context.Context, binaries Binaries, to *folder, dataDir string) (password string, err error) {
	templates.mutex.Lock()
	defer templates.mutex.Unlock()
	made := templates.byDir[binaries.Dir]
	if made == nil {
		if made, err = newTemplate(ctx, binaries); err != nil {
			return "", err
		}
		templates.byDir[binaries.Dir] = made
	}
	return made.password, run(ctx, to.command("cp", "-Rp", filepath.Join(made.folder.path, "template"), dataDir))
}

// newTemplate runs initdb: UTF-8, the locale C.UTF-8 (C where the system does not have it), passwords by SCRAM.
func newTemplate(ctx context.Context, binaries Binaries) (*template, error) {
	folder, err := newFolder()
	if err != nil {
		return nil, err
	}
	t := &template{folder: folder, password: newPassword()}
	passwordFile := filepath.Join(folder.path, "password")
	if err := os.WriteFile(passwordFile, []byte(t.password+"\n"), 0o600); err != nil {
		return nil, errors.Join(err, folder.remove())
	}
	if folder.credential != nil {
		if err := os.Chown(passwordFile, int(folder.credential.Uid), int(folder.credential.Gid)); err != nil {
			return nil, errors.Join(err, folder.remove())
		}
	}
	for _, locale := range []string{"C.UTF-8", "C"} {
		err = run(ctx, folder.command(binaries.Path("initdb"), "--pgdata", filepath.Join(folder.path, "template"),
			"--username", Superuser, "--pwfile", passwordFile, "--auth", "scram-sha-256",
			"--encoding", "UTF8", "--locale", locale, "--no-sync", "--no-instructions"))
		if err == nil || !strings.Contains(err.Error(), "invalid locale name") {
			break
		}
	}
	if err == nil {
		err = os.Remove(passwordFile)
	}
	if err != nil {
		return nil, errors.Join(err, folder.remove())
	}
	return t, nil
}

// run runs a command to its end; its output is part of the error if it fails. Cancelling ctx kills it.
func run(ctx context.Context, command *exec.Cmd) error {
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	defer stop()
	if err := command.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(command.Path), errors.Join(err, ctx.Err()), bytes.TrimSpace(output.Bytes()))
	}
	return nil
}
