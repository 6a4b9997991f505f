package folder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/portcullisdb/portcullis/crypto/keystore"
)

// Store is a folder of wrapped keysets.
type Store struct {
	path string
}

var _ keystore.Store = (*Store)(nil)

// Errors of this store alone.
var (
	ErrFolder = errors.New("not a folder, or one that group or others may write")
	ErrFile   = errors.New("keyset file is not a regular file, or one that group or others may write")
)

const (
	format       = "portcullis-keyset-1"
	suffix       = ".keyset"
	lockName     = ".lock"
	fileSizeMax  = 4 << 20
	modeOfFolder = fs.FileMode(0o700)
	modeOfFile   = fs.FileMode(0o600)
	modeOfWrites = fs.FileMode(0o022) // write by group or others
)

// Create makes the folder, mode 0700, if there is none at path, and opens it.
func Create(path string) (*Store, error) {
	if err := os.Mkdir(path, modeOfFolder); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create key store: %w", err)
	}
	return Open(path)
}

// Open opens an existing folder. It returns ErrFolder for one that group or others may write.
func Open(path string) (*Store, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open key store: %w", err)
	}
	if !info.IsDir() || info.Mode().Perm()&modeOfWrites != 0 {
		return nil, fmt.Errorf("open key store %q: %w", path, ErrFolder)
	}
	return &Store{path: path}, nil
}

// document is the file's form: JSON, so that a person can see name and generation.
type document struct {
	Format     string            `json:"format"`
	Name       string            `json:"name"`
	Generation uint64            `json:"generation"`
	Parts      map[string][]byte `json:"parts"` // base64
}

// Load implements keystore.Store. It returns ErrFile for a file that others could have written, and
// keystore.ErrMalformed for one that is no keyset of that name.
func (s *Store) Load(_ context.Context, name string) (keystore.Wrapped, error) {
	if err := keystore.CheckName(name); err != nil {
		return keystore.Wrapped{}, err
	}
	return s.load(name)
}

func (s *Store) load(name string) (keystore.Wrapped, error) {
	text, err := s.read(name + suffix)
	if errors.Is(err, fs.ErrNotExist) {
		return keystore.Wrapped{}, fmt.Errorf("load keyset %q: %w", name, keystore.ErrNotFound)
	}
	if err != nil {
		return keystore.Wrapped{}, fmt.Errorf("load keyset %q: %w", name, err)
	}
	d := document{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil || decoder.More() ||
		d.Format != format || d.Name != name || d.Generation == 0 {
		return keystore.Wrapped{}, fmt.Errorf("load keyset %q: %w", name, keystore.ErrMalformed)
	}
	return keystore.Wrapped{Name: d.Name, Generation: d.Generation, Parts: d.Parts}, nil
}

func (s *Store) read(name string) ([]byte, error) {
	f, err := os.OpenFile(filepath.Join(s.path, name), os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, ErrFile
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&modeOfWrites != 0 {
		return nil, ErrFile
	}
	if info.Size() > fileSizeMax {
		return nil, keystore.ErrMalformed
	}
	return io.ReadAll(io.LimitReader(f, fileSizeMax))
}

// Save implements keystore.Store. Savers wait for each other by a lock on the file ".lock" (flock).
func (s *Store) Save(_ context.Context, w keystore.Wrapped) error {
	if err := keystore.CheckName(w.Name); err != nil {
		return err
	}
	unlock, err := s.lock()
	if err != nil {
		return fmt.Errorf("lock key store: %w", err)
	}
	defer unlock()
	stored, err := s.load(w.Name)
	if err != nil && !errors.Is(err, keystore.ErrNotFound) {
		return err
	}
	if w.Generation != stored.Generation+1 { // 0 if there is none
		return fmt.Errorf("save generation %d of keyset %q, stored is %d: %w", w.Generation, w.Name, stored.Generation,
			keystore.ErrGeneration)
	}
	text, err := json.MarshalIndent(document{Format: format, Name: w.Name, Generation: w.Generation, Parts: w.Parts}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode keyset %q: %w", w.Name, err)
	}
	if err := s.replace(w.Name+suffix, append(text, '\n')); err != nil {
		return fmt.Errorf("save keyset %q: %w", w.Name, err)
	}
	return nil
}

func (s *Store) lock() (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.path, lockName), os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, modeOfFile)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil // closing the descriptor frees the lock
}

// replace writes a file beside, syncs it, renames it over name, and syncs the folder.
func (s *Store) replace(name string, text []byte) error {
	temporary, err := os.CreateTemp(s.path, ".new-*") // mode 0600, O_EXCL
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) // it is gone after the rename
	_, err = temporary.Write(text)
	err = errors.Join(err, temporary.Chmod(modeOfFile), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(temporary.Name(), filepath.Join(s.path, name)); err != nil {
		return err
	}
	folder, err := os.Open(s.path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// List implements keystore.Store.
func (s *Store) List(context.Context) ([]string, error) {
	entries, err := os.ReadDir(s.path)
	if err != nil {
		return nil, fmt.Errorf("list key store: %w", err)
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if ok && keystore.CheckName(name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
