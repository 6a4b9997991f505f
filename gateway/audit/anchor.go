package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// anchorContext separates signatures of anchors from those of batches.
const anchorContext = "portcullis audit anchor v1\n"

// anchorBytesMax is more than any anchor's line has.
const anchorBytesMax = 1 << 10

// logID names a log for its whole life. It is drawn when the log is made.
type logID [16]byte

func (id logID) String() string { return hex.EncodeToString(id[:]) }

// anchor says that at a time a log had come to a place.
type anchor struct {
	time time.Time
	log  logID
	chain
}

// appendTo appends the anchor's line, signed as batch lines are.
//
//	{"time":"2026-01-02T03:04:05.000000Z","log":"...","seq":3,"hash":"...","signature":"..."}
func (a *anchor) appendTo(dst []byte, key ed25519.PrivateKey) []byte {
	start := len(dst)
	dst = append(dst, `{"time":"`...)
	dst = a.time.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	dst = hex.AppendEncode(append(dst, `","log":"`...), a.log[:])
	dst = strconv.AppendUint(append(dst, `","seq":`...), a.seq, 10)
	dst = hex.AppendEncode(append(dst, `,"hash":"`...), a.hash[:])
	return appendSignature(dst, start, anchorContext, key)
}

// parseAnchor reads an anchor whose signature holds.
func parseAnchor(line []byte, key ed25519.PublicKey) (*anchor, bool) {
	body, ok := signed(line, anchorContext, key)
	if !ok {
		return nil, false
	}
	var content struct {
		Time time.Time
		Log  string
		Seq  uint64
		Hash string
	}
	if err := json.Unmarshal(append(bytes.Clone(body), `"}`...), &content); err != nil {
		return nil, false
	}
	a := &anchor{time: content.Time, chain: chain{seq: content.Seq}}
	return a, decodeHex(a.log[:], content.Log) && decodeHex(a.hash[:], content.Hash)
}

// anchorFile appends anchors.
type anchorFile struct {
	file  file
	size  int64
	dirty bool // bytes beyond size may be in the file
}

// openAnchors reads the last anchor of a file and makes the file ready for the next. last is nil if the file is empty. A
// line that a crash tore, or left with a hole, is cut off: the log goes on from where it is, and is anchored anew.
func openAnchors(path string, open opener, key ed25519.PublicKey) (anchors *anchorFile, last *anchor, err error) {
	f, size, err := open(path)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	tail := make([]byte, min(size, 3*anchorBytesMax))
	if _, err := f.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	whole := tail[:bytes.LastIndexByte(tail, '\n')+1]
	line := lastLine(whole)
	if bytes.IndexByte(line, 0) >= 0 {
		whole = whole[:len(whole)-len(line)]
		line = lastLine(whole)
	}
	a := &anchorFile{file: f, size: size - int64(len(tail)-len(whole))}
	if a.size < size {
		if err := f.Truncate(a.size); err != nil {
			return nil, nil, err
		}
	}
	if a.size == 0 {
		return a, nil, nil
	}
	last, ok := parseAnchor(line, key)
	if !ok {
		return nil, nil, fmt.Errorf("%w: its last line is not an anchor by this key", ErrAnchors)
	}
	return a, last, nil
}

// lastLine returns the last line of text that ends in a newline.
func lastLine(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	return text[bytes.LastIndexByte(text[:len(text)-1], '\n')+1:]
}

// append writes one anchor. After an error the next append writes over what may have been written.
func (a *anchorFile) append(next *anchor, key ed25519.PrivateKey, sync bool) error {
	if a.file.Moved() {
		return ErrMoved
	}
	if a.dirty {
		if err := a.file.Truncate(a.size); err != nil {
			return err
		}
	}
	a.dirty = true
	line := next.appendTo(nil, key)
	if _, err := a.file.WriteAt(line, a.size); err != nil {
		return err
	}
	if sync {
		if err := a.file.Sync(); err != nil {
			return err
		}
	}
	a.dirty = false
	a.size += int64(len(line))
	return nil
}
