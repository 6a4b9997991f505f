package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// file is what a log needs of an *os.File. Tests put failing ones in its place.
type file interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
	Close() error
	// Moved reports that the path at which the file was opened leads to another file, or to none.
	Moved() bool
	Size() (int64, error)
	// Lock waits until no other process has locked the file. Unlike the lock of the opener it is not inherited: of two
	// processes that share the open file one has it at a time (fcntl(2), F_SETLKW).
	Lock() error
	Unlock() error
	// system returns the file of the operating system, for a process that shall share it.
	system() *os.File
}

// opener opens a file for reading and writing, makes it if it is not there, and keeps other processes from doing so.
type opener func(path string) (f file, size int64, err error)

// lockedFile is a real file and the path that it was opened at.
type lockedFile struct {
	*os.File
	path string
	info os.FileInfo
}

func (f *lockedFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *lockedFile) Lock() error   { return f.lock(syscall.F_WRLCK) }
func (f *lockedFile) Unlock() error { return f.lock(syscall.F_UNLCK) }

func (f *lockedFile) lock(kind int16) error {
	for {
		whole := syscall.Flock_t{Type: kind, Whence: io.SeekStart}
		if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLKW, &whole); err != syscall.EINTR {
			return err
		}
	}
}

func (f *lockedFile) system() *os.File { return f.File }

func (f *lockedFile) Moved() bool {
	now, err := os.Stat(f.path)
	return err != nil || !os.SameFile(now, f.info)
}

// openLocked is the opener of real files. A new file has mode 0600 and is in its folder for good when openLocked
// returns. The error is ErrInUse if another Log, of this process or another, has the file open.
func openLocked(path string) (file, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("%w: %s", ErrInUse, path)
		}
		return nil, 0, errors.Join(err, f.Close())
	}
	info, err := f.Stat()
	if err == nil {
		err = syncFolder(filepath.Dir(path))
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return &lockedFile{File: f, path: path, info: info}, info.Size(), nil
}

// openShared is the opener of files that another process has open and locked, and has handed to this one; of others it is
// openLocked. It takes the files that it opens out of the list.
func openShared(files *[]*os.File) opener {
	return func(path string) (file, int64, error) {
		at, err := os.Stat(path)
		if err != nil {
			return openLocked(path)
		}
		for i, f := range *files {
			if info, err := f.Stat(); err == nil && os.SameFile(info, at) {
				*files = slices.Delete(*files, i, i+1)
				return &lockedFile{File: f, path: path, info: info}, info.Size(), nil
			}
		}
		return openLocked(path)
	}
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// setAside keeps bytes beside the log in a file of their own, and returns its name within the log's folder.
func setAside(logPath string, content []byte) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(logPath), filepath.Base(logPath)+".torn-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return filepath.Base(f.Name()), errors.Join(err, f.Sync(), f.Close(), syncFolder(filepath.Dir(logPath)))
}
