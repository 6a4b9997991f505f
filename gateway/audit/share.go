package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
)

// Share lets another process write the log too, from now on: one that is started with the files that Share returns and opens
// the log with Options.Shared. They stay this Log's. The two take turns: each locks the log for a batch, and goes on where the
// other has ended, so that there is one chain. The lock that keeps strangers out is held by both, until both have closed the
// log.
func (l *Log) Share() []*os.File {
	l.shared.Store(true)
	return []*os.File{l.file.system(), l.anchors.file.system()}
}

// take begins a turn of this process: nobody else writes until give ends it. It finds where the log ends now. A turn may hold
// others. Without a second process it does nothing.
func (l *Log) take() error {
	if l.turns++; l.held || !l.shared.Load() {
		return nil
	}
	err := l.file.Lock()
	if err != nil {
		err = fmt.Errorf("lock the log: %w", err)
	} else if l.held = true; l.chain != (chain{}) { // else nothing was read yet: Open
		err = l.catchUp()
	}
	if err != nil {
		l.give()
	}
	return err
}

// give ends a turn. What may be half written keeps the others waiting until it is whole, or this process has ended.
func (l *Log) give() {
	if l.turns--; l.turns > 0 || !l.held || l.dirty {
		return
	}
	l.held = false
	_ = l.file.Unlock() // it cannot fail for a file that is open; a process that ends unlocks too
}

// catchUp reads what the other process has written since this one's last turn.
func (l *Log) catchUp() error {
	size, err := l.file.Size()
	if err != nil || size == l.size && !l.dirty {
		return err
	}
	end, err := readTail(l.file, size, l.public())
	switch {
	case err != nil:
		return err
	case !end.exists || end.id != l.id || end.seq < l.chain.seq:
		return fmt.Errorf("%w: it does not go on from line number %d", ErrChanged, l.chain.seq)
	case l.dirty && end.chain == l.chain:
		return nil // what is there is this process's, and will be written again
	}
	if l.chain, l.size, l.dirty = end.chain, end.size, false; len(end.torn) > 0 {
		return l.recover(end.torn) // the other process has ended in the middle of a batch
	}
	return nil
}

// catchUpAnchors is catchUp for the file of anchors.
func (l *Log) catchUpAnchors() error {
	if !l.shared.Load() {
		return nil
	}
	last, err := l.anchors.catchUp(l.public())
	if last != nil {
		l.anchored = last.seq
	}
	return err
}

func (l *Log) public() ed25519.PublicKey { return l.options.SigningKey.Public().(ed25519.PublicKey) }

// recover moves aside what a crash has left behind the last batch, and says so.
func (l *Log) recover(torn []byte) error {
	aside, err := setAside(l.path, torn)
	if err != nil {
		return fmt.Errorf("move aside what a crash left: %w", err)
	}
	l.dirty = true
	first := newBatch(nil)
	first.add(appendRecovery(nil, l.options.Clock(), torn, aside))
	return l.write(first)
}

// catchUp finds the end of a file that another process appends to as well, and the last anchor if it is not this one's. A line
// that the other has not finished is written over.
func (a *anchorFile) catchUp(key ed25519.PublicKey) (last *anchor, err error) {
	size, err := a.file.Size()
	if err != nil || size == a.size {
		return nil, err
	}
	tail := make([]byte, min(size, 2*anchorBytesMax))
	if _, err := a.file.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	whole := tail[:bytes.LastIndexByte(tail, '\n')+1]
	last, ok := parseAnchor(lastLine(whole), key)
	if !ok {
		return nil, fmt.Errorf("%w: its last line is not an anchor by this key", ErrAnchors)
	}
	a.size = size - int64(len(tail)-len(whole))
	a.dirty = a.size < size
	return last, nil
}
