package folder_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portcullisdb/portcullis/crypto/keystore"
	"github.com/portcullisdb/portcullis/crypto/keystore/folder"
	"github.com/portcullisdb/portcullis/crypto/keystore/keystoretest"
)

func TestStore(t *testing.T) {
	keystoretest.Test(t, func(t *testing.T) func() keystore.Store {
		path := filepath.Join(t.TempDir(), "keys")
		return func() keystore.Store {
			s, err := folder.Create(path)
			if err != nil {
				t.Error(err)
			}
			return s
		}
	})
}

func saved(t *testing.T) (s *folder.Store, path string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "keys")
	s, err := folder.Create(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := keystore.Wrapped{Name: "pii", Generation: 1, Parts: map[string][]byte{"aead": []byte("wrapped")}}
	if err := s.Save(t.Context(), w); err != nil {
		t.Fatal(err)
	}
	return s, filepath.Join(dir, "pii.keyset")
}

func TestFilesArePrivate(t *testing.T) {
	_, path := saved(t)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o, want 600", e.Name(), info.Mode().Perm())
		}
		if strings.HasPrefix(e.Name(), ".new-") {
			t.Errorf("%s is left behind", e.Name())
		}
	}
	if info, _ := os.Stat(filepath.Dir(path)); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %o, want 700", info.Mode().Perm())
	}
}

func TestLoadRefusesFilesOfOthers(t *testing.T) {
	s, path := saved(t)
	if err := os.Chmod(path, 0o620); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "pii"); !errors.Is(err, folder.ErrFile) {
		t.Errorf("error %v, want ErrFile", err)
	}
	if err := os.Rename(path, path+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path+".away", path); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Load(t.Context(), "pii"); !errors.Is(err, folder.ErrFile) {
		t.Errorf("error %v for a link, want ErrFile", err)
	}
}

func TestOpenRefusesFolders(t *testing.T) {
	_, path := saved(t)
	if _, err := folder.Open(path); !errors.Is(err, folder.ErrFolder) {
		t.Errorf("error %v for a file, want ErrFolder", err)
	}
	if err := os.Chmod(filepath.Dir(path), 0o770); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Open(filepath.Dir(path)); !errors.Is(err, folder.ErrFolder) {
		t.Errorf("error %v for a folder that the group may write, want ErrFolder", err)
	}
	if _, err := folder.Open(filepath.Dir(path) + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v, want fs.ErrNotExist", err)
	}
}

func TestLoadRefusesMalformedFiles(t *testing.T) {
	s, path := saved(t)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	good := string(text)
	for name, bad := range map[string]string{
		"empty":         "",
		"cut":           good[:len(good)-5],
		"other format":  strings.Replace(good, "keyset-1", "keyset-2", 1),
		"other name":    strings.Replace(good, `"pii"`, `"pci"`, 1),
		"generation 0":  strings.Replace(good, `"generation": 1`, `"generation": 0`, 1),
		"unknown field": strings.Replace(good, `"name"`, `"extra": 1, "name"`, 1),
		"two documents": good + good,
	} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Load(t.Context(), "pii"); !errors.Is(err, keystore.ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
	}
}
