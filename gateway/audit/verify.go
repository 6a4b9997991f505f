package audit

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Limits of what Verify holds of a log at once.
const (
	runBytesMax = 4 * (batchBytesMax + lineBytesMax)
	runLinesMax = 32 * batchEventsMax
	looseMax    = 16 << 10 // lines that are missing here and may turn up there, before the next batch is judged
)

// VerifyFiles looks at the end of a running log this often, this long apart, for a moment between two batches.
const (
	settleTries = 50
	settleWait  = 5 * time.Millisecond
)

// ErrWrongKey is returned by Verify for a log of which no batch is signed by the key and whose first line names another.
var ErrWrongKey = errors.New("the audit log is not signed by this key")

// Verify reads a log and tells what was changed in it, in memory that does not grow with the log. anchors may be nil:
// then no truncation at a batch's end is found. They must not be newer than the log: see VerifyFiles. The key comes from a place that whoever may have changed the log cannot
// change; that the log names a key proves nothing. An error says that the log could not be read or judged.
func Verify(log, anchors io.Reader, key ed25519.PublicKey) (*Report, error) {
	v := &verifier{key: key, report: &Report{}}
	if anchors != nil {
		v.anchors = newAnchorReader(anchors, key, v.report)
	}
	reader := bufio.NewReaderSize(log, 64<<10)
	for {
		line, err := readLine(reader, v.line[:0])
		v.line = line
		if len(line) > 0 {
			v.next(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return v.report, fmt.Errorf("read the audit log after line %d: %w", v.report.Lines, err)
		}
	}
	if v.report.Batches == 0 && v.otherKey {
		return v.report, ErrWrongKey
	}
	err := v.finish()
	v.report.sort()
	return v.report, err
}

// VerifyFiles is Verify of files, of a log that is being written too: what is written after VerifyFiles has begun is not
// looked at. anchorPath may be empty.
func VerifyFiles(logPath, anchorPath string, key ed25519.PublicKey) (*Report, error) {
	// The anchors come first: an anchor is written after what it vouches for.
	var anchors io.Reader
	if anchorPath != "" {
		file, err := os.Open(anchorPath)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return nil, err
		}
		anchors = io.LimitReader(file, info.Size())
	}
	file, err := os.Open(logPath)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	size, err := settledSize(file, key)
	if err != nil {
		return nil, err
	}
	return Verify(io.LimitReader(file, size), anchors, key)
}

// settledSize returns the size of a log at a moment at which it ended in a batch line, which is every moment at which
// nobody is in the middle of writing a batch. If there is none within settleTries, it is the size at the last look.
func settledSize(file *os.File, key ed25519.PublicKey) (size int64, err error) {
	window := make([]byte, batchLineBytesMax)
	for try := range settleTries {
		if try > 0 {
			time.Sleep(settleWait)
		}
		info, err := file.Stat()
		if err != nil {
			return 0, err
		}
		size = info.Size()
		tail := window[:min(size, batchLineBytesMax)]
		if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
			return 0, err
		}
		if _, ok := parseBatch(lastLine(tail), key); ok {
			break
		}
	}
	return size, nil
}

// readLine reads up to the next newline, which is part of the line. What is beyond lineBytesMax is dropped, the newline
// too: such a line has no digest that a batch could name.
func readLine(reader *bufio.Reader, dst []byte) ([]byte, error) {
	for {
		part, err := reader.ReadSlice('\n')
		dst = append(dst, part[:min(len(part), lineBytesMax+1-len(dst))]...)
		if err != bufio.ErrBufferFull {
			return dst, err
		}
	}
}

// verifier is the state between two lines.
type verifier struct {
	key      ed25519.PublicKey
	report   *Report
	anchors  *anchorReader // nil: there are none
	line     []byte
	otherKey bool // the first line names another key

	id    logID
	hasID bool
	place chain // of the last batch
	lost  bool  // lines since then were dropped unjudged

	run  []runLine // the lines since the last batch line
	text []byte    // their bytes

	gaps    []gap
	missing []missingLine
	extra   []extraLine
}

// runLine is a line of the run.
type runLine struct {
	number     int64
	seq        uint64 // 0 if the line does not begin with one
	digest     digest
	start, end int // in verifier.text
}

// gap is a range of numbers that were skipped. A batch that turns up later may fill it.
type gap struct {
	from, to uint64
	line     int64
}

// missingLine is a line that a batch names and that is not in it.
type missingLine struct {
	seq    uint64
	digest digest
	line   int64 // of what stands there
	found  bool
}

// extraLine is a line in a batch that does not name it.
type extraLine struct {
	digest  digest
	line    int64
	instead int // index of the missing line in whose place it stands, or -1
	moved   bool
}

// next takes one line.
func (v *verifier) next(line []byte) {
	v.report.Lines++
	if v.report.Lines == 1 {
		v.readHeader(line)
	}
	b, ok := parseBatch(line, v.key)
	if !ok {
		// A lost newline joins the last event to its batch line, which is still good for naming that event.
		if at := bytes.LastIndex(line, []byte(seqHead)); at > 0 {
			if b, ok = parseBatch(line[at:], v.key); ok {
				line = line[:at]
			}
		}
		v.add(line)
	}
	if ok {
		v.report.Batches++
		v.closeRun(b)
	}
}

// add puts a line on the run.
func (v *verifier) add(line []byte) {
	if len(v.run) == runLinesMax || len(v.text)+len(line) > runBytesMax {
		v.find(v.run[0].number, ChangeEdit, "too many lines follow that no batch line closes; what is among them is not judged")
		v.dropRun()
		v.lost = true
	}
	start := len(v.text)
	v.text = append(v.text, line...)
	seq, _ := seqOf(line)
	v.run = append(v.run, runLine{v.report.Lines, seq, digestOf(line), start, len(v.text)})
}

// readHeader looks at the first line, before anything vouches for it.
func (v *verifier) readHeader(line []byte) {
	var content struct{ Key string }
	if json.Unmarshal(line, &content) == nil && content.Key != "" {
		v.otherKey = content.Key != hex.EncodeToString(v.key)
	}
}

func (v *verifier) find(line int64, change Change, format string, args ...any) {
	v.report.add(Finding{Line: line, Change: change, Detail: fmt.Sprintf(format, args...)})
}

func (v *verifier) dropRun() { v.run, v.text = v.run[:0], v.text[:0] }

// bytes returns a line of the run.
func (v *verifier) bytes(l runLine) []byte { return v.text[l.start:l.end] }

// closeRun judges the lines that stand before a batch line whose signature holds.
func (v *verifier) closeRun(b *batchLine) {
	defer v.dropRun()
	if len(v.missing)+len(v.extra) > looseMax {
		v.settle()
	}
	number := v.report.Lines
	expected := v.place.seq + 1
	switch {
	case v.lost:
		v.lost = false
		v.judge(b, number, v.run[max(0, len(v.run)-len(b.digests)):])
	case b.first() < expected:
		v.closeOld(b, number)
		return // the chain goes on from where it was
	case b.first() == expected:
		perfect := v.judge(b, number, v.run)
		if perfect && v.place.next(v.text) != b.hash {
			v.find(number, ChangeEdit, "the batch does not continue the one before it")
		}
	default:
		v.closeAfterLoss(b, number)
	}
	v.place = chain{b.seq, b.hash}
	v.report.LastSeq = b.seq
	v.checkAnchors(number, b)
}

// closeOld judges a batch whose numbers have been passed: it was moved here from a gap, or is a copy.
func (v *verifier) closeOld(b *batchLine, number int64) {
	line := number
	if len(v.run) > 0 {
		line = v.run[0].number
	}
	for i, g := range v.gaps {
		if g.from <= b.first() && b.seq <= g.to {
			v.find(g.line, ChangeReordering, "numbers %d to %d stand later, from line %d on", b.first(), b.seq, line)
			rest := []gap{{g.from, b.first() - 1, g.line}, {b.seq + 1, g.to, g.line}}
			v.gaps = append(v.gaps[:i], v.gaps[i+1:]...)
			for _, r := range rest {
				if r.from <= r.to {
					v.gaps = append(v.gaps, r)
				}
			}
			v.judge(b, number, v.run)
			return
		}
	}
	v.find(line, ChangeInsertion, "a copy of the batch with numbers %d to %d", b.first(), b.seq)
}

// closeAfterLoss judges a batch before which numbers are missing: batch lines, or whole batches.
func (v *verifier) closeAfterLoss(b *batchLine, number int64) {
	var before, own []runLine
	named := make(map[digest]bool, len(b.digests))
	for _, d := range b.digests {
		named[d] = true
	}
	for _, l := range v.run {
		if len(own) == 0 && !named[l.digest] && (l.seq < b.first() || looksLikeBatch(v.bytes(l))) {
			before = append(before, l)
		} else {
			own = append(own, l)
		}
	}
	perfect := v.judge(b, number, own)
	if len(before) == 0 {
		line := number
		if len(v.run) > 0 {
			line = v.run[0].number
		}
		v.addGap(gap{v.place.seq + 1, b.first() - 1, line})
		return
	}
	next := number
	if len(own) > 0 {
		next = own[0].number
	}
	previous, whole := v.bridge(before, b.first(), next)
	if !perfect {
		return
	}
	text := v.text[before[len(before)-1].end:]
	if !whole || previous.next(text) != b.hash {
		v.find(before[0].number, ChangeEdit, "lines %d to %d are not those that were written, and the batch line that would name them is missing",
			before[0].number, before[len(before)-1].number)
	}
}

// bridge walks over lines whose batch lines are missing or changed, up to number `to`, and computes the chain across them
// as if those batch lines were there. whole is false if more than batch lines is missing. next is the line that follows.
func (v *verifier) bridge(lines []runLine, to uint64, next int64) (place chain, whole bool) {
	place, whole = v.place, true
	var segment []byte
	expected := place.seq + 1
	closeSegment := func() {
		whole = whole && len(segment) > 0
		place = chain{expected, place.next(segment)}
		segment = nil
		expected++
	}
	skipTo := func(seq uint64, line int64) {
		switch {
		case seq == expected+1: // one number: if it is that of a batch line, the chain will hold
			v.missing = append(v.missing, missingLine{seq: expected, line: line})
			closeSegment()
		case seq > expected:
			v.addGap(gap{expected, seq - 1, line})
			expected, segment, whole = seq, nil, false
		}
	}
	for _, l := range lines {
		line := v.bytes(l)
		if !looksLikeBatch(line) {
			skipTo(min(l.seq, to), l.number)
			if l.seq == expected && l.seq != to-1 { // number to-1 is that of a batch line
				segment = append(segment, line...)
				expected++
				continue
			}
		}
		v.find(l.number, ChangeEdit, "the batch line is not the one that was written")
		closeSegment()
	}
	skipTo(to, next)
	return place, whole && expected == to && len(segment) == 0
}

// judge compares the lines before a batch line with those that it names, and reports that they are the same.
func (v *verifier) judge(b *batchLine, number int64, lines []runLine) bool {
	found := make([]digest, len(lines))
	for j, l := range lines {
		found[j] = l.digest
	}
	m := align(b.digests, found)
	lineAt := func(j int) int64 {
		if j < len(lines) {
			return lines[j].number
		}
		return number
	}
	for _, j := range m.moved {
		v.find(lineAt(j), ChangeReordering, "the line stood elsewhere in its batch")
	}
	for n, i := range m.missing {
		v.missing = append(v.missing, missingLine{seq: b.first() + uint64(i), digest: b.digests[i], line: lineAt(m.before[n])})
	}
	for _, pair := range m.pairs {
		j, i := pair[0], pair[1]
		v.missing = append(v.missing, missingLine{seq: b.first() + uint64(i), digest: b.digests[i], line: lineAt(j)})
		v.extra = append(v.extra, extraLine{digest: found[j], line: lineAt(j), instead: len(v.missing) - 1})
	}
	for _, j := range m.extra {
		v.extra = append(v.extra, extraLine{digest: found[j], line: lineAt(j), instead: -1})
	}
	v.count(b, lines, m.perfect())
	return m.perfect()
}

// count takes notice of lines that the batch vouches for.
func (v *verifier) count(b *batchLine, lines []runLine, perfect bool) {
	if !perfect {
		named := make(map[digest]bool, len(b.digests))
		for _, d := range b.digests {
			named[d] = true
		}
		var vouched []runLine
		for _, l := range lines {
			if named[l.digest] {
				vouched = append(vouched, l)
			}
		}
		lines = vouched
	}
	v.report.Events += int64(len(lines))
	for _, l := range lines {
		line := v.bytes(l)
		switch {
		case hasKind(line, kindLog):
			v.id, v.hasID = parseHeader(line)
		case hasKind(line, kindRecovery):
			v.report.Recoveries++
		case hasKind(line, kindGap):
			var content struct{ Missed int64 }
			if json.Unmarshal(line, &content) == nil {
				v.report.Missed += content.Missed
			}
		}
	}
}

// hasKind looks for a kind where appendHead puts it.
func hasKind(line []byte, kind Kind) bool {
	_, rest, ok := bytes.Cut(line, []byte(`Z","kind":"`))
	return ok && bytes.HasPrefix(rest, append([]byte(kind), '"'))
}

func (v *verifier) addGap(g gap) {
	if len(v.gaps) == looseMax {
		v.find(g.line, ChangeDeletion, "numbers %d to %d are missing here", g.from, g.to)
		return
	}
	v.gaps = append(v.gaps, g)
}

// settle decides what became of the lines that are missing here and the lines that are too many there.
func (v *verifier) settle() {
	byDigest := make(map[digest]int)
	for i, m := range v.missing {
		if m.digest != (digest{}) {
			byDigest[m.digest] = i
		}
	}
	for j := range v.extra {
		e := &v.extra[j]
		if i, ok := byDigest[e.digest]; ok && !v.missing[i].found {
			v.missing[i].found, e.moved = true, true
			v.find(e.line, ChangeReordering, "the line belongs into another batch, as number %d", v.missing[i].seq)
		}
	}
	for _, e := range v.extra {
		switch {
		case e.moved:
		case e.instead >= 0 && !v.missing[e.instead].found:
			v.missing[e.instead].found = true
			v.find(e.line, ChangeEdit, "the line is not the one that was written as number %d", v.missing[e.instead].seq)
		default:
			v.find(e.line, ChangeInsertion, "the line was never written here")
		}
	}
	for _, m := range v.missing {
		if !m.found {
			v.find(m.line, ChangeDeletion, "number %d is missing before this line", m.seq)
		}
	}
	v.missing, v.extra = v.missing[:0], v.extra[:0]
}

// finish judges what follows the last batch line, and what is still open.
func (v *verifier) finish() error {
	last, seq := v.report.Lines, v.place.seq
	if len(v.run) > 0 {
		last, seq = v.finishRun()
	} else if v.report.Lines == 0 && (v.anchors == nil || !v.anchors.covers(1)) {
		v.find(1, ChangeTruncation, "the log is empty, without even its first line")
	}
	v.settle()
	for _, g := range v.gaps {
		v.find(g.line, ChangeDeletion, "numbers %d to %d are missing before this line", g.from, g.to)
	}
	if v.anchors == nil {
		return nil
	}
	return v.anchors.finish(v, last, seq)
}

// finishRun judges the lines after the last batch line. It returns the number of the last one that is whole, and the
// number that it has, or should have, in the log.
func (v *verifier) finishRun() (last int64, seq uint64) {
	whole := v.run
	last = v.run[len(v.run)-1].number
	if !bytes.HasSuffix(v.text, []byte("\n")) {
		whole = whole[:len(whole)-1]
		last--
	}
	seq = v.place.seq
	changed := false
	covered := v.anchors != nil && v.anchors.covers(v.place.seq+1)
	for _, l := range whole {
		seq++
		switch {
		case l.seq < seq && !covered:
			v.find(l.number, ChangeInsertion, "the line was never written here")
			changed = true
		case l.seq < seq:
			v.find(l.number, ChangeEdit, "the line is not the one that was written as number %d", seq)
			changed = true
		case l.seq > seq:
			v.find(l.number, ChangeDeletion, "numbers %d to %d are missing before this line", seq, l.seq-1)
			seq, changed = l.seq, true
		case looksLikeBatch(v.bytes(l)):
			v.find(l.number, ChangeEdit, "the batch line is not the one that was written")
			changed = true
		}
	}
	if !covered && !changed {
		v.find(v.run[0].number, ChangeUnclosed, "no batch line vouches for what follows from here: a crash's remains, or a change")
	}
	return last, seq
}

// checkAnchors compares a batch with the anchors up to it.
func (v *verifier) checkAnchors(number int64, b *batchLine) {
	if v.anchors == nil {
		return
	}
	for a := v.anchors.peek(); a != nil && a.seq <= b.seq; a = v.anchors.peek() {
		switch {
		case v.hasID && a.log != v.id:
			v.find(number, ChangeAnchor, "the anchors are of log %s, this is %s", a.log, v.id)
		case a.seq < b.seq:
			v.anchors.unmet = append(v.anchors.unmet[:0], Finding{Line: number, Change: ChangeAnchor,
				Detail: fmt.Sprintf("an anchor says that number %d closes a batch, and it does not", a.seq)})
		case a.hash != b.hash:
			v.find(number, ChangeAnchor, "the batch is not the one that was anchored as number %d", a.seq)
		default:
			v.report.AnchoredSeq = a.seq
		}
		v.anchors.skip()
	}
}

// anchorReader reads anchors one after the other.
type anchorReader struct {
	reader *bufio.Reader
	key    ed25519.PublicKey
	report *Report
	lines  int64
	ahead  *anchor // read and not yet passed
	last   uint64
	ended  bool
	err    error
	unmet  []Finding // the last anchor of a place that the log does not have
}

func newAnchorReader(r io.Reader, key ed25519.PublicKey, report *Report) *anchorReader {
	return &anchorReader{reader: bufio.NewReader(r), key: key, report: report}
}

// peek returns the next anchor, or nil at the end. Lines that are no anchors are findings; a last line without its
// newline is what a crash leaves.
func (r *anchorReader) peek() *anchor {
	for r.ahead == nil && !r.ended {
		line, err := readLine(r.reader, nil)
		if err != nil {
			r.ended = true
			if err != io.EOF {
				r.err = fmt.Errorf("read the anchors after line %d: %w", r.lines, err)
			}
			break
		}
		r.lines++
		a, ok := parseAnchor(line, r.key)
		switch {
		case !ok:
			r.find(ChangeEdit, "not an anchor signed by this key")
		case a.seq <= r.last:
			r.find(ChangeReordering, "the anchor of number %d stands after that of %d", a.seq, r.last)
		default:
			r.report.Anchors++
			r.last = a.seq
			r.ahead = a
		}
	}
	return r.ahead
}

func (r *anchorReader) skip() { r.ahead = nil }

// covers reports that an anchor vouches for a number not yet reached.
func (r *anchorReader) covers(seq uint64) bool {
	a := r.peek()
	return a != nil && a.seq >= seq
}

func (r *anchorReader) find(change Change, format string, args ...any) {
	r.report.add(Finding{Line: r.lines, InAnchors: true, Change: change, Detail: fmt.Sprintf(format, args...)})
}

// finish reads the anchors that lie beyond the log's last batch. The log's last whole line is number last of the file and
// number seq of the log.
func (r *anchorReader) finish(v *verifier, last int64, seq uint64) error {
	var beyond *anchor
	for a := r.peek(); a != nil; a = r.peek() {
		beyond = a
		r.skip()
	}
	switch {
	case beyond != nil && v.hasID && beyond.log != v.id:
		v.find(1, ChangeAnchor, "the anchors are of log %s, this is %s", beyond.log, v.id)
	case beyond != nil && beyond.seq > seq:
		v.find(last+1, ChangeTruncation, "the log ends here, at number %d; number %d was anchored at %s", seq, beyond.seq,
			beyond.time.UTC().Format("2006-01-02 15:04:05Z"))
	case beyond != nil && v.report.Intact():
		v.find(last-int64(seq-beyond.seq), ChangeEdit, "the batch line that was anchored as number %d is not the one that was written",
			beyond.seq)
	}
	if v.report.Intact() {
		for _, f := range r.unmet {
			v.report.add(f)
		}
	}
	if r.lines == 0 && r.err == nil {
		v.find(1, ChangeAnchor, "there are no anchors")
	}
	return r.err
}
