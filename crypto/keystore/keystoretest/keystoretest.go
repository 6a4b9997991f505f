package keystoretest

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/portcullisdb/portcullis/crypto/keystore"
)

// Test checks a store. open returns the same store each time it is called within one sub-test, as another process would
// see it; each sub-test begins with an empty one.
func Test(t *testing.T, empty func(t *testing.T) (open func() keystore.Store)) {
	generation := func(name string, g uint64) keystore.Wrapped {
		return keystore.Wrapped{Name: name, Generation: g, Parts: map[string][]byte{
			"aead": []byte("wrapped " + strconv.FormatUint(g, 10)), "token": {0, 1, 255}}}
	}
	t.Run("load what was saved", func(t *testing.T) {
		open := empty(t)
		for g := uint64(1); g <= 3; g++ {
			want := generation("pii", g)
			if err := open().Save(t.Context(), want); err != nil {
				t.Fatal(err)
			}
			got, err := open().Load(t.Context(), "pii")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("loaded %v, want %v", got, want)
			}
		}
	})
	t.Run("not found", func(t *testing.T) {
		if _, err := empty(t)().Load(t.Context(), "pii"); !errors.Is(err, keystore.ErrNotFound) {
			t.Errorf("error %v, want ErrNotFound", err)
		}
	})
	t.Run("list", func(t *testing.T) {
		open := empty(t)
		if names, err := open().List(t.Context()); err != nil || len(names) != 0 {
			t.Errorf("an empty store lists %v, %v", names, err)
		}
		want := []string{"a", "b-2", "b_1", "pii"}
		for _, name := range []string{"pii", "b_1", "a", "b-2"} {
			if err := open().Save(t.Context(), generation(name, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if names, err := open().List(t.Context()); err != nil || !slices.Equal(names, want) {
			t.Errorf("lists %v, %v, want %v", names, err, want)
		}
	})
	t.Run("generations grow by one", func(t *testing.T) {
		open := empty(t)
		refused := func(g uint64) {
			t.Helper()
			if err := open().Save(t.Context(), generation("pii", g)); !errors.Is(err, keystore.ErrGeneration) {
				t.Errorf("generation %d: error %v, want ErrGeneration", g, err)
			}
		}
		refused(0)
		refused(2)
		for g := uint64(1); g <= 2; g++ {
			if err := open().Save(t.Context(), generation("pii", g)); err != nil {
				t.Fatal(err)
			}
		}
		for _, g := range []uint64{0, 1, 2, 4} {
			refused(g)
		}
		if w, err := open().Load(t.Context(), "pii"); err != nil || w.Generation != 2 {
			t.Errorf("generation %d, %v after refusals, want 2", w.Generation, err)
		}
	})
	t.Run("one of many wins", func(t *testing.T) {
		open := empty(t)
		var group sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			group.Go(func() { results[i] = open().Save(t.Context(), generation("pii", 1)) })
		}
		group.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			} else if !errors.Is(err, keystore.ErrGeneration) {
				t.Errorf("error %v, want ErrGeneration", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d saves of one generation succeeded, want 1", won, len(results))
		}
	})
	t.Run("names", func(t *testing.T) {
		open := empty(t)
		for _, name := range []string{"", ".", "..", "../x", "a/b", "a\x00", "A", "1a", "a.b", "é", strings.Repeat("a", 64)} {
			if err := open().Save(t.Context(), generation(name, 1)); !errors.Is(err, keystore.ErrName) {
				t.Errorf("save %q: error %v, want ErrName", name, err)
			}
			if _, err := open().Load(t.Context(), name); !errors.Is(err, keystore.ErrName) {
				t.Errorf("load %q: error %v, want ErrName", name, err)
			}
		}
		if err := open().Save(t.Context(), generation(strings.Repeat("a", 63), 1)); err != nil {
			t.Error(err)
		}
	})
}
