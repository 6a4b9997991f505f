package file_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/portcullisdb/portcullis/crypto/kek"
	"github.com/portcullisdb/portcullis/crypto/kek/file"
	"github.com/portcullisdb/portcullis/crypto/kek/kektest"
)

func create(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := file.Create(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestKEK(t *testing.T) {
	open := func(path string) func(t *testing.T) kek.KEK {
		return func(t *testing.T) kek.KEK {
			k, err := file.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
	}
	kektest.Test(t, open(create(t)), open(create(t)))
}

func TestCreateIsPrivateAndNeverOverwrites(t *testing.T) {
	path := create(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o, want 600", info.Mode().Perm())
	}
	before, _ := os.ReadFile(path)
	if err := file.Create(path, rand.Reader); !errors.Is(err, file.ErrExists) {
		t.Errorf("error %v, want ErrExists", err)
	}
	if after, _ := os.ReadFile(path); string(before) != string(after) {
		t.Error("the file was overwritten")
	}
}

func TestCreateLeavesNothingWithoutRandomness(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek")
	if err := file.Create(path, strings.NewReader("too short")); err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}

func TestOpenRefusesModes(t *testing.T) {
	path := create(t)
	for _, mode := range []fs.FileMode{0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Open(path); !errors.Is(err, file.ErrMode) {
			t.Errorf("mode %o: error %v, want ErrMode", mode, err)
		}
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(path); err != nil {
		t.Errorf("mode 400: %v", err)
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	path := create(t)
	link := path + ".link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	fifo := path + ".fifo"
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{link, fifo, filepath.Dir(path)} {
		if _, err := file.Open(p); !errors.Is(err, file.ErrNotFile) {
			t.Errorf("%s: error %v, want ErrNotFile", p, err)
		}
	}
	if err := file.Create(path+".dangling", rand.Reader); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Open(path + ".none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

func TestCreateDoesNotFollowLinks(t *testing.T) {
	target := filepath.Join(t.TempDir(), "target")
	link := filepath.Join(t.TempDir(), "kek")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := file.Create(link, rand.Reader); err == nil {
		t.Error("no error")
	}
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the link was followed: %v", err)
	}
}

func TestOpenRefusesMalformedFiles(t *testing.T) {
	path := create(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := strings.TrimSuffix(string(text), "\n")
	encoded := strings.TrimPrefix(good, "portcullis-kek-1:")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	decoded[7] ^= 1
	for name, bad := range map[string]string{
		"empty":            "",
		"other version":    strings.Replace(good, "kek-1", "kek-2", 1),
		"no prefix":        encoded,
		"cut":              good[:len(good)-4],
		"two lines":        good + "\n" + good + "\n",
		"blank at the end": good + " ",
		"one bit changed":  "portcullis-kek-1:" + base64.StdEncoding.EncodeToString(decoded),
		"too long":         good + strings.Repeat("\n", 300),
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := file.Open(path)
		if !errors.Is(err, file.ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
		if err != nil && strings.Contains(err.Error(), encoded[:8]) {
			t.Errorf("%s: the error shows the key", name)
		}
	}
}

func TestPrintingShowsNoKey(t *testing.T) {
	k, err := file.Open(create(t))
	if err != nil {
		t.Fatal(err)
	}
	want := k.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s prints %q, want %q", verb, got, want)
		}
	}
}
