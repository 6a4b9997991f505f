package config

import (
	"fmt"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder fills the types of config.go from the tree. It reports every mistake and goes on.
type decoder struct {
	problems  *problems
	files     pathResolver
	lookupEnv func(string) (string, bool)
	// broken counts mistakes; a block is broken if the count rose while it was decoded.
	broken int
}

func (d *decoder) add(at Position, hint, format string, args ...any) {
	d.broken++
	d.problems.add(at, hint, format, args...)
}

// block decodes a mapping into the struct that v, addressable, holds. path names the block for messages.
func (d *decoder) block(n *node, v reflect.Value, path string) {
	before := d.broken
	isMapping := d.want(n, kindMapping, path)
	if !isMapping {
		n = &node{kind: kindMapping, at: n.at}
	}
	fields := fieldsOf(v.Type())
	excused, unknown := d.unknownKeys(n, fields, path)
	lost := map[string]bool{}
	for _, f := range fields {
		beforeField := d.broken
		child, ok := n.children[f.key]
		full := dotted(path, f.key)
		switch {
		case f.refused != "":
			if ok {
				d.add(n.keyAt[f.key], orHint(f.hint, "remove it"), "%s: %s", full, f.refused)
			}
		case ok:
			d.field(f, child, v.Field(f.index), full)
		case f.required:
			if isMapping && !slices.Contains(excused, f.key) {
				d.missing(n, f.key, path)
			}
		case f.hasDefault:
			d.field(f, &node{kind: kindUntyped, text: f.defaultText, at: n.at}, v.Field(f.index), full)
		case f.typ.Kind() == reflect.Struct && f.typ != secretType: // a block that is made of defaults
			d.block(&node{kind: kindMapping, at: n.at}, v.Field(f.index), full)
		}
		switch s, element := shapeOf(f.typ); {
		case !ok:
		case s == shapeNamed, s == shapeNamedLists, s == shapeList && element.Kind() == reflect.Struct: // its blocks know for themselves
			lost[f.key] = child.damaged || child.kind != kindMapping && child.kind != kindList
		default:
			lost[f.key] = d.broken > beforeField
		}
	}
	v.Addr().Interface().(positioned).setBlock(block{at: n.at, keys: n.keyAt, broken: d.broken > before, lost: lost,
		incomplete: !isMapping || n.damaged || unknown})
}

func (d *decoder) missing(n *node, key, path string) {
	if path == "" {
		d.add(n.at, "", "key %q is missing", key)
		return
	}
	d.add(n.at, "", "key %q is missing in %s", key, path)
}

// unknownKeys reports the keys of n that no field has. excused are the keys that were probably meant by them.
func (d *decoder) unknownKeys(n *node, fields []field, path string) (excused []string, unknown bool) {
	var known []string
	for _, f := range fields {
		if f.refused == "" {
			known = append(known, f.key)
		}
	}
	for _, f := range fields {
		if f.refused != "" && slices.Contains(n.keys, f.key) {
			excused = known // the block has another form
		}
	}
	for _, key := range n.keys {
		if slices.ContainsFunc(fields, func(f field) bool { return f.key == key }) {
			continue
		}
		unknown = true
		hint := didYouMean(key, known, "known keys")
		if path == "" {
			d.add(n.keyAt[key], hint, "unknown key %q", key)
		} else {
			d.add(n.keyAt[key], hint, "unknown key %q in %s", key, path)
		}
		excused = append(excused, closest(key, known))
	}
	return excused, unknown
}

// want reports whether n is of this kind, and the mistake if it is not.
func (d *decoder) want(n *node, k kind, path string) bool {
	if n.damaged {
		d.broken++ // reported
	}
	switch n.kind {
	case k:
		return true
	case kindRefused:
		d.broken++
	case kindNull:
		d.add(n.at, "remove the key or give it a value", "%s has no value", orFile(path))
	default:
		d.add(n.at, "", "%s must be %s, not %s", orFile(path), k, n.kind)
	}
	return false
}

func orFile(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func (d *decoder) field(f field, n *node, v reflect.Value, path string) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	s, element := shapeOf(f.typ)
	switch s {
	case shapeBlock:
		d.block(n, v, path)
	case shapeNamed:
		d.named(n, v, element, path)
	case shapeNamedLists:
		d.namedLists(f, n, v, path)
	case shapeProps:
		v.Set(reflect.ValueOf(d.props(n, path)))
	case shapeList:
		d.list(f, n, v, path)
	default:
		d.scalar(f, n, v, path)
	}
}

// named decodes a mapping of blocks, into a slice in written order or into a map.
func (d *decoder) named(n *node, v reflect.Value, element reflect.Type, path string) {
	if !d.want(n, kindMapping, path) {
		return
	}
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, key := range n.keys {
		one := reflect.New(element).Elem()
		if index, _, ok := nameOf(element); ok {
			one.Field(index).SetString(key)
		}
		child := n.children[key]
		if child.kind == kindMapping && child.at.Line != 0 { // the name's line, not that of the first key below it
			moved := *child
			moved.at = n.keyAt[key]
			child = &moved
		}
		d.block(child, one, dotted(path, key))
		switch {
		case v.Kind() == reflect.Map:
			v.SetMapIndex(reflect.ValueOf(key), one)
		case v.Type().Elem().Kind() == reflect.Pointer:
			v.Set(reflect.Append(v, one.Addr()))
		default:
			v.Set(reflect.Append(v, one))
		}
	}
}

// namedLists decodes a mapping of lists of blocks into a map.
func (d *decoder) namedLists(f field, n *node, v reflect.Value, path string) {
	if !d.want(n, kindMapping, path) {
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, key := range n.keys {
		one := reflect.New(v.Type().Elem()).Elem()
		element := f
		element.typ = one.Type()
		d.list(element, n.children[key], one, dotted(path, key))
		v.SetMapIndex(reflect.ValueOf(key), one)
	}
}

// props decodes a mapping of scalars. Numbers and booleans are kept as they were written.
func (d *decoder) props(n *node, path string) map[string]string {
	if !d.want(n, kindMapping, path) {
		return nil
	}
	props := make(map[string]string, len(n.keys))
	for _, key := range n.keys {
		switch child := n.children[key]; child.kind {
		case kindRefused:
			d.broken++
		case kindNull:
			d.add(child.at, `quote it: ~ and # and an empty value mean nothing in YAML`, "%s has no value", dotted(path, key))
		case kindMapping, kindList:
			d.add(child.at, "", "%s must be text or a number, not %s", dotted(path, key), child.kind)
		default:
			props[key] = child.text
		}
	}
	return props
}

func (d *decoder) list(f field, n *node, v reflect.Value, path string) {
	if !d.want(n, kindList, path) {
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(n.items)))
	for i, item := range n.items {
		one := reflect.New(v.Type().Elem()).Elem()
		element := f
		element.typ = v.Type().Elem()
		d.field(element, item, one, fmt.Sprintf("%s[%d]", path, i))
		v.Set(reflect.Append(v, one))
	}
}

func (d *decoder) scalar(f field, n *node, v reflect.Value, path string) {
	if n.kind == kindNull && slices.Contains(f.oneOf, n.text) { // the predicate null, unquoted
		n = &node{kind: kindText, text: n.text, at: n.at}
	}
	switch {
	case n.kind == kindNull:
		d.add(n.at, "remove the key or give it a value; quote ~ and what begins with #", "%s has no value", path)
	case n.kind == kindRefused:
		d.broken++
	case f.typ == secretType:
		d.secret(f, n, v, path)
	case v.Type() == durationType:
		d.duration(f, n, v, path)
	case v.Kind() == reflect.Int:
		d.integer(f, n, v, path)
	case v.Kind() == reflect.Bool:
		d.boolean(n, v, path)
	default:
		d.text(f, n, v, path)
	}
}

func (d *decoder) text(f field, n *node, v reflect.Value, path string) {
	if n.kind == kindMapping || n.kind == kindList {
		d.want(n, kindText, path)
		return
	}
	if n.kind != kindText && n.kind != kindUntyped {
		d.add(n.at, "quote it", "%s must be text, not %s", path, n.kind)
		return
	}
	text := n.text
	switch {
	case text == "":
		d.add(n.at, "", "%s is empty", path)
		return
	case slices.Contains(f.later, text):
		d.add(n.at, "supported: "+strings.Join(f.oneOf, ", "), "%s: %q is not supported yet", path, text)
		return
	case f.oneOf != nil && !slices.Contains(f.oneOf, text):
		d.add(n.at, didYouMean(text, f.oneOf, "known values"), "%s: unknown value %q", path, text)
		return
	case f.path != "":
		text = d.files.resolve(text)
		if f.path == "file" {
			d.existingFile(n, text, path)
		}
	}
	v.SetString(text)
}

// existingFile reports a file that is missing, is a folder or may not be read.
func (d *decoder) existingFile(n *node, file, path string) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
		d.broken++
		d.problems.addCause(n.at, path, fileError(n.text, err), "relative paths begin at the folder of the configuration file")
	case info.IsDir():
		d.add(n.at, "", "%s: %s is a folder", path, n.text)
	}
}

// secret resolves a reference. No message holds the value.
func (d *decoder) secret(f field, n *node, v reflect.Value, path string) {
	if n.kind != kindText && n.kind != kindUntyped {
		d.want(n, kindText, path)
		return
	}
	if n.text == "" {
		d.add(n.at, "", "%s is empty", path)
		return
	}
	secret, err := resolveSecret(n.text, d.files, d.lookupEnv)
	if err != nil {
		d.broken++
		d.problems.addCause(n.at, path, err, "")
		return
	}
	if f.url == "postgres" && !isPostgresURL(secret.Reveal()) {
		d.add(n.at, `it looks like "postgres://user:password@host:5432/database"`, "%s is not a PostgreSQL connection URL", path)
		return
	}
	v.Set(reflect.ValueOf(secret))
}

// isPostgresURL accepts libpq's URLs (PostgreSQL's documentation, "Connection URIs") with one host or several.
func isPostgresURL(text string) bool {
	rest, ok := strings.CutPrefix(text, "postgres://")
	if !ok {
		if rest, ok = strings.CutPrefix(text, "postgresql://"); !ok {
			return false
		}
	}
	// package url knows one host alone: the list is looked at apart.
	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	user, hosts := "", authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, hosts = authority[:i+1], authority[i+1:]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if _, err := url.Parse("postgres://" + user + host + tail); err != nil {
			return false
		}
	}
	return true
}

func (d *decoder) boolean(n *node, v reflect.Value, path string) {
	text := strings.ToLower(n.text)
	if n.kind != kindBoolean && n.kind != kindUntyped || text != "true" && text != "false" {
		hint := ""
		if slices.Contains([]string{"yes", "no", "on", "off", "1", "0"}, text) {
			hint = "write true or false"
		}
		if n.kind == kindUntyped {
			d.add(n.at, hint, "%s must be true or false", path)
		} else {
			d.add(n.at, hint, "%s must be true or false, not %s", path, n.kind)
		}
		return
	}
	v.SetBool(text == "true")
}

func (d *decoder) integer(f field, n *node, v reflect.Value, path string) {
	parse, what := parseInteger, "a whole number"
	if f.unit == "bytes" {
		parse, what = parseBytes, "a size such as 10kB or 64MB"
	}
	if n.kind == kindMapping || n.kind == kindList {
		d.add(n.at, "", "%s must be %s, not %s", path, what, n.kind)
		return
	}
	value, ok := parse(n.text)
	if !ok {
		d.add(n.at, "", "%s must be %s", path, what)
		return
	}
	least, _ := parse(f.min)
	most, _ := parse(f.max)
	if f.min != "" && value < least || f.max != "" && value > most {
		d.add(n.at, "", "%s must be from %s to %s", path, f.min, f.max)
		return
	}
	v.SetInt(value)
}

func (d *decoder) duration(f field, n *node, v reflect.Value, path string) {
	value, err := time.ParseDuration(n.text)
	if err != nil || n.kind == kindMapping || n.kind == kindList {
		d.add(n.at, "", "%s must be a time such as 500ms, 10s or 5m", path)
		return
	}
	least, _ := time.ParseDuration(f.min)
	most, _ := time.ParseDuration(f.max)
	if f.min != "" && value < least || f.max != "" && value > most {
		d.add(n.at, "", "%s must be from %s to %s", path, f.min, f.max)
		return
	}
	v.SetInt(int64(value))
}

// parseInteger accepts decimal digits alone: YAML's octal, hexadecimal and underscores mean different things to its readers.
func parseInteger(text string) (int64, bool) {
	value, err := strconv.ParseInt(text, 10, 64)
	return value, err == nil && strconv.FormatInt(value, 10) == text
}

// parseBytes accepts a number of bytes, with PostgreSQL's units: kB, MB, GB, each 1024 of the one before.
func parseBytes(text string) (int64, bool) {
	for i, unit := range []string{"kB", "MB", "GB"} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			value, ok := parseInteger(strings.TrimSuffix(digits, " "))
			shift := 10 * (i + 1)
			return value << shift, ok && value >= 0 && value < 1<<(62-shift)
		}
	}
	return parseInteger(text)
}

// dotted joins the keys of a path for people.
func dotted(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
