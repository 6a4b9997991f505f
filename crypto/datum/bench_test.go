package datum

import "testing"

// BenchmarkDatum reads a text and prints it again.
func BenchmarkDatum(b *testing.B) {
	for _, test := range []struct{ name, text string }{
		{"integer", "123456"}, {"numeric", "12345.67"}, {"text", "ada.lovelace@example.org"}, {"date", "2024-02-29"},
		{"timestamptz", "2024-02-29 12:34:56.789+02"}, {"uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{"jsonb", `{"name": "ada", "tags": ["a", "b"], "n": 1.50}`},
	} {
		typ, err := ParseType(test.name)
		if err != nil {
			b.Fatal(err)
		}
		text, settings, dst := []byte(test.text), Default(), make([]byte, 0, 1024)
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				value, err := typ.ParseText(dst, text, settings)
				if err != nil {
					b.Fatal(err)
				}
				typ.AppendText(value, value, settings)
			}
		})
	}
}
