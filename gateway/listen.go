package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/portcullisdb/portcullis/config"
)

// Sockets are the listeners of a gateway. They belong to whoever has opened them until Serve and ServeAdmin take them.
type Sockets struct {
	TCP   net.Listener
	Unix  *net.UnixListener // nil if the configuration has none
	Admin net.Listener      // nil if the configuration has none

	passed map[net.Listener]string // the names under which another process gets them
}

// Clients returns the listeners to which clients connect.
func (s *Sockets) Clients() []net.Listener {
	if s.Unix == nil {
		return []net.Listener{s.TCP}
	}
	return []net.Listener{s.TCP, s.Unix}
}

// Close closes the listeners.
func (s *Sockets) Close() error {
	var errs []error
	for l := range s.passed {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// KeepFile lets the Unix socket's file stay when the listener is closed: another process listens on it now.
func (s *Sockets) KeepFile() {
	if s.Unix != nil {
		s.Unix.SetUnlinkOnClose(false)
	}
}

// Passed is a listening socket that the process was started with, by the process that it replaces or by systemd.
type Passed struct {
	// Name is that of systemd's FileDescriptorName=, or what Named gave.
	Name string
	File *os.File
}

// The names of sockets that one gateway passes to the next are a kind and what the configuration says of the place, so that a
// socket is used again only if it is still what the configuration asks for.
const (
	passedTCP   = "tcp="
	passedUnix  = "unix="
	passedAdmin = "admin="
)

// systemdAdmin is the FileDescriptorName= of a socket unit that is meant for administration. Those of other names are for clients.
const systemdAdmin = "admin"

// Named returns the listeners with the names under which another gateway's Open takes them.
func (s *Sockets) Named() map[string]syscall.Conn {
	named := map[string]syscall.Conn{}
	for l, name := range s.passed {
		named[name] = l.(syscall.Conn)
	}
	return named
}

// Open opens the listeners that the configuration asks for, or takes them from those that were passed. Sockets from systemd
// stand in for the address or path of the configuration. Open closes those that it does not use.
func (g *Gateway) Open(ctx context.Context, passed []Passed) (_ *Sockets, err error) {
	s := &Sockets{passed: map[net.Listener]string{}}
	o := opener{config: g.config, left: slices.Clone(passed)}
	defer func() {
		for _, p := range o.left {
			_ = p.File.Close()
		}
		if err != nil {
			_ = s.Close()
		}
	}()
	address := g.config.Listen.Address
	if s.TCP, err = o.tcp(ctx, passedTCP, address); err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	s.passed[s.TCP] = passedTCP + address
	if u := g.config.Listen.Unix; u != nil {
		path, err := unixPath(u, s.TCP.Addr())
		if err != nil {
			return nil, err
		}
		if s.Unix, err = o.unix(ctx, u, path); err != nil {
			return nil, fmt.Errorf("listen on Unix socket %s: %w", path, err)
		}
		s.passed[s.Unix] = passedUnix + path
	}
	if a := g.config.Admin; a != nil {
		if s.Admin, err = o.tcp(ctx, passedAdmin, a.Address); err != nil {
			return nil, fmt.Errorf("listen for administration on %s: %w", a.Address, err)
		}
		s.passed[s.Admin] = passedAdmin + a.Address
	}
	return s, nil
}

// Listen opens the TCP listener alone.
func (g *Gateway) Listen(ctx context.Context) (net.Listener, error) {
	var l net.ListenConfig
	listener, err := l.Listen(ctx, "tcp", g.config.Listen.Address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", g.config.Listen.Address, err)
	}
	return listener, nil
}

// opener opens listeners, and first looks among those that were passed.
type opener struct {
	config *config.Config
	left   []Passed
}

// tcp opens the listener of a kind.
func (o *opener) tcp(ctx context.Context, kind, address string) (net.Listener, error) {
	if l, err := o.find(kind, address, "tcp"); l != nil || err != nil {
		return l, err
	}
	var l net.ListenConfig
	return l.Listen(ctx, "tcp", address)
}

// unix opens the Unix socket at a path.
func (o *opener) unix(ctx context.Context, u *config.Unix, path string) (*net.UnixListener, error) {
	found, err := o.find(passedUnix, path, "unix")
	if err != nil {
		return nil, err
	}
	if found != nil {
		listener := found.(*net.UnixListener)
		listener.SetUnlinkOnClose(listener.Addr().String() == path) // systemd removes its own
		return listener, nil
	}
	if err := removeStale(ctx, path); err != nil {
		return nil, err
	}
	var l net.ListenConfig
	opened, err := l.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, u.FileMode()); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened.(*net.UnixListener), nil
}

// find takes the passed listener of a kind and place; nil if there is none.
func (o *opener) find(kind, place, network string) (net.Listener, error) {
	for i, p := range o.left {
		systemd := !strings.Contains(p.Name, "=") && (p.Name == systemdAdmin) == (kind == passedAdmin)
		if p.Name != kind+place && !systemd {
			continue
		}
		l, err := net.FileListener(p.File)
		if err != nil {
			return nil, fmt.Errorf("use the socket %q that was passed: %w", p.Name, err)
		}
		if l.Addr().Network() != network {
			_ = l.Close()
			continue
		}
		o.left = slices.Delete(o.left, i, i+1)
		return l, p.File.Close()
	}
	return nil, nil
}

// unixPath returns the path of the socket that libpq looks for in a folder (src/include/libpq/pqcomm.h, UNIXSOCK_PATH).
func unixPath(u *config.Unix, tcp net.Addr) (string, error) {
	_, port, err := net.SplitHostPort(tcp.String())
	if err != nil {
		return "", fmt.Errorf("name the Unix socket: %w", err)
	}
	return filepath.Join(u.Path, ".s.PGSQL."+port), nil
}

// staleTimeout bounds the look whether somebody listens on a Unix socket.
const staleTimeout = 5 * time.Second

// removeStale removes the socket that a process has left at path. It is an error if another one answers there, or if there is
// something else than a socket.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("there is a file that is no socket")
	}
	ctx, cancel := context.WithTimeout(ctx, staleTimeout)
	defer cancel()
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = nc.Close()
		return syscall.EADDRINUSE
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return err
}
