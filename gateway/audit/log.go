package audit

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Errors of Open and Record.
var (
	ErrInUse     = errors.New("another process writes this audit log")
	ErrChanged   = errors.New("the audit log was changed; `portcullis audit verify` names the place")
	ErrTruncated = errors.New("the audit log ends before its last anchor")
	ErrAnchors   = errors.New("the anchor file does not belong to the audit log")
	ErrClosed    = errors.New("the audit log is closed")
	ErrTooLarge  = errors.New("the audit event is too large")
	ErrKind      = errors.New("audit events of this kind are not recorded by callers")
	ErrMoved     = errors.New("the audit log's file was moved or removed while it was written")
	ErrNoKey     = errors.New("the audit log has no signing key")
)

// OnFull says what happens to sessions while the disk does not take events.
type OnFull int

// The choices.
const (
	OnFullBlock OnFull = iota // Record waits until the event is on the disk
	OnFullGap                 // Record returns after gapPatience; lost events are counted, and a gap event tells of them
)

const (
	anchorIntervalDefault = time.Second
	gapPatience           = time.Second             // of Record, with OnFullGap, for a slow or failing disk
	retryWaitMin          = 50 * time.Millisecond   // before a failed batch is written again, doubled each time
	retryWaitMax          = 2000 * time.Millisecond // up to this
	logVersion            = 1
)

// Options of a Log.
type Options struct {
	// SigningKey signs batches and anchors. The log keeps it in memory.
	SigningKey ed25519.PrivateKey
	// AnchorPath is the file that anchors are appended to. It protects against truncation only as far as whoever can
	// change the log cannot change it.
	AnchorPath string
	// AnchorInterval is the least time between two anchors; zero means one second.
	AnchorInterval time.Duration
	OnFull         OnFull
	// NoSync leaves it to the operating system when bytes reach the disk. A crash of the machine then loses events that
	// Record has confirmed, and the log may end before its last anchor.
	NoSync bool
	// Clock gives the time of events and anchors; nil means time.Now.
	Clock func() time.Time
	// Random is read once, for the id of a new log; nil means crypto/rand.
	Random io.Reader
	// Shared are the files of a log that another process has open and goes on writing: those that its Share returned, as this
	// process has inherited them. Open takes them over.
	Shared []*os.File
	// Alarm is told when the log or its anchors cannot be written (once, with the error) and when they can again (nil).
	// It is called from the goroutine that writes and must not call the Log.
	Alarm func(error)
}

// Log appends events to a file. It may be used concurrently.
type Log struct {
	options Options
	wake    chan struct{} // of capacity 1: the pending batch is not empty
	stop    chan struct{} // closed by Close
	done    chan struct{} // closed when the writer has ended

	mutex       sync.Mutex
	pending     *batch
	missed      int64 // events lost since the last gap event
	missedSince time.Time
	closed      bool

	shared atomic.Bool // another process may write the log too

	// What follows belongs to the writer, and to Open before it starts.
	path      string
	turns     int  // calls of take that give has not ended
	held      bool // the lock among those who share the log
	file      file
	anchors   *anchorFile
	id        logID
	chain     chain
	size      int64
	dirty     bool   // bytes beyond size may be in the file
	anchored  uint64 // the number that the last anchor has
	anchorDue *time.Timer
	logFails  bool // what Alarm was last told
	anchFails bool
	buffer    []byte // of the batch being written
	digests   []digest
	spare     []byte // text of a batch that is done with
	closeErr  error
}

// batch collects the events that will be written together.
type batch struct {
	text  []byte // lines without their numbers
	ends  []int  // of each line in text
	taken chan struct{}
	done  chan struct{} // closed when err is set
	err   error
}

func newBatch(text []byte) *batch {
	return &batch{text: text[:0], taken: make(chan struct{}), done: make(chan struct{})}
}

// Open opens the log at path for appending, or makes it. An existing log goes on where it ended, if its last batch is
// sound and the last anchor does not lie beyond it (ErrChanged, ErrTruncated, ErrAnchors). What a crash left behind the
// last batch is moved to a file beside the log, and an event says so. The caller closes the log. While the log is open its
// file stays where it is: moved or removed, it is a disk that takes no events (ErrMoved), until it is moved back.
func Open(path string, options Options) (*Log, error) {
	if len(options.Shared) == 0 {
		return open(path, options, openLocked)
	}
	l, err := open(path, options, openShared(&options.Shared))
	for _, unused := range options.Shared {
		err = errors.Join(err, unused.Close())
	}
	return l, err
}

func open(path string, options Options, openFile opener) (_ *Log, err error) {
	if len(options.SigningKey) != ed25519.PrivateKeySize {
		return nil, ErrNoKey
	}
	if options.Clock == nil {
		options.Clock = time.Now
	}
	if options.Random == nil {
		options.Random = rand.Reader
	}
	if options.AnchorInterval == 0 {
		options.AnchorInterval = anchorIntervalDefault
	}
	l := &Log{
		options: options, path: path, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		pending: newBatch(nil), anchorDue: time.NewTimer(options.AnchorInterval),
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open audit log %s: %w", path, err), l.closeFiles())
		}
	}()
	if l.file, l.size, err = openFile(path); err != nil {
		return nil, err
	}
	if len(options.Shared) > 0 {
		l.shared.Store(true)
		if err := l.take(); err != nil {
			return nil, err
		}
	}
	public := l.public()
	end, err := readTail(l.file, l.size, public)
	if err != nil {
		return nil, err
	}
	var last *anchor
	if l.anchors, last, err = openAnchors(options.AnchorPath, openFile, public); err != nil {
		return nil, fmt.Errorf("anchors %s: %w", options.AnchorPath, err)
	}
	if err := compare(end, last); err != nil {
		return nil, err
	}
	l.id, l.chain, l.size, l.dirty = end.id, end.chain, end.size, len(end.torn) > 0
	if last != nil {
		l.anchored = last.seq
	}
	if err := l.begin(path, end, public); err != nil {
		return nil, err
	}
	if len(options.Shared) > 0 {
		l.give()
	}
	go l.run()
	return l, nil
}

// compare decides whether a log's end and the last anchor can be of the same history.
func compare(end tail, last *anchor) error {
	switch {
	case last == nil && end.exists && !end.only:
		return fmt.Errorf("%w: there are no anchors", ErrAnchors)
	case last == nil:
		return nil
	case !end.exists || last.seq > end.seq:
		return fmt.Errorf("%w: line number %d was anchored, the log ends at %d", ErrTruncated, last.seq, end.seq)
	case last.log != end.id:
		return fmt.Errorf("%w: they are of log %s, this is %s", ErrAnchors, last.log, end.id)
	case last.seq == end.seq && last.hash != end.hash:
		return fmt.Errorf("%w: its last batch is not the one that was anchored", ErrChanged)
	}
	return nil
}

// begin writes the first lines: those of a new log, or what became of a crash's remains. Then it anchors the log.
func (l *Log) begin(path string, end tail, public ed25519.PublicKey) error {
	first := newBatch(nil)
	if !end.exists {
		if _, err := io.ReadFull(l.options.Random, l.id[:]); err != nil {
			return fmt.Errorf("draw the log's id: %w", err)
		}
		first.add(appendHeader(nil, l.options.Clock(), l.id, public))
	}
	if len(end.torn) > 0 {
		aside, err := setAside(path, end.torn)
		if err != nil {
			return fmt.Errorf("move aside what a crash left: %w", err)
		}
		first.add(appendRecovery(nil, l.options.Clock(), end.torn, aside))
	}
	if len(first.ends) > 0 {
		if err := l.write(first); err != nil {
			return err
		}
	}
	if l.anchored == l.chain.seq {
		return nil
	}
	return l.anchor()
}

// Record appends an event and returns when it is on the disk, together with those that other sessions record at the
// same time. It returns ctx.Err() when ctx ends first (the event may then still be written), ErrClosed, ErrKind,
// ErrTooLarge, or with Close, the error that kept the event from the disk. On any error the caller does not hand out
// what the event speaks of. With OnFullGap it returns nil for an event that is lost but will be counted.
func (l *Log) Record(ctx context.Context, e *Event) error {
	if !e.Kind.recordable() {
		return fmt.Errorf("%w: %q", ErrKind, e.Kind)
	}
	at := e.Time
	if at.IsZero() {
		at = l.options.Clock()
	}
	line := lines.Get().(*[]byte)
	defer lines.Put(line)
	*line = appendEvent((*line)[:0], e, at)
	const seqDigitsMax = 20
	if len(*line)+len(seqHead)+seqDigitsMax > lineBytesMax {
		return ErrTooLarge
	}

	var patience <-chan time.Time
	if l.options.OnFull == OnFullGap {
		timer := time.NewTimer(gapPatience)
		defer timer.Stop()
		patience = timer.C
	}
	for {
		b, added, err := l.enqueue(*line)
		if err != nil {
			return err
		}
		wait := b.taken
		if added {
			wait = b.done
		}
		select {
		case <-wait:
			if added {
				return b.err
			}
		case <-ctx.Done():
			return ctx.Err()
		case <-patience:
			if !added { // else the writer still has it: it will be written, or counted
				l.miss(1)
			}
			return nil
		}
	}
}

// lines are buffers for Record.
var lines = sync.Pool{New: func() any { return new([]byte) }}

// enqueue adds a line to the pending batch, if it has room.
func (l *Log) enqueue(line []byte) (b *batch, added bool, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.closed {
		return nil, false, ErrClosed
	}
	b = l.pending
	if len(b.ends) > 0 && (len(b.ends) == batchEventsMax || len(b.text)+len(line) > batchBytesMax) {
		return b, false, nil
	}
	b.add(line)
	select {
	case l.wake <- struct{}{}:
	default: // the writer knows
	}
	return b, true, nil
}

func (b *batch) add(line []byte) {
	b.text = append(b.text, line...)
	b.ends = append(b.ends, len(b.text))
}

// miss counts events that were not written.
func (l *Log) miss(events int64) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.missed == 0 {
		l.missedSince = l.options.Clock()
	}
	l.missed += events
}

// Close writes what is pending, anchors the log and closes its files. Record returns ErrClosed from now on. Calls after
// the first wait and return the same.
func (l *Log) Close() error {
	l.mutex.Lock()
	first := !l.closed
	l.closed = true
	l.mutex.Unlock()
	if first {
		close(l.stop)
	}
	<-l.done
	return l.closeErr
}

// run is the writer: it alone touches the files.
func (l *Log) run() {
	defer close(l.done)
	for {
		select {
		case <-l.wake:
			l.drain()
		case <-l.anchorDue.C:
			l.tick()
			l.anchorDue.Reset(l.options.AnchorInterval)
		case <-l.stop:
			l.drain()
			l.tick()
			l.closeErr = errors.Join(l.closeErr, l.closeFiles())
			return
		}
	}
}

// drain commits batches until none is pending.
func (l *Log) drain() {
	for {
		l.mutex.Lock()
		b := l.pending
		if len(b.ends) == 0 {
			l.mutex.Unlock()
			return
		}
		l.pending = newBatch(l.spare)
		l.mutex.Unlock()
		close(b.taken)
		l.commit(b)
		l.spare = b.text
	}
}

// tick tells of a gap that no later event has told of, and anchors what is new.
func (l *Log) tick() {
	l.mutex.Lock()
	missed := l.missed
	l.mutex.Unlock()
	if missed > 0 {
		l.alarm(&l.logFails, l.write(newBatch(nil)))
	}
	if l.chain.seq != l.anchored {
		err := l.anchor()
		l.alarm(&l.anchFails, err)
		if l.stopping() {
			l.closeErr = errors.Join(l.closeErr, err)
		}
	}
}

func (l *Log) stopping() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// commit writes one batch and wakes those who wait for it.
func (l *Log) commit(b *batch) {
	defer close(b.done)
	for wait := retryWaitMin; ; wait = min(2*wait, retryWaitMax) {
		err := l.write(b)
		l.alarm(&l.logFails, err)
		if err == nil {
			return
		}
		if l.options.OnFull == OnFullGap {
			l.miss(int64(len(b.ends)))
			return
		}
		select {
		case <-time.After(wait):
		case <-l.stop:
			b.err = fmt.Errorf("write audit batch: %w", err)
			l.closeErr = b.err
			return
		}
	}
}

// alarm tells of the change between working and failing.
func (l *Log) alarm(fails *bool, err error) {
	if (err != nil) == *fails {
		return
	}
	*fails = err != nil
	if l.options.Alarm != nil {
		l.options.Alarm(err)
	}
}

// write numbers, chains, signs and writes a batch. After an error the log is as before: the next write begins where this
// one did, and since it writes every byte again, an fsync that failed and forgot its pages does no harm.
func (l *Log) write(b *batch) error {
	if l.file.Moved() {
		return ErrMoved // nobody would find there what is written
	}
	if err := l.take(); err != nil {
		return err
	}
	defer l.give()
	if l.dirty {
		if err := l.file.Truncate(l.size); err != nil {
			return err
		}
	}
	l.buffer, l.digests = l.buffer[:0], l.digests[:0]
	seq := l.chain.seq
	number := func(line []byte) {
		seq++
		start := len(l.buffer)
		l.buffer = strconv.AppendUint(append(l.buffer, seqHead...), seq, 10)
		l.buffer = append(l.buffer, line...)
		l.digests = append(l.digests, digestOf(l.buffer[start:]))
	}
	l.mutex.Lock()
	missed, since := l.missed, l.missedSince
	l.mutex.Unlock()
	if missed > 0 {
		number(appendGap(nil, l.options.Clock(), missed, since))
	}
	start := 0
	for _, end := range b.ends {
		number(b.text[start:end])
		start = end
	}
	closing := batchLine{seq: seq + 1, digests: l.digests, hash: l.chain.next(l.buffer)}
	l.buffer = closing.appendTo(l.buffer, l.options.SigningKey)

	l.dirty = true
	if _, err := l.file.WriteAt(l.buffer, l.size); err != nil {
		return err
	}
	if !l.options.NoSync {
		if err := l.file.Sync(); err != nil {
			return err
		}
	}
	l.dirty = false
	l.size += int64(len(l.buffer))
	l.chain = chain{closing.seq, closing.hash}
	l.mutex.Lock()
	l.missed -= missed
	l.missedSince = l.options.Clock() // of those that were missed meanwhile, if any
	l.mutex.Unlock()
	return nil
}

// anchor appends an anchor for the last batch.
func (l *Log) anchor() error {
	if err := l.take(); err != nil {
		return err
	}
	defer l.give()
	if err := l.catchUpAnchors(); err != nil {
		return fmt.Errorf("anchor the audit log: %w", err)
	}
	if l.anchored == l.chain.seq {
		return nil // by the other process
	}
	a := anchor{time: l.options.Clock(), log: l.id, chain: l.chain}
	if err := l.anchors.append(&a, l.options.SigningKey, !l.options.NoSync); err != nil {
		return fmt.Errorf("anchor the audit log: %w", err)
	}
	l.anchored = l.chain.seq
	return nil
}

func (l *Log) closeFiles() error {
	l.anchorDue.Stop()
	var errs []error
	if l.file != nil {
		errs = append(errs, l.file.Close())
	}
	if l.anchors != nil {
		errs = append(errs, l.anchors.file.Close())
	}
	return errors.Join(errs...)
}

// appendHeader appends the first line of a log.
func appendHeader(dst []byte, at time.Time, id logID, key ed25519.PublicKey) []byte {
	dst = appendHead(dst, kindLog, at)
	dst = strconv.AppendInt(append(dst, `,"version":`...), logVersion, 10)
	dst = appendTextField(dst, "log", id.String(), textBytesMax)
	dst = appendTextField(dst, "key", hex.EncodeToString(key), textBytesMax)
	return append(dst, '}', '\n')
}

// parseHeader reads the id out of a log's first line.
func parseHeader(line []byte) (id logID, ok bool) {
	var content struct {
		Kind    Kind
		Version int
		Log     string
	}
	if err := json.Unmarshal(line, &content); err != nil || content.Kind != kindLog || content.Version != logVersion {
		return logID{}, false
	}
	ok = decodeHex(id[:], content.Log)
	return id, ok
}

// appendRecovery appends the event that tells what a crash left and where it is now.
func appendRecovery(dst []byte, at time.Time, torn []byte, aside string) []byte {
	sum := sha256.Sum256(torn)
	dst = appendHead(dst, kindRecovery, at)
	dst = strconv.AppendInt(append(dst, `,"torn_bytes":`...), int64(len(torn)), 10)
	dst = strconv.AppendInt(append(dst, `,"torn_lines":`...), int64(bytes.Count(torn, []byte("\n"))), 10)
	dst = appendTextField(dst, "torn_sha256", hex.EncodeToString(sum[:]), textBytesMax)
	dst = appendTextField(dst, "torn_file", aside, textBytesMax)
	return append(dst, '}', '\n')
}

// appendGap appends the event that tells of lost events.
func appendGap(dst []byte, at time.Time, missed int64, since time.Time) []byte {
	dst = appendHead(dst, kindGap, at)
	dst = strconv.AppendInt(append(dst, `,"missed":`...), missed, 10)
	dst = append(dst, `,"since":"`...)
	dst = since.UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
	return append(dst, '"', '}', '\n')
}
