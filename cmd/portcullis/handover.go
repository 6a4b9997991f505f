package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portcullisdb/portcullis/gateway"
)

// handOverVariable tells a process that it is started to take over from another one. Its value is a handOver as JSON. The file
// descriptors are passed in this order: a pipe for the answer, the sockets, the files of the audit log.
const handOverVariable = "PORTCULLIS_HANDOVER"

// handOver names the file descriptors behind the pipe.
type handOver struct {
	Sockets    []string `json:"sockets"`
	AuditFiles int      `json:"audit_files"`
}

// takeOverTimeout is how long a new process may take until it serves.
const takeOverTimeout = time.Minute

// readyAnswer is what the new process writes into the pipe when it serves; anything else is why it does not.
const readyAnswer = "ready"

// answerBytesMax bounds the answer.
const answerBytesMax = 64 << 10

// invocation is how this process was started, to be started again.
type invocation struct {
	path string
	args []string
}

// thisProgram returns how this process was started. The path is that by which it was found, not what a symbolic link
// there means now: an upgrade may change that.
func thisProgram() (invocation, error) {
	path, err := exec.LookPath(os.Args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return invocation{}, fmt.Errorf("find the program's own file: %w", err)
	}
	return invocation{path, os.Args}, nil
}

// inheritance is what the process was started with.
type inheritance struct {
	answer  *os.File // nil: nobody waits for it
	sockets []gateway.Passed
	audit   []*os.File
}

// inherit takes what the process that this one replaces, or systemd, has passed.
func inherit(g *globals) *inheritance {
	text, ok := os.LookupEnv(handOverVariable)
	if !ok {
		return &inheritance{sockets: systemdSockets()}
	}
	_ = os.Unsetenv(handOverVariable)
	g.environ = slices.DeleteFunc(slices.Clone(g.environ), func(entry string) bool {
		return strings.HasPrefix(entry, handOverVariable+"=")
	})
	var from handOver
	if err := json.Unmarshal([]byte(text), &from); err != nil {
		return &inheritance{} // it is no hand-over
	}
	fd := firstPassedFD
	next := func(name string) *os.File {
		fd++
		return passedFile(fd-1, name)
	}
	in := &inheritance{answer: next("answer")}
	for _, name := range from.Sockets {
		in.sockets = append(in.sockets, gateway.Passed{Name: name, File: next(name)})
	}
	for range from.AuditFiles {
		in.audit = append(in.audit, next("audit"))
	}
	return in
}

// ready tells the process that is replaced that this one serves.
func (in *inheritance) ready() { in.say(readyAnswer) }

// failed tells it why this one does not, if it was not told otherwise before.
func (in *inheritance) failed(err error) {
	if err != nil {
		in.say(err.Error())
	}
}

func (in *inheritance) say(text string) {
	if in.answer == nil {
		return
	}
	_, _ = io.WriteString(in.answer, text) // who was to read it may have ended
	_ = in.answer.Close()
	in.answer = nil
}

// upgrade starts the program again and waits until it serves. It reports whether it does: if not, this process goes on.
func (s *server) upgrade(ctx context.Context) bool {
	s.log.Info("starting the process that takes over", "program", s.program.path)
	successor, err := s.startSuccessor()
	if err == nil {
		err = successor.await(ctx)
	}
	if err != nil {
		s.log.Error("no other process has taken over: this one goes on", "error", err)
		return false
	}
	s.log.Info("another process has taken over", "pid", successor.process.Pid)
	return true
}

// successor is the process that takes over.
type successor struct {
	process *os.Process
	answer  *os.File
}

// startSuccessor starts the program with the sockets and the files of the audit log.
func (s *server) startSuccessor() (*successor, error) {
	answer, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	defer write.Close()
	audit := s.gateway.AuditFiles()
	over := handOver{AuditFiles: len(audit)}
	fds := []uintptr{0, 1, 2, write.Fd()}
	named := s.sockets.Named()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		fd, err := duplicate(named[name])
		if err != nil {
			return nil, errors.Join(fmt.Errorf("duplicate a socket: %w", err), answer.Close())
		}
		defer unix.Close(fd)
		over.Sockets, fds = append(over.Sockets, name), append(fds, uintptr(fd))
	}
	for _, f := range audit {
		fds = append(fds, f.Fd())
	}
	text, err := json.Marshal(over)
	if err != nil {
		panic("portcullis: internal error: " + err.Error())
	}
	environ := append(os.Environ(), handOverVariable+"="+string(text))
	pid, err := syscall.ForkExec(s.program.path, s.program.args, &syscall.ProcAttr{Env: environ, Files: fds})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", s.program.path, err), answer.Close())
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, errors.Join(err, answer.Close())
	}
	return &successor{process, answer}, nil
}

// duplicate returns a file descriptor of a socket, which the caller closes. Unlike package net's File it leaves the socket as
// it is: non-blocking.
func duplicate(socket syscall.Conn) (fd int, err error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	if controlErr := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); controlErr != nil {
		return 0, controlErr
	}
	return fd, err
}

// await waits until the process serves. If it does not, it is ended, and the error says why.
func (s *successor) await(ctx context.Context) error {
	defer s.answer.Close()
	_ = s.answer.SetReadDeadline(time.Now().Add(takeOverTimeout))
	stop := context.AfterFunc(ctx, func() { _ = s.answer.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := io.ReadAll(io.LimitReader(bufio.NewReader(s.answer), answerBytesMax))
	if string(answer) == readyAnswer {
		go func() { _, _ = s.process.Wait() }() // it would stay a zombie if it ended before this process
		return nil
	}
	_ = s.process.Kill()
	state, waitErr := s.process.Wait()
	switch {
	case len(answer) > 0:
		return fmt.Errorf("process %d does not serve: %s", s.process.Pid, answer)
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("process %d does not serve after %s", s.process.Pid, takeOverTimeout)
	case waitErr != nil:
		return fmt.Errorf("process %d does not serve: %w", s.process.Pid, waitErr)
	}
	return fmt.Errorf("process %d ended: %s", s.process.Pid, state)
}
