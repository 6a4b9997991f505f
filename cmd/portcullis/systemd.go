package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/portcullisdb/portcullis/gateway"
)

// The variables by which systemd passes sockets (sd_listen_fds(3)) and is told of the process's state (sd_notify(3)).
const (
	listenPIDVariable   = "LISTEN_PID"
	listenFDsVariable   = "LISTEN_FDS"
	listenNamesVariable = "LISTEN_FDNAMES"
	notifyVariable      = "NOTIFY_SOCKET"
)

// firstPassedFD is the first file descriptor of those that are passed: behind standard input, output and error.
const firstPassedFD = 3

// systemdSockets returns the sockets that systemd has opened for this process.
func systemdSockets() []gateway.Passed {
	count, err := strconv.Atoi(os.Getenv(listenFDsVariable))
	if err != nil || os.Getenv(listenPIDVariable) != strconv.Itoa(os.Getpid()) {
		return nil
	}
	names := strings.Split(os.Getenv(listenNamesVariable), ":")
	for _, name := range []string{listenFDsVariable, listenPIDVariable, listenNamesVariable} {
		_ = os.Unsetenv(name) // they are not for our children
	}
	var sockets []gateway.Passed
	for i := range count {
		name := "unknown"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		sockets = append(sockets, gateway.Passed{Name: name, File: passedFile(firstPassedFD+i, name)})
	}
	return sockets
}

// passedFile takes a file descriptor that the process was started with. Our children do not get it.
func passedFile(fd int, name string) *os.File {
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), name)
}

// notifySystemd tells systemd the state of the process, if it asks for that. Nobody else is told of an error: the service
// manager will find out.
func notifySystemd(states ...string) {
	path := os.Getenv(notifyVariable)
	if path == "" {
		return
	}
	nc, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return
	}
	defer nc.Close()
	_, _ = nc.Write([]byte(strings.Join(states, "\n")))
}

// monotonicUsec is what RELOADING=1 has to come with.
func monotonicUsec() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return ""
	}
	return fmt.Sprintf("MONOTONIC_USEC=%d", time.Duration(now.Nano()).Microseconds())
}
