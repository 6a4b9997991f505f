package audit

import (
	"errors"
	"sync"
)

var errDisk = errors.New("disk fault")

// faultyDisk opens real files and makes the n-th operation that changes one fail, half done.
type faultyDisk struct {
	failAt int  // the operation, counted from 1 over all files; 0: none
	dies   bool // and all operations after it
	holes  bool // when it dies, the first half of what was not synced becomes zeros
	onSync func()

	mutex      sync.Mutex
	operations int
	files      []*faultyFile
}

type faultyFile struct {
	*lockedFile
	disk   *faultyDisk
	synced int64 // bytes from the beginning that are safe
	size   int64
}

func (d *faultyDisk) open(path string) (file, int64, error) {
	f, size, err := openLocked(path)
	if err != nil {
		return nil, 0, err
	}
	faulty := &faultyFile{lockedFile: f.(*lockedFile), disk: d, synced: size, size: size}
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.files = append(d.files, faulty)
	return faulty, size, nil
}

// fault counts an operation and reports that it fails.
func (d *faultyDisk) fault() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.operations++
	if d.operations == d.failAt && d.holes {
		for _, f := range d.files {
			f.punch()
		}
	}
	return d.operations == d.failAt || d.dies && d.failAt != 0 && d.operations > d.failAt
}

// hasFailed reports that the fault lies in the past.
func (d *faultyDisk) hasFailed() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.operations >= d.failAt
}

func (f *faultyFile) punch() {
	if half := (f.size - f.synced) / 2; half > 0 {
		if _, err := f.File.WriteAt(make([]byte, half), f.synced); err != nil {
			panic(err)
		}
	}
}

func (f *faultyFile) WriteAt(p []byte, at int64) (int, error) {
	if f.disk.fault() {
		n := 0
		if f.disk.operations == f.disk.failAt {
			n, _ = f.File.WriteAt(p[:len(p)/2], at)
		}
		return n, errDisk
	}
	n, err := f.File.WriteAt(p, at)
	f.size = max(f.size, at+int64(n))
	return n, err
}

func (f *faultyFile) Truncate(size int64) error {
	if f.disk.fault() {
		return errDisk
	}
	f.size, f.synced = size, min(size, f.synced)
	return f.File.Truncate(size)
}

func (f *faultyFile) Sync() error {
	if f.disk.onSync != nil {
		f.disk.onSync()
	}
	if f.disk.fault() {
		return errDisk
	}
	f.synced = f.size
	return nil // the machine does not crash in tests, so there is no need to wait for the disk
}
