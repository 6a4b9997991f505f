package audit

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
)

// tailBytesMax covers the last two batches and what a crash may have left of a third. An event line is at most
// lineBytesMax, a batch at most one such line beyond batchBytesMax.
const tailBytesMax = 3 * (batchBytesMax + lineBytesMax + batchLineBytesMax)

// headerBytesMax is more than the first line of a log has.
const headerBytesMax = 4 << 10

// tail is the end of a log that is opened again.
type tail struct {
	chain        // of the last batch
	id     logID // of the log
	size   int64 // up to the end of the last batch
	torn   []byte
	exists bool // a batch was found
	only   bool // and it is the log's first, which Open writes before the first anchor
}

// readTail finds the last batch that continues the one before it. What follows was being written when the process or the
// machine stopped: no Record had returned for it, unless fsync was off. It is a part of a batch, or a batch with a hole,
// for a disk does not keep the order of writes. ErrChanged says that the end is like neither.
func readTail(f file, size int64, key ed25519.PublicKey) (tail, error) {
	window := make([]byte, min(size, tailBytesMax))
	if _, err := f.ReadAt(window, size-int64(len(window))); err != nil && !errors.Is(err, io.EOF) {
		return tail{}, err
	}
	complete := len(window) == int(size)
	found := batchesBackwards(window, key)
	for i, at := range found[:min(len(found), 2)] { // the last, or, if that has a hole, the one before it
		var previous chain
		linesStart := 0
		if i+1 < len(found) {
			previous, linesStart = found[i+1].place(), found[i+1].end
		} else if !complete {
			break
		}
		if previous.seq+1 != at.line.first() || previous.next(window[linesStart:at.start]) != at.line.hash {
			continue
		}
		torn := window[at.end:]
		if !crashLeaves(torn) {
			break
		}
		id, err := readID(f, size)
		return tail{exists: true, only: previous == chain{}, chain: at.place(), id: id, size: size - int64(len(torn)), torn: torn}, err
	}
	if complete && len(found) < 2 && crashLeaves(window) { // a new file, or a crash in its first batch
		return tail{torn: window}, nil
	}
	return tail{}, fmt.Errorf("%w: its end is not a chain of batches signed by this key", ErrChanged)
}

// crashLeaves reports that text may be what a crash leaves of a batch: without a whole batch line, or with a hole. Where a
// file system has made a file longer and then lost what was written there, it reads as zeros; lines have none.
func crashLeaves(text []byte) bool {
	if bytes.IndexByte(text, 0) >= 0 {
		return true
	}
	for line := range bytes.Lines(text) {
		if looksLikeBatch(line) && line[len(line)-1] == '\n' {
			return false
		}
	}
	return true
}

// located is a batch line and where it stands in a window.
type located struct {
	line       *batchLine
	start, end int
}

func (l located) place() chain { return chain{l.line.seq, l.line.hash} }

// batchesBackwards returns the last batch lines of text, the last one first; three are enough for readTail.
func batchesBackwards(text []byte, key ed25519.PublicKey) (found []located) {
	const enough = 3
	for end := len(text); len(found) < enough; {
		start := lineBefore(text, end)
		if start < 0 {
			break
		}
		lineEnd := start + bytes.IndexByte(text[start:], '\n') + 1
		if line, ok := parseBatch(text[start:lineEnd], key); ok {
			found = append(found, located{line, start, lineEnd})
		}
		end = start
	}
	return found
}

// readID reads the log's first line.
func readID(f file, size int64) (logID, error) {
	head := make([]byte, min(size, headerBytesMax))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return logID{}, err
	}
	id, ok := parseHeader(head[:bytes.IndexByte(head, '\n')+1])
	if !ok {
		return logID{}, fmt.Errorf("%w: its first line does not name the log", ErrChanged)
	}
	return id, nil
}

// lineBefore returns the start of the last whole line that ends at or before end; -1 if there is none. end is the end of
// text or the start of a line.
func lineBefore(text []byte, end int) int {
	newline := bytes.LastIndexByte(text[:end], '\n')
	if newline < 0 {
		return -1
	}
	return bytes.LastIndexByte(text[:newline], '\n') + 1
}
