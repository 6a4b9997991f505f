package audit

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
}

// opener opens a file for reading and writing, makes it if it is not there, and keeps other processes from doing so.
type opener func(path string) (f file, size int64, err error)

// lockedFile is a real file and the path that it was opened at.
type lockedFile struct {
	*os.File
	info os.FileInfo
}

func (f *lockedFile) Moved() bool {
	now, err := os.Stat(f.Name())
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
	return &lockedFile{f, info}, info.Size(), nil
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
