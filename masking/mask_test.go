package masking

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name, typ string
		props     map[string]string
		want      string // the whole message
	}{
		{"unknown type", "PARTAIL", nil,
			`mask "PARTAIL": type is not available; available are EMAIL, NULLIFY and PARTIAL`},
		{"type of ShardingSphere that is not here", "MD5", nil,
			`mask "MD5": type is not available; available are EMAIL, NULLIFY and PARTIAL`},
		{"all that is wrong", "partial", map[string]string{"prefix": "+1", "suffix": "10001", "pading": "x"},
			`PARTIAL: property "prefix" must be an integer from 0 to 10000` + "\n" +
				`PARTIAL: property "padding" is missing` + "\n" +
				`PARTIAL: property "suffix" must be an integer from 0 to 10000` + "\n" +
				`PARTIAL: property "pading" is not known; the properties are prefix, padding, suffix`},
		{"empty padding", "PARTIAL", map[string]string{"padding": ""},
			`PARTIAL: property "padding" must not be empty`},
		{"long padding", "PARTIAL", map[string]string{"padding": strings.Repeat("x", 1001)},
			`PARTIAL: property "padding" must not be longer than 1000 bytes`},
		{"padding with NUL", "PARTIAL", map[string]string{"padding": "a\x00"},
			`PARTIAL: property "padding" must be valid UTF-8 without NUL`},
		{"style", "EMAIL", map[string]string{"style": "stars"},
			`EMAIL: property "style" must be first-letter or domain-hidden`},
		{"properties of NULLIFY", "NULLIFY", map[string]string{"padding": "x"},
			`NULLIFY: property "padding" is not known; the mask has no properties`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.typ, test.props, Options{})
			if err == nil || err.Error() != test.want {
				t.Fatalf("got  %v\nwant %s", err, test.want)
			}
			var property *PropertyError
			if errors.Is(err, ErrType) == errors.As(err, &property) {
				t.Error("the error is neither ErrType nor a *PropertyError")
			}
		})
	}
}

func TestSupports(t *testing.T) {
	for name, m := range masks(t, Options{}) {
		if !m.Supports(Text) {
			t.Errorf("%s does not support text", name)
		}
		if m.Supports(Other) != (name == "NULLIFY") {
			t.Errorf("%s supports other types: %t", name, m.Supports(Other))
		}
	}
}

// Contract of all masks, in both modes: the buffer is appended to, the result is valid and as long as it may be, and with
// Hide no value is shown unchanged.
func checkContract(t *testing.T, text []byte) {
	t.Helper()
	before := []byte("before")
	for _, options := range []Options{{}, {LengthMax: 1}, {LengthMax: 5}, {OnUnmaskable: ShardingSphere}} {
		for name, m := range masks(t, options) {
			given := bytes.Clone(text)
			got, null := m.Apply(slices.Clip(bytes.Clone(before)), given)
			if !bytes.Equal(given, text) {
				t.Fatalf("%s changes its input", name)
			}
			got, ok := bytes.CutPrefix(got, before)
			if !ok {
				t.Fatalf("%s changes what stood in the buffer", name)
			}
			if null && len(got) > 0 {
				t.Fatalf("%s gives NULL and a text", name)
			}
			if null {
				continue
			}
			if !utf8.Valid(got) {
				t.Fatalf("%s makes of %q the invalid %q", name, text, got)
			}
			// A value is never longer than its type allows; only then must its mask not be.
			if n := options.LengthMax; n > 0 && utf8.RuneCount(got) > n {
				t.Fatalf("%s makes of %q the long %q", name, text, got)
			}
			if options.OnUnmaskable == Hide && bytes.Equal(got, text) && len(text) > 0 {
				t.Fatalf("%s shows %q", name, text)
			}
			if len(text) == 0 && len(got) > 0 {
				t.Fatalf("%s makes of nothing %q", name, got)
			}
			again, _ := m.Apply(nil, text)
			if !bytes.Equal(again, got) {
				t.Fatalf("%s makes of %q once %q and once %q", name, text, got, again)
			}
		}
	}
}

func TestContract(t *testing.T) {
	values := []string{
		"", "a", "x", "xxxx", "****", "***-**-", "***-**-6789", "123-45-6789", "a@b.cd", "david@gmail.com", "ab…cd",
		"aXXX@XXXX.com", "da******@gm******.com", "\x80", "a\xff@b.com", "😀", "😀😀😀😀😀", "*", "X", "…", "@", "a@", "\x00",
		"aX", "aXXX@",
	}
	for _, value := range values {
		checkContract(t, []byte(value))
	}
	checkContract(t, []byte(strings.Repeat("ä", 1<<19)))
}

func FuzzMask(f *testing.F) {
	for _, seed := range []string{
		"", "123-45-6789", "***-**-6789", "david@gmail.com", "da******@gm******.com", "xxxx", "\xff", "😀@é.com",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) { checkContract(t, text) })
}

func TestApplyDoesNotAllocate(t *testing.T) {
	buffer := make([]byte, 0, 100)
	text := []byte("david@gmail.com")
	for name, m := range masks(t, Options{LengthMax: 40}) {
		if n := testing.AllocsPerRun(100, func() { m.Apply(buffer, text) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	buffer := make([]byte, 0, 100)
	text := []byte("david@gmail.com")
	all := masks(b, Options{LengthMax: 40})
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				all[name].Apply(buffer, text)
			}
		})
	}
}

// masks returns some of each type.
func masks(t testing.TB, options Options) map[string]Mask {
	masks := map[string]Mask{}
	for name, m := range map[string]struct {
		typ   string
		props map[string]string
	}{
		"PARTIAL, suffix":      {"PARTIAL", map[string]string{"padding": "***-**-", "suffix": "4"}},
		"PARTIAL, both":        {"PARTIAL", map[string]string{"prefix": "2", "padding": "…", "suffix": "2"}},
		"PARTIAL, none":        {"PARTIAL", map[string]string{"padding": "xxxx"}},
		"EMAIL, first-letter":  {"EMAIL", nil},
		"EMAIL, domain-hidden": {"EMAIL", map[string]string{"style": "domain-hidden"}},
		"NULLIFY":              {"NULLIFY", nil},
	} {
		mask, err := New(m.typ, m.props, options)
		if err != nil {
			t.Fatal(err)
		}
		masks[name] = mask
	}
	return masks
}
