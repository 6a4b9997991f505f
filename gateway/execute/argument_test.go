package execute

import (
	"strings"
	"testing"
	"time"

	"github.com/portcullisdb/portcullis/crypto/datum"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/scan"
)

// What PostgreSQL makes of the values of EXECUTE stands in e2e/testdata/conversation/prepare.sql; here are the limits of what
// the gateway does itself.
func TestArgumentText(t *testing.T) {
	const oidJSON = 114
	settings := &datum.Settings{Location: time.UTC, Now: time.Unix(0, 0)}
	for _, c := range []struct {
		literal  string
		negate   bool
		from, as uint32 // the constant's type, the cast's
		to       uint32
		want     string // a SQLSTATE in brackets
	}{
		{"x", false, oidUnknown, oidUnknown, oidJSON, "x"},
		{"007", false, oidInt4, oidInt4, oidInt8, "7"},
		{"007", true, oidInt4, oidInt4, oidText, "-7"},
		{"70000", false, oidInt4, oidInt4, oidInt2, "[22003]"},
		{"1.5", false, oidNumeric, oidNumeric, oidInt4, "2"},
		{"2.5", true, oidNumeric, oidNumeric, oidInt4, "-3"},
		{"1e3", false, oidNumeric, oidNumeric, oidInt8, "1000"},
		{"1e300", false, oidNumeric, oidNumeric, oidInt4, "[22003]"},
		{"5", false, oidInt4, oidInt4, oidBool, "[42804]"},
		{"5", false, oidInt4, oidInt4, oidJSON, "[0A000]"},
		{"5", false, oidInt4, oidInt4, oidOID, "5"},
		{"5", false, oidInt4, oidBool, oidBool, "[0A000]"},
		{"t", false, oidUnknown, oidBool, oidText, "true"},
		{"2024-1-2", false, oidUnknown, oidDate, oidText, "2024-01-02"},
		{"2024-1-2", false, oidUnknown, oidDate, oidTimestamptz, "2024-01-02"},
		{"2024-1-2", false, oidUnknown, oidTimestamptz, oidTimestamp, "[0A000]"},
		{"2024-1-2", false, oidUnknown, oidDate, oidInt4, "[0A000]"},
		{"secret", false, oidUnknown, oidInt4, oidInt4, "[22P02]"},
		{"secret", false, oidUnknown, oidDate, oidDate, "[22007]"},
		{"1", false, oidUnknown, oidText, oidInt4, "[42804]"},
		{"1.5", false, oidUnknown, oidFloat8, oidInt4, "[0A000]"},
		{"1.5", false, oidUnknown, oidFloat8, oidFloat8, "1.5"},
		{"101", false, 1560, 1560, oidText, "[0A000]"},
	} {
		a := &rewrite.Argument{Source: rewrite.Source{Kind: rewrite.FromConstant, TypeOID: c.from, Negate: c.negate}, TypeOID: c.as}
		text, err := ArgumentText(a, []scan.Literal{{Value: c.literal}}, c.to, 1, settings)
		got := string(text)
		if err != nil {
			got = "[" + err.Code.String() + "]"
			if strings.Contains(err.Message+err.Detail+err.Hint, c.literal) && len(c.literal) > 3 {
				t.Errorf("the error holds the value: %v", err)
			}
		}
		if got != c.want {
			t.Errorf("%q of type %d as %d for a parameter of type %d is %s, not %s", c.literal, c.from, c.as, c.to, got, c.want)
		}
	}
	null := &rewrite.Argument{Source: rewrite.Source{Kind: rewrite.FromNull}}
	if text, err := ArgumentText(null, nil, oidInt4, 1, settings); text != nil || err != nil {
		t.Errorf("NULL is %q, %v", text, err)
	}
}
