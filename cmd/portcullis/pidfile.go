package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// pidFile is a file that names the process that serves; the zero path is none.
type pidFile struct{ path string }

// write puts this process's id into the file, in one step: who reads it sees the old one or the new.
func (f pidFile) write() (err error) {
	if f.path == "" {
		return nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*")
	if err != nil {
		return fmt.Errorf("write the process id: %w", err)
	}
	_, err = fmt.Fprintln(temporary, os.Getpid())
	if err = errors.Join(err, temporary.Chmod(0o644), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), f.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the process id: %w", err), os.Remove(temporary.Name()))
	}
	return nil
}

// read returns the process id in the file.
func (f pidFile) read() (int, error) {
	content, err := os.ReadFile(f.path)
	if err != nil {
		return 0, fmt.Errorf("read the process id: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil || pid < 1 {
		return 0, fmt.Errorf("read the process id: %s holds none", f.path)
	}
	return pid, nil
}

// remove removes the file unless it names another process by now.
func (f pidFile) remove() {
	if f.path == "" {
		return
	}
	if pid, err := f.read(); err == nil && pid == os.Getpid() {
		_ = os.Remove(f.path) // who reads it finds that the process has gone
	}
}
