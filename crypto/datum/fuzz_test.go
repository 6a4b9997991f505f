package datum

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// FuzzDatum reads any bytes as text and as binary of any type. What is accepted prints as a text that is read as the same
// value, has a binary form that is accepted as it is, and a canonical form that is its own. What is refused says nothing of
// the input.
func FuzzDatum(f *testing.F) {
	addGolden(f)
	f.Fuzz(func(t *testing.T, code byte, input []byte) {
		if len(input) > 1<<12 {
			return // long inputs only take long
		}
		typ := Type{code: codeText + code%codeJSONB, typmod: typmodNone}
		s := &Settings{Location: time.FixedZone("", 5*3600+1800), Order: DateOrder(code / codeJSONB % 3), ByteaEscape: code&1 != 0}
		value, err := typ.ParseText(nil, input, s)
		if err != nil {
			checkError(t, err, input)
		} else {
			checkValue(t, typ, value, s)
		}
		value, err = typ.ParseBinary(nil, input)
		if err != nil {
			checkError(t, err, input)
		} else {
			checkValue(t, typ, value, s)
		}
	})
}

// addGolden seeds a fuzz target with the golden inputs.
func addGolden(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		var typ Type
		for line := range strings.SplitSeq(string(text), "\n") {
			if name, ok := strings.CutPrefix(line, "@type "); ok {
				if typ, err = ParseType(name); err != nil {
					f.Fatal(err)
				}
			}
			if strings.HasPrefix(line, `"`) {
				column, _, _ := strings.Cut(line, "\t")
				input, err := strconv.Unquote(column)
				if err != nil {
					f.Fatal(err)
				}
				f.Add(typ.code-codeText, []byte(input))
			}
		}
	}
}

func checkError(t *testing.T, err error, input []byte) {
	t.Helper()
	failure := (*Error)(nil)
	if !errors.As(err, &failure) || len(failure.Code) != 5 || failure.Message == "" {
		t.Fatalf("error %#v", err)
	}
	const tellTale = 8 // bytes of an input that are no accident
	for i := 0; i+tellTale <= len(input); i++ {
		if bytes.Contains([]byte(failure.Message+failure.Hint), input[i:i+tellTale]) && !ordinary(input[i:i+tellTale]) {
			t.Fatalf("error %q repeats the input", failure.Message)
		}
	}
}

// ordinary reports whether a text stands in some message anyway.
func ordinary(text []byte) bool {
	for _, f := range typeFacts {
		if strings.Contains("invalid input syntax for type "+f.name, string(text)) {
			return true
		}
	}
	return false
}

func checkValue(t *testing.T, typ Type, value []byte, s *Settings) {
	t.Helper()
	if value == nil {
		t.Fatal("nil value without an error")
	}
	if again, err := typ.ParseBinary(nil, value); err != nil || !bytes.Equal(again, value) {
		t.Fatalf("%s %x: ParseBinary of the value: %x, %v", typ, value, again, err)
	}
	text := typ.AppendText(nil, value, s)
	again, err := typ.ParseText(nil, text, s)
	if err != nil || !bytes.Equal(again, value) {
		t.Fatalf("%s %x prints as %q, which is read as %x, %v", typ, value, text, again, err)
	}
	canonical, err := typ.Canonical(nil, value)
	if typ.Class() == "" {
		if err == nil {
			t.Fatal("canonical form of a type without equality")
		}
		return
	}
	if err != nil {
		t.Fatalf("%s %x: Canonical: %v", typ, value, err)
	}
	// The canonical form of an integer is a numeric.
	form := typ
	if typ.Class() == classNumber {
		form.code = codeNumeric
	}
	if again, err := form.Canonical(nil, canonical); err != nil || !bytes.Equal(again, canonical) {
		t.Fatalf("%s: canonical form %x has the canonical form %x, %v", typ, canonical, again, err)
	}
}
