package gateway

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portcullisdb/portcullis/config"
)

// onlySockets is a gateway that has nothing but the part of the configuration that sockets are opened by.
func onlySockets(address string, u *config.Unix, a *config.Admin) *Gateway {
	return &Gateway{config: &config.Config{Listen: config.Listen{Address: address, Unix: u}, Admin: a}}
}

func mustOpen(t *testing.T, g *Gateway, passed []Passed) *Sockets {
	t.Helper()
	s, err := g.Open(context.Background(), passed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// fixedAddress returns an address at which nobody listens.
func fixedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// reaches checks that a client of an address reaches a listener.
func reaches(t *testing.T, l net.Listener, network, address string) {
	t.Helper()
	dialled, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = accepted.Close()
}

func TestUnixSocket(t *testing.T) {
	folder := t.TempDir()
	u := &config.Unix{Path: folder, Mode: "0750"}
	s := mustOpen(t, onlySockets("127.0.0.1:0", u, nil), nil)
	_, port, _ := net.SplitHostPort(s.TCP.Addr().String())
	path := filepath.Join(folder, ".s.PGSQL."+port)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != fs.ModeSocket|0o750 {
		t.Fatal(info.Mode(), err)
	}
	if len(s.Clients()) != 2 {
		t.Error("clients do not come to both sockets")
	}
	reaches(t, s.Unix, "unix", path)

	// Somebody listens there: he keeps it.
	_ = s.TCP.Close()
	again := onlySockets("127.0.0.1:"+port, u, nil)
	if _, err := again.Open(context.Background(), nil); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a socket that is in use: %v", err)
	}
	reaches(t, s.Unix, "unix", path)

	// He has gone and left it behind.
	s.KeepFile()
	_ = s.Unix.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error("KeepFile did not keep it:", err)
	}
	next := mustOpen(t, again, nil)
	reaches(t, next.Unix, "unix", path)
	_ = next.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the socket is left behind:", err)
	}

	// What is no socket is nobody's to remove.
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Open(context.Background(), nil); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("in the place of a file: %v", err)
	}
	if content, _ := os.ReadFile(path); string(content) != "precious" {
		t.Error("the file is gone")
	}
	nowhere := onlySockets("127.0.0.1:0", &config.Unix{Path: filepath.Join(folder, "no"), Mode: "0777"}, nil)
	if _, err := nowhere.Open(context.Background(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

// If one socket cannot be opened, none stays open.
func TestOpenAllOrNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	address, folder := fixedAddress(t), t.TempDir()
	g := onlySockets(address, &config.Unix{Path: folder, Mode: "0777"}, &config.Admin{Address: taken.Addr().String()})
	if _, err := g.Open(context.Background(), nil); !errors.Is(err, syscall.EADDRINUSE) {
		t.Fatalf("the address of administration is in use: %v", err)
	}
	if nc, err := net.Dial("tcp", address); err == nil {
		_ = nc.Close()
		t.Error("the listener for clients is open")
	}
	if left, _ := os.ReadDir(folder); len(left) != 0 {
		t.Errorf("%v is left behind", left)
	}
}

// pass does what a process does for the one that replaces it: it duplicates the sockets.
func pass(t *testing.T, s *Sockets) []Passed {
	t.Helper()
	var passed []Passed
	for name, socket := range s.Named() {
		raw, err := socket.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var fd int
		if controlErr := raw.Control(func(of uintptr) { fd, err = unix.FcntlInt(of, unix.F_DUPFD_CLOEXEC, 0) }); controlErr != nil || err != nil {
			t.Fatal(controlErr, err)
		}
		passed = append(passed, Passed{Name: name, File: os.NewFile(uintptr(fd), name)})
	}
	return passed
}

// The next gateway gets the sockets themselves: who was waiting to be accepted by the first is accepted by it.
func TestSocketsArePassedOn(t *testing.T) {
	u, a := &config.Unix{Path: t.TempDir(), Mode: "0777"}, &config.Admin{Address: "127.0.0.1:0"}
	first := mustOpen(t, onlySockets("127.0.0.1:0", u, a), nil)
	path := first.Unix.Addr().String()
	waiting, err := net.Dial("tcp", first.TCP.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer waiting.Close()
	next := mustOpen(t, onlySockets("127.0.0.1:0", u, a), pass(t, first))
	first.KeepFile()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	accepted, err := next.TCP.Accept()
	if err != nil || accepted.RemoteAddr().String() != waiting.LocalAddr().String() {
		t.Errorf("%v, %v", accepted, err)
	}
	reaches(t, next.TCP, "tcp", first.TCP.Addr().String())
	reaches(t, next.Unix, "unix", path)
	reaches(t, next.Admin, "tcp", first.Admin.Addr().String())
	_ = next.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the last one leaves the Unix socket behind:", err)
	}
}

// A socket that the configuration does not ask for any more is closed.
func TestPassedSocketsAreThoseOfTheConfiguration(t *testing.T) {
	before, after := fixedAddress(t), fixedAddress(t)
	first := mustOpen(t, onlySockets(before, nil, nil), nil)
	next := mustOpen(t, onlySockets(after, nil, nil), pass(t, first))
	if next.TCP.Addr().String() != after {
		t.Errorf("it listens on %s", next.TCP.Addr())
	}
	_ = first.Close()
	if nc, err := net.Dial("tcp", before); err == nil {
		_ = nc.Close()
		t.Error("the old address is still open")
	}
}
