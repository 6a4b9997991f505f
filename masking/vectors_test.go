package masking

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// vectorsVariable names the environment variable that holds a folder with more vectors.
const vectorsVariable = "PORTCULLIS_VECTORS"

// TestVectors compares with what ShardingSphere answers (testdata/vectors/README-masks.md), and with what we wrote down
// for masks of our own. Each file and mask is one sub-test; those of a mask that is not here are skipped.
func TestVectors(t *testing.T) {
	t.Run("testdata", func(t *testing.T) { runVectors(t, filepath.Join("testdata", "vectors")) })
	if folder := os.Getenv(vectorsVariable); folder != "" {
		t.Run(vectorsVariable, func(t *testing.T) { runVectors(t, folder) })
	}
}

func runVectors(t *testing.T, folder string) {
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors in the folder (%v)", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			vectors, order, err := parseVectors(content)
			if err != nil {
				t.Fatal(err)
			}
			for _, mask := range order {
				t.Run(mask, func(t *testing.T) { runMask(t, mask, vectors[mask]) })
			}
		})
	}
}

// vector is one record; its fields are those of the two READMEs.
type vector struct {
	ID           string            `json:"id"`
	Algorithm    string            `json:"algorithm"`
	Mask         string            `json:"mask"`
	Props        map[string]string `json:"props"`
	OnUnmaskable string            `json:"on_unmaskable"`
	LengthMax    int               `json:"length_max"`
	Input        *string           `json:"input"`
	Expect       json.RawMessage   `json:"expect"`
	ExpectRegex  string            `json:"expect_regex"`
	ExpectError  string            `json:"expect_error"`
}

// parseVectors groups the records of a file by mask. Records of algorithms belong to another package.
func parseVectors(content []byte) (vectors map[string][]*vector, order []string, err error) {
	vectors = map[string][]*vector{}
	for i, line := range bytes.Split(content, []byte("\n")) {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		v := &vector{}
		if err := json.Unmarshal(line, v); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		switch {
		case (v.Algorithm == "") == (v.Mask == ""):
			return nil, nil, fmt.Errorf("line %d: a record has either an algorithm or a mask", i+1)
		case v.Algorithm != "":
			continue
		case v.ID == "":
			return nil, nil, fmt.Errorf("line %d: a record has an id", i+1)
		case v.Expect == nil && v.ExpectRegex == "" && v.ExpectError == "" && !bytes.Contains(line, []byte(`"expect"`)):
			return nil, nil, fmt.Errorf("line %d: a record has an expectation", i+1)
		}
		name := strings.ToUpper(v.Mask)
		if vectors[name] == nil {
			order = append(order, name)
		}
		vectors[name] = append(vectors[name], v)
	}
	return vectors, order, nil
}

func runMask(t *testing.T, mask string, vectors []*vector) {
	if _, err := New(mask, nil, Options{}); errors.Is(err, ErrType) {
		if vectors[0].ExpectError != "init:unknown_type:"+vectors[0].Mask {
			t.Skipf("%s is not available: %d records", mask, len(vectors))
		}
		return
	}
	for _, v := range vectors {
		if err := v.check(); err != nil {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
}

func (v *vector) check() error {
	options := Options{LengthMax: v.LengthMax}
	switch v.OnUnmaskable {
	case "", "hide":
	case "shardingsphere":
		options.OnUnmaskable = ShardingSphere
	default:
		return fmt.Errorf("on_unmaskable %q", v.OnUnmaskable)
	}
	m, err := New(v.Mask, v.Props, options)
	if v.ExpectError != "" {
		return v.checkError(err)
	}
	if err != nil {
		return err
	}
	var want *string
	if err := json.Unmarshal(v.Expect, &want); err != nil {
		return err
	}
	if v.Input == nil {
		if want != nil {
			return errors.New("NULL is expected to become something")
		}
		return nil // masks are not called for NULL
	}
	got, null := m.Apply([]byte("before "), []byte(*v.Input))
	got, before := bytes.CutPrefix(got, []byte("before "))
	switch {
	case !before:
		return errors.New("what stood in the buffer is gone")
	case null != (want == nil):
		return fmt.Errorf("NULL is %t", null)
	case want != nil && string(got) != *want:
		return fmt.Errorf("got %q, want %q", got, *want)
	}
	return nil
}

// checkError compares the property that is at fault. How it is at fault is said by its message.
func (v *vector) checkError(err error) error {
	parts := strings.Split(v.ExpectError, ":")
	var property *PropertyError
	if len(parts) != 3 || !errors.As(err, &property) || property.Property != parts[2] {
		return fmt.Errorf("got %v, want %s", err, v.ExpectError)
	}
	return nil
}
