//go:build unix

package pool

import (
	"os"
	"syscall"
	"testing"
)

// giveTo makes a file the owner's of another one: the server reads only its own keys.
func giveTo(t *testing.T, path string, like os.FileInfo) {
	t.Helper()
	owner := like.Sys().(*syscall.Stat_t)
	if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
		t.Fatal(err)
	}
}
