package config

import (
	"reflect"
	"strings"
	"time"
)

// field is one key of a block, as the tags of the block's type describe it:
//
//	key:"name" or key:"name,required"
//	default:"text"       decoded as if it had been written
//	oneof:"a,b"          the only values
//	later:"c,d"          values that are refused by name because they come later
//	refused:"why"        the whole key is refused by name, with hint:"what instead"
//	min:"1" max:"9"      of a number, size or time
//	unit:"bytes"         a number that may be written with kB, MB or GB
//	path:"any"|"file"    made absolute; "file" must exist
//	url:"postgres"       a secret that is a connection URL
//	name:"noun"          (no key) holds the name under which the block stands in a mapping
type field struct {
	index    int
	key      string
	required bool
	// hasDefault tells an empty default from none.
	defaultText string
	hasDefault  bool
	oneOf       []string
	later       []string
	refused     string
	hint        string
	min, max    string
	unit        string
	path        string
	url         string
	typ         reflect.Type
}

// fieldsOf returns the keys of a block's type in the order of its fields.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		tag, ok := f.Tag.Lookup("key")
		if !ok {
			continue
		}
		one := field{
			index: i, typ: f.Type, refused: f.Tag.Get("refused"), hint: f.Tag.Get("hint"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"),
			unit: f.Tag.Get("unit"), path: f.Tag.Get("path"), url: f.Tag.Get("url"),
			oneOf: list(f.Tag.Get("oneof")), later: list(f.Tag.Get("later")),
		}
		one.key, _, one.required = strings.Cut(tag, ",")
		one.defaultText, one.hasDefault = f.Tag.Lookup("default")
		fields = append(fields, one)
	}
	return fields
}

// nameOf returns the index of the field that holds a block's name in a mapping, and the noun for it.
func nameOf(t reflect.Type) (index int, noun string, ok bool) {
	for i := range t.NumField() {
		if noun, ok = t.Field(i).Tag.Lookup("name"); ok {
			return i, noun, true
		}
	}
	return 0, "", false
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// shape says how a type is written.
type shape int

const (
	shapeScalar     shape = iota
	shapeBlock            // fixed keys
	shapeNamed            // names of the writer's own, each with a block
	shapeNamedLists       // names of the writer's own, each with a list of blocks
	shapeProps            // names of the writer's own, each with a scalar
	shapeList             // a list of scalars, of lists or of blocks
)

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[time.Duration]()
)

// shapeOf returns the shape of a type, and the type of its block or items.
func shapeOf(t reflect.Type) (shape, reflect.Type) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == secretType:
		return shapeScalar, t
	case t.Kind() == reflect.Struct:
		return shapeBlock, t
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.String:
		return shapeProps, t.Elem()
	case t.Kind() == reflect.Map && t.Elem().Kind() == reflect.Slice:
		return shapeNamedLists, t.Elem().Elem()
	case t.Kind() == reflect.Map:
		return shapeNamed, t.Elem()
	case t.Kind() == reflect.Slice:
		element := t.Elem()
		if element.Kind() == reflect.Pointer {
			element = element.Elem()
		}
		if element.Kind() == reflect.Struct {
			if _, _, named := nameOf(element); named {
				return shapeNamed, element
			}
		}
		return shapeList, element
	}
	return shapeScalar, t
}
