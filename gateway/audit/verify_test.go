package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// sample is a log of five batches, with the line numbers of each:
//
//	1 log        2 batch
//	3-6 events   7 batch
//	8-10 events  11 batch
//	12-13 events 14 batch
//	15-16 events 17 batch
//
// and its anchors: one after line 2, one after line 11, one after line 17.
func sample(t testing.TB) (log, anchors []byte) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "audit.jsonl")
	options := testOptions(dir)
	options.Clock = testClock()
	l := mustOpen(t, path, options)
	for batchNumber, events := range []int{4, 3, 2, 2} {
		b := newBatch(nil)
		for i := range events {
			b.add(appendEvent(nil, &Event{Kind: KindStatement, User: "app", Statement: fmt.Sprintf("SELECT %d.%d", batchNumber, i)},
				l.options.Clock()))
		}
		if err := l.write(b); err != nil { // the writer has nothing to do, so the test may take its place
			t.Fatal(err)
		}
		if batchNumber == 1 {
			if err := l.anchor(); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustClose(t, l)
	return read(t, path), read(t, options.AnchorPath)
}

// edits of a log, by line numbers from 1.
type text [][]byte

func split(log []byte) text { return bytes.SplitAfter(bytes.TrimSuffix(log, nil), []byte("\n")) }

func (t text) join() []byte { return bytes.Join(t, nil) }

func (t text) without(from, to int) text { return append(slices.Clone(t[:from-1]), t[to:]...) }

func (t text) with(before int, lines ...[]byte) text {
	return append(append(slices.Clone(t[:before-1]), lines...), t[before-1:]...)
}

func (t text) lines(from, to int) [][]byte { return slices.Clone(t[from-1 : to]) }

func (t text) replace(line int, from, to string) text {
	changed := slices.Clone(t)
	changed[line-1] = bytes.Replace(t[line-1], []byte(from), []byte(to), 1)
	if bytes.Equal(changed[line-1], t[line-1]) {
		panic(fmt.Sprintf("audit test: line %d has no %q", line, from))
	}
	return changed
}

func (t text) flip(line, at int) text {
	changed := slices.Clone(t)
	changed[line-1] = bytes.Clone(t[line-1])
	if at < 0 {
		at += len(changed[line-1])
	}
	changed[line-1][at] ^= 1
	return changed
}

// findings prints a report's findings as "line:change", anchors' lines with an a before them.
func findings(r *Report) string {
	var texts []string
	for _, f := range r.Findings {
		prefix := ""
		if f.InAnchors {
			prefix = "a"
		}
		texts = append(texts, fmt.Sprintf("%s%d:%s", prefix, f.Line, f.Change))
	}
	return strings.Join(texts, " ")
}

func TestVerifyIntact(t *testing.T) {
	log, anchors := sample(t)
	r, err := Verify(iotest.OneByteReader(bytes.NewReader(log)), bytes.NewReader(anchors), testPublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Intact() || r.Lines != 17 || r.Batches != 5 || r.Events != 12 || r.LastSeq != 17 || r.Anchors != 3 || r.AnchoredSeq != 17 {
		t.Errorf("got %+v", r)
	}
	if r, err := Verify(bytes.NewReader(log), nil, testPublicKey()); err != nil || !r.Intact() {
		t.Errorf("without anchors: %v, %+v", err, r)
	}
}

// TestVerifyNamesTheChange is the list of what can be done to a log, with the lines and kinds that Verify must name.
func TestVerifyNamesTheChange(t *testing.T) {
	log, anchors := sample(t)
	s := split(log)
	forged := []byte(`{"seq":5,"time":"2026-01-02T03:04:05.000000Z","kind":"statement","user":"mallory"}` + "\n")
	for _, test := range []struct {
		name    string
		log     text
		anchors string // "": the sample's; "none": nil; "empty"; "first": only the first
		want    string
	}{
		// Edits.
		{"a byte of an event", s.flip(5, 40), "", "5:edit"},
		{"a byte of the first line", s.flip(1, 60), "", "1:edit"},
		{"a byte of the last event", s.flip(16, -5), "", "16:edit"},
		{"a user's name", s.replace(9, "app", "bob"), "", "9:edit"},
		{"an event's number", s.replace(9, `"seq":9`, `"seq":8`), "", "9:edit"},
		{"white space", s.replace(9, `,"kind"`, `, "kind"`), "", "9:edit"},
		{"a line's end", s.replace(9, "\n", "\r\n"), "", "9:edit"},
		{"two events of one batch", s.flip(4, 50).flip(6, 50), "", "4:edit 6:edit"},
		{"events of two batches", s.flip(4, 50).flip(12, 50), "", "4:edit 12:edit"},
		{"all events of a batch", s.flip(12, 50).flip(13, 50), "", "12:edit 13:edit"},
		{"the digests of a batch line", s.flip(11, 40), "", "11:edit"},
		{"the hash of a batch line", s.flip(11, -230), "", "11:edit"},
		{"the signature of a batch line", s.flip(11, -9), "", "11:edit"},
		{"the case of a signature", s.replace(11, s.hexLetter(11), strings.ToUpper(s.hexLetter(11))), "", "11:edit"},
		{"the number of a batch line", s.replace(11, `"seq":11`, `"seq":19`), "", "11:edit"},
		{"the kind of a batch line", s.replace(11, "batch", "botch"), "", "11:edit"},
		{"the last batch line", s.flip(17, -9), "", "17:edit"},
		{"the last batch line, not anchored", s.flip(17, -9), "first", "17:edit"},
		{"an event and its batch line", s.flip(9, 50).flip(11, -9), "", "8:edit 11:edit"},
		{"two batch lines", s.flip(7, -9).flip(11, -9), "", "7:edit 11:edit"},
		{"a line grown too long", s.replace(9, "app", strings.Repeat("a", lineBytesMax)), "", "9:edit"},
		{"an emptied line", s.without(9, 9).with(9, []byte("\n")), "", "9:edit"},
		{"an event replaced by a forged one", s.without(5, 5).with(5, forged), "", "5:edit"},
		{"two lines joined", s.replace(8, "\n", ""), "", "8:edit 9:deletion"},

		// Deletions.
		{"an event", s.without(5, 5), "", "5:deletion"},
		{"the first event of a batch", s.without(8, 8), "", "8:deletion"},
		{"the last event of a batch", s.without(10, 10), "", "10:deletion"},
		{"two events", s.without(4, 5), "", "4:deletion 4:deletion"},
		{"all events of a batch", s.without(8, 10), "", "8:deletion 8:deletion 8:deletion"},
		{"the first line", s.without(1, 1), "", "1:deletion"},
		{"a batch line", s.without(11, 11), "", "11:deletion"},
		{"two batch lines", s.without(11, 11).without(7, 7), "", "7:deletion 10:deletion"},
		{"a batch", s.without(8, 11), "", "8:deletion"},
		{"the first batch", s.without(1, 2), "", "1:deletion"},
		{"two batches", s.without(8, 14), "", "8:deletion"},
		{"the end of one batch and the beginning of the next", s.without(10, 12), "", "10:deletion 10:deletion"},

		// Insertions.
		{"a forged event", s.with(5, forged), "", "5:insertion"},
		{"a forged event before all", s.with(1, forged), "", "1:insertion"},
		{"a copy of an event", s.with(6, s.lines(4, 4)...), "", "6:insertion"},
		{"a copy of an event in another batch", s.with(13, s.lines(4, 4)...), "", "13:insertion"},
		{"an empty line", s.with(9, []byte("\n")), "", "9:insertion"},
		{"a forged batch line", s.with(12, s.flip(11, -9).lines(11, 11)...), "", "12:insertion"},
		{"a copy of a batch", s.with(12, s.lines(8, 11)...), "", "12:insertion"},
		{"a copy of a batch, later", s.with(15, s.lines(3, 7)...), "", "15:insertion"},
		{"a copy of a batch line", s.with(12, s.lines(11, 11)...), "", "12:insertion"},
		{"a forged event behind the end", s.with(18, forged), "", "18:insertion"},
		{"a well forged event behind the end", s.with(18, bytes.Replace(forged, []byte(`:5`), []byte(`:18`), 1)), "", "18:unclosed"},

		// Reorderings.
		{"two events change places", s.without(4, 5).with(4, s[4], s[3]), "", "4:reordering"},
		{"an event moves to the end of its batch", s.without(3, 3).with(6, s[2]), "", "6:reordering"},
		{"an event moves to the beginning of its batch", s.without(6, 6).with(3, s[5]), "", "3:reordering"},
		{"events of two batches change places", s.without(9, 9).with(9, s[3]).without(4, 4).with(4, s[8]), "", "4:reordering 9:reordering"},
		{"an event moves into another batch", s.without(4, 4).with(12, s[3]), "", "12:reordering"},
		{"two batches change places", s.without(8, 14).with(8, append(s.lines(12, 14), s.lines(8, 11)...)...), "", "8:reordering"},

		// Truncations.
		{"the last newline", s.replace(17, "\n", ""), "", "17:truncation"},
		{"half of the last line", s.replace(17, string(s[16][60:]), ""), "", "17:truncation"},
		{"the last line", s.without(17, 17), "", "17:truncation"},
		{"the last two lines", s.without(16, 17), "", "16:truncation"},
		{"half of an event", s.without(17, 17).replace(16, string(s[15][60:]), ""), "", "16:truncation"},
		{"the last batch", s.without(15, 17), "", "15:truncation"},
		{"all but the first batch", s.without(3, 17), "", "3:truncation"},
		{"everything", nil, "", "1:truncation"},
		{"everything, without anchors", nil, "none", "1:truncation"},
		{"the last line, not anchored", s.without(17, 17), "first", "15:unclosed"},
		{"the last newline, not anchored", s.replace(17, "\n", ""), "none", "15:unclosed"},

		// Anchors.
		{"no anchors", s, "empty", "1:anchor"},
		{"an anchor is changed", s, "changed", "a2:edit"},
		{"anchors are out of order", s, "reversed", "a2:reordering a3:reordering"},
		{"anchors of another log", s, "foreign", "2:anchor"},
		{"an anchor that a crash tore", s, "torn", ""},
	} {
		t.Run(strings.ReplaceAll(test.name, " ", "-"), func(t *testing.T) {
			r, err := Verify(bytes.NewReader(test.log.join()), anchorsFor(t, test.anchors, anchors), testPublicKey())
			if err != nil {
				t.Fatal(err)
			}
			if got := findings(r); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
				for _, f := range r.Findings {
					t.Log(f)
				}
			}
			if r.Intact() != (test.want == "") {
				t.Errorf("Intact is %v", r.Intact())
			}
		})
	}
}

// hexLetter returns a piece of a line's signature that begins with a letter.
func (t text) hexLetter(line int) string {
	_, signature, _ := bytes.Cut(t[line-1], []byte(signatureHead))
	at := bytes.IndexAny(signature, "abcdef")
	return string(signature[at : at+8])
}

// anchorsFor makes a variant of the sample's anchors.
func anchorsFor(t *testing.T, variant string, anchors []byte) io.Reader {
	lines := split(anchors)
	switch variant {
	case "empty":
		return bytes.NewReader(nil)
	case "first":
		return bytes.NewReader(lines[0])
	case "changed":
		return bytes.NewReader(lines.flip(2, 10).join())
	case "reversed":
		return bytes.NewReader(text{lines[2], lines[1], lines[0]}.join())
	case "torn":
		return bytes.NewReader(append(lines.join(), lines[2][:50]...))
	case "foreign":
		a, ok := parseAnchor(lines[0], testPublicKey())
		if !ok {
			t.Fatal("the sample's first anchor does not parse")
		}
		a.log[0]++
		return bytes.NewReader(a.appendTo(nil, testKey))
	case "none":
		return nil
	}
	return bytes.NewReader(anchors)
}

func TestVerifyNamesAnotherKey(t *testing.T) {
	log, anchors := sample(t)
	other := bytes.Clone(testPublicKey())
	other[0] ^= 1
	if _, err := Verify(bytes.NewReader(log), bytes.NewReader(anchors), other); !errors.Is(err, ErrWrongKey) {
		t.Errorf("got %v", err)
	}
}

func TestVerifyReportsReadErrors(t *testing.T) {
	log, anchors := sample(t)
	broken := errors.New("broken")
	for n := range 20 {
		at := len(log) * n / 20
		r := iotest.ErrReader(broken)
		if _, err := Verify(io.MultiReader(bytes.NewReader(log[:at]), r), bytes.NewReader(anchors), testPublicKey()); !errors.Is(err, broken) {
			t.Errorf("log broken at %d: got %v", at, err)
		}
		at = len(anchors) * n / 20
		if _, err := Verify(bytes.NewReader(log), io.MultiReader(bytes.NewReader(anchors[:at]), r), testPublicKey()); !errors.Is(err, broken) {
			t.Errorf("anchors broken at %d: got %v", at, err)
		}
	}
}

// TestVerifyEachByte changes every byte of the log, and cuts it everywhere: no change may pass.
func TestVerifyEachByte(t *testing.T) {
	log, anchors := sample(t)
	log = split(log).without(12, 17).join() // three batches, the last of them anchored, take long enough
	anchors = split(anchors).without(3, 3).join()
	line := int64(1)
	for at := range log {
		changed := bytes.Clone(log)
		changed[at] ^= 2
		r, err := Verify(bytes.NewReader(changed), bytes.NewReader(anchors), testPublicKey())
		if err != nil {
			t.Fatalf("byte %d: %v", at, err)
		}
		if r.Intact() || r.Findings[0].Line != line {
			t.Fatalf("byte %d of line %d changed: %s", at, line, findings(r))
		}
		r, err = Verify(bytes.NewReader(log[:at]), bytes.NewReader(anchors), testPublicKey())
		if err != nil {
			t.Fatalf("cut at %d: %v", at, err)
		}
		if want := fmt.Sprintf("%d:truncation", line); findings(r) != want {
			t.Fatalf("cut at %d: got %s, want %s", at, findings(r), want)
		}
		if log[at] == '\n' {
			line++
		}
	}
}

// FuzzVerify's oracle: with every batch anchored, whatever is not the log itself is not intact.
func FuzzVerify(f *testing.F) {
	log, anchors := sample(f)
	f.Add(log, anchors)
	s := split(log)
	f.Add(s.without(8, 11).join(), anchors)
	f.Add(s.with(12, s.lines(8, 11)...).join(), anchors)
	f.Add(s.flip(11, -9).join(), anchors)
	f.Add([]byte(`{"seq":18446744073709551615,"kind":"batch","lines":[`), anchors)
	f.Add(bytes.Repeat([]byte("\n"), 100), []byte("\n"))
	f.Fuzz(func(t *testing.T, changed, changedAnchors []byte) {
		r, err := Verify(bytes.NewReader(changed), bytes.NewReader(anchors), testPublicKey())
		if err != nil && !errors.Is(err, ErrWrongKey) {
			t.Fatal(err)
		}
		if (err == nil && r.Intact()) != bytes.Equal(changed, log) {
			t.Fatalf("intact: %v, same: %v, findings %s", r.Intact(), bytes.Equal(changed, log), findings(r))
		}
		if r, err = Verify(bytes.NewReader(log), bytes.NewReader(changedAnchors), testPublicKey()); err != nil {
			t.Fatal(err)
		}
		if r.Batches != 5 || r.Events != 12 {
			t.Fatalf("anchors changed what was counted: %+v", r)
		}
	})
}
