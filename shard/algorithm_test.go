package shard

import (
	"errors"
	"strings"
	"testing"
)

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name, typ string
		props     map[string]string
		want      string // the whole message
	}{
		{"unknown type", "MODULO", nil,
			`sharding algorithm "MODULO": type is not available; available are COSID_MOD and MOD`},
		{"type of ShardingSphere that is not here", "HASH_MOD", map[string]string{"sharding-count": "4"},
			`sharding algorithm "HASH_MOD": type is not available; available are COSID_MOD and MOD`},
		{"Java class", "class_based", nil,
			"sharding algorithm CLASS_BASED: type is not available: it loads a Java class, which cannot run here"},
		{"missing property", "mod", nil,
			`MOD: property "sharding-count" is missing`},
		{"all that is wrong", "MOD", map[string]string{"sharding-count": "0", "start-offset": "x", "zero_padding": "true"},
			`MOD: property "sharding-count" must be an integer of at least 1` + "\n" +
				`MOD: property "start-offset" must be an integer of at least 0` + "\n" +
				`MOD: property "zero_padding" is not known; the properties are sharding-count, start-offset, stop-offset, zero-padding`},
		{"missing prefix", "COSID_MOD", map[string]string{"mod": "4"},
			`COSID_MOD: property "logic-name-prefix" is missing`},
		{"mod beyond int", "COSID_MOD", map[string]string{"mod": "2147483648", "logic-name-prefix": "t_"},
			`COSID_MOD: property "mod" must be an integer of at least 1`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := New(test.typ, test.props)
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

func TestTypeNamesHaveNoCase(t *testing.T) {
	if _, err := New("CoSId_mod", map[string]string{"mod": "4", "logic-name-prefix": ""}); err != nil {
		t.Error(err)
	}
	if _, err := NewKeyGenerator("snowFlake", nil, SystemClock{}); err != nil {
		t.Error(err)
	}
}

func TestBindRefusesTargets(t *testing.T) {
	for _, a := range algorithms(t) {
		for _, targets := range [][]string{nil, {}, {"t_0", "t_1", "t_0"}} {
			if _, err := a.Bind("t", targets); !errors.Is(err, ErrTargets) {
				t.Errorf("%q: %v", targets, err)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	tests := []struct {
		name    string
		targets string
		want    string // "" for good targets
	}{
		{"good", "t_0 t_1 t_2 t_3", ""},
		{"good in another order", "t_3 t_1 t_2 t_0", ""},
		{"one is missing", "t_0 t_1 t_3",
			`targets do not fit the algorithm: 4 tables are needed, and "t_2" is not among the 3 given`},
		{"one too many", "t_0 t_1 t_2 t_3 t_4",
			`targets do not fit the algorithm: no row can lie in "t_4"; the names are "t_0" to "t_3"`},
		{"another prefix", "t_0 t_1 t_2 u_3",
			`targets do not fit the algorithm: no row can lie in "u_3"; the names are "t_0" to "t_3"`},
	}
	for _, a := range algorithms(t) {
		for _, test := range tests {
			err := Check(a, "t", strings.Fields(test.targets))
			if got := errorText(err); got != test.want {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
		}
	}
}

// A count that no list of targets can reach is refused without counting to it.
func TestCheckIsQuick(t *testing.T) {
	a, err := New("MOD", map[string]string{"sharding-count": "2147483647"})
	if err != nil {
		t.Fatal(err)
	}
	want := `targets do not fit the algorithm: 2147483647 tables are needed, and "t_2" is not among the 2 given`
	if err := Check(a, "t", []string{"t_0", "t_1"}); errorText(err) != want {
		t.Error(err)
	}
}

// algorithms returns one of each type, over four tables t_0 to t_3.
func algorithms(t testing.TB) map[string]Algorithm {
	mod, err := New("MOD", map[string]string{"sharding-count": "4"})
	if err != nil {
		t.Fatal(err)
	}
	cosid, err := New("COSID_MOD", map[string]string{"mod": "4", "logic-name-prefix": "t_"})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]Algorithm{"MOD": mod, "COSID_MOD": cosid}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
