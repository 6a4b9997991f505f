package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// folder is a private folder (0700) for keys, configuration and logs, with a watchdog that removes it when this process is
// gone, in whatever way: clusters have one of the same kind.
type folder struct {
	path     string
	watchdog *exec.Cmd
	alive    io.Closer // the watchdog reads the other end
}

// watchdogScript waits until standard input ends, and removes the folder $1. Ctrl-C at our terminal does not reach it.
const watchdogScript = `trap '' HUP INT TERM; read -r word; rm -rf "$1"`

func newFolder() (*folder, error) {
	path, err := os.MkdirTemp("", "portcullis-demo-")
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, watchdog: exec.Command("/bin/sh", "-c", watchdogScript, "portcullis-watchdog", path)}
	f.watchdog.Dir = "/"
	f.watchdog.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if f.alive, err = f.watchdog.StdinPipe(); err == nil {
		err = f.watchdog.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the watchdog: %w", err), os.RemoveAll(path))
	}
	return f, nil
}

// remove removes the folder and waits until the watchdog has seen that it is gone.
func (f *folder) remove() error {
	return errors.Join(os.RemoveAll(f.path), f.alive.Close(), f.watchdog.Wait())
}
