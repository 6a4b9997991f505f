package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// referencePath is the page that describes every key.
const referencePath = "../docs/configuration.md"

// row is what the page must say of a key, beside its meaning.
type row struct{ key, kind, standard string }

func (r row) String() string { return fmt.Sprintf("| `%s` | %s | %s |", r.key, r.kind, r.standard) }

// rows walks the types that the decoder walks.
func rows(t reflect.Type, path string) (all []row) {
	for _, f := range fieldsOf(t) {
		key := dotted(path, f.key)
		s, element := shapeOf(f.typ)
		if f.refused != "" {
			all = append(all, row{key, "refused", "–"})
			continue
		}
		switch {
		case s == shapeBlock:
			all = append(all, rows(element, key)...)
		case s == shapeNamed:
			all = append(all, rows(element, key+".NAME")...)
		case s == shapeNamedLists:
			all = append(all, rows(element, key+".NAME[]")...)
		case s == shapeList && element.Kind() == reflect.Struct:
			all = append(all, rows(element, key+"[]")...)
		default:
			all = append(all, row{key, kindOf(f), standardOf(f)})
		}
	}
	return all
}

func kindOf(f field) string {
	s, element := shapeOf(f.typ)
	switch {
	case s == shapeProps:
		return "mapping of texts"
	case s == shapeList && element.Kind() == reflect.Slice:
		return "list of lists of texts"
	case s == shapeList && f.oneOf != nil:
		return "list of " + choices(f)
	case s == shapeList:
		return "list of texts"
	case f.url != "":
		return "secret, a PostgreSQL URL"
	case element == secretType:
		return "secret"
	case f.path == "file":
		return "path of a file that exists"
	case f.path != "":
		return "path"
	case f.oneOf != nil:
		return choices(f)
	case element == durationType:
		return fmt.Sprintf("time, %s to %s", f.min, f.max)
	case f.unit == "bytes":
		return fmt.Sprintf("size, %s to %s", f.min, f.max)
	case element.Kind() == reflect.Int:
		return fmt.Sprintf("number, %s to %s", f.min, f.max)
	case element.Kind() == reflect.Bool:
		return "boolean"
	}
	return "text"
}

func choices(f field) string {
	text := "`" + strings.Join(f.oneOf, "`, `") + "`"
	if f.later != nil {
		text += "; refused until built: `" + strings.Join(f.later, "`, `") + "`"
	}
	return text
}

func standardOf(f field) string {
	switch {
	case f.required:
		return "required"
	case f.hasDefault:
		return "`" + f.defaultText + "`"
	}
	return "–"
}

// TestReference: the page has one row for each key that the decoder knows, with its kind and default, and no other.
func TestReference(t *testing.T) {
	page, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, r := range rows(reflect.TypeFor[Config](), "") {
		want[r.String()] = true
	}
	for number, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		cells := strings.SplitN(line, " | ", 4)
		if len(cells) < 4 || strings.TrimSuffix(strings.TrimSpace(cells[3]), "|") == "" {
			t.Errorf("%s:%d: a key without a meaning", referencePath, number+1)
			continue
		}
		got := strings.Join(cells[:3], " | ") + " |"
		if !want[got] {
			t.Errorf("%s:%d: no such key, or written twice: %s", referencePath, number+1, got)
		}
		delete(want, got)
	}
	for line := range want {
		t.Errorf("%s lacks: %s", referencePath, line)
	}
}

// TestReferenceExamples: each YAML example of the page that begins with "users:" is a whole file and is accepted; each of the
// others stands in none of the forms that the decoder refuses.
func TestReferenceExamples(t *testing.T) {
	page, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	whole := 0
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if !strings.HasPrefix(text, "users:") {
			continue
		}
		whole++
		path := write(t, text)
		if err := os.WriteFile(strings.TrimSuffix(path, "portcullis.yaml")+"schema.sql", []byte("--\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(Options{Path: path, Environ: []string{"APP_VERIFIER=" + verifier, "CAROL_VERIFIER=" + verifier,
			"SHOP_URL=postgres://127.0.0.1/shop"}}, fakes()); err != nil {
			t.Error(err)
		}
	}
	if whole == 0 {
		t.Error("the page has no whole example")
	}
}

// TestEverythingHasEveryKey: testdata/good/everything.yaml writes each key that is not refused, so that the golden files show
// what each does.
func TestEverythingHasEveryKey(t *testing.T) {
	const path = "testdata/good/everything.yaml"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found problems
	written := map[string]bool{}
	writtenKeys(merge(Options{Path: path}, data, &found), reflect.TypeFor[Config](), "", written)
	if err := found.err(); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows(reflect.TypeFor[Config](), "") {
		if r.kind != "refused" && !written[r.key] {
			t.Errorf("%s lacks %s", path, r.key)
		}
	}
}

func writtenKeys(n *node, t reflect.Type, path string, written map[string]bool) {
	fields := fieldsOf(t)
	for _, key := range n.keys {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			continue
		}
		child, full := n.children[key], dotted(path, key)
		switch s, element := shapeOf(fields[i].typ); {
		case s == shapeBlock:
			writtenKeys(child, element, full, written)
		case s == shapeNamed:
			for _, name := range child.keys {
				writtenKeys(child.children[name], element, full+".NAME", written)
			}
		case s == shapeNamedLists:
			for _, name := range child.keys {
				for _, item := range child.children[name].items {
					writtenKeys(item, element, full+".NAME[]", written)
				}
			}
		case s == shapeList && element.Kind() == reflect.Struct:
			for _, item := range child.items {
				writtenKeys(item, element, full+"[]", written)
			}
		default:
			written[full] = true
		}
	}
}
