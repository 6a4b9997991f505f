package pgcluster

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	// socketPathBytesMax keeps the path of the Unix socket, "<folder>/.s.PGSQL.65535" and a byte of zero, within
	// sun_path: 108 bytes on Linux, 104 on macOS and the BSDs.
	socketPathBytesMax = 104
	socketNameBytes    = len("/.s.PGSQL.65535") + 1
	// watchdogTimeout bounds the wait for a watchdog that was told to go.
	watchdogTimeout = 5 * time.Second
)

// folder is a private temporary folder (0700) that belongs to the user under whom the servers run, with a watchdog that
// removes it when this process is gone.
type folder struct {
	path       string
	credential *syscall.Credential // of the servers' user; nil if it is our own
	watchdog   *exec.Cmd
	alive      io.WriteCloser // the watchdog reads the other end: end of file tells it that we are gone
}

// watchdogScript waits until standard input ends. A line "released" on it means that the folder has been taken care of.
// Without that line the process that made the folder is gone, so the script stops what runs there and removes it.
// $1 is the folder. SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one; both end with the removal of
// postmaster.pid, which says more than that the process is there: nobody may be left to reap it.
const watchdogScript = `
trap '' HUP INT TERM
read -r word
[ "$word" = released ] && exit 0
lock=$1/data/postmaster.pid
for signal in INT QUIT KILL; do
	pid=$(head -n 1 "$lock" 2>/dev/null) && [ -n "$pid" ] || break
	kill -s "$signal" "$pid" 2>/dev/null || break
	tries=0
	while [ "$signal" != KILL ] && [ -e "$lock" ] && [ "$tries" -lt 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
done
cd / && rm -rf "$1"
`

// newFolder makes a folder and starts its watchdog.
func newFolder() (*folder, error) {
	credential, err := serverCredential()
	if err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp(temporaryRoot(credential), "portcullis-pg-")
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, credential: credential}
	if credential != nil {
		if err := os.Chown(path, int(credential.Uid), int(credential.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(path))
		}
	}
	f.watchdog = f.command("/bin/sh", "-c", watchdogScript, "portcullis-watchdog", path)
	if f.alive, err = f.watchdog.StdinPipe(); err == nil {
		err = f.watchdog.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the watchdog: %w", err), os.RemoveAll(path))
	}
	return f, nil
}

// command prepares a program that runs in the folder, as the servers' user, in a session of its own (so that Ctrl-C on
// our terminal does not reach it) and with an environment that no PG* variable disturbs.
func (f *folder) command(program string, args ...string) *exec.Cmd {
	command := exec.Command(program, args...)
	command.Dir = f.path
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.path, "LC_ALL=C", "TZ=UTC"}
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: f.credential}
	return command
}

// remove deletes the folder and releases the watchdog. No server may run in it any more.
func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	_, _ = io.WriteString(f.alive, "released\n") // if it is gone already there is nobody to release
	_ = f.alive.Close()
	timer := time.AfterFunc(watchdogTimeout, func() { _ = f.watchdog.Process.Kill() })
	defer timer.Stop()
	_ = f.watchdog.Wait()
	return err
}

// serverCredential returns the unprivileged user under whom servers run when we are root, else nil.
func serverCredential() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", name, err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New(`PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody"`)
}

// temporaryRoot is os.TempDir where a socket path under it is short enough and the servers' user can reach it, else /tmp.
func temporaryRoot(credential *syscall.Credential) string {
	const fallback = "/tmp"
	root := os.TempDir()
	longest := filepath.Join(root, "portcullis-pg-4294967295")
	if len(longest)+socketNameBytes > socketPathBytesMax {
		return fallback
	}
	if credential != nil && !reachable(root) {
		return fallback
	}
	return root
}

// reachable reports that everybody may pass through each folder of an absolute path.
func reachable(path string) bool {
	current := "/"
	for _, name := range strings.Split(filepath.Clean(path), "/") {
		current = filepath.Join(current, name)
		info, err := os.Stat(current)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
	}
	return true
}
