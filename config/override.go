package config

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/knadh/koanf/providers/env/v2"
)

// environmentPrefix begins the name of each variable that overrides a key of the file.
const environmentPrefix = "PORTCULLIS_"

// environmentDelimiter stands between keys in the name of a variable: single underscores are part of keys.
const environmentDelimiter = "__"

// environment makes koanf's provider of the overrides in environ.
func environment(environ []string, names resolver, found *problems) env.Opt {
	return env.Opt{
		Prefix:      environmentPrefix,
		EnvironFunc: func() []string { return slices.Sorted(slices.Values(environ)) },
		TransformFunc: func(name, value string) (string, any) {
			rest := strings.TrimPrefix(name, environmentPrefix)
			if !isOverride(rest) {
				return "", nil
			}
			if name != variableName(name) {
				found.add(Position{File: "environment"}, "", "variable %q has a name that means no key", name)
				return "", nil
			}
			at := Position{File: name}
			path, problem, hint := names.resolve(rest, environmentDelimiter)
			if problem != "" {
				found.add(at, hint, "%s", problem)
				return "", nil
			}
			if problem := valueProblem(value); problem != "" {
				found.add(at, "", "%s", problem)
				return "", nil
			}
			names.origins[path] = origin{kind: kindUntyped, at: at, keyAt: at}
			return path, value
		},
	}
}

// isOverride tells variables that are meant as keys, right or wrong, from those that others own: the command line, tests,
// Kubernetes. A key has a double underscore, or is a key of the file's first level; what looks like one is taken for one.
func isOverride(rest string) bool {
	if strings.Contains(rest, environmentDelimiter) {
		return true
	}
	if isServiceLink(rest) {
		return false
	}
	var first []string
	for _, f := range fieldsOf(reflect.TypeFor[Config]()) {
		if strings.HasPrefix(rest, strings.ToUpper(f.key)+"_") {
			return true
		}
		first = append(first, f.key)
	}
	return closest(rest, first) != ""
}

// isServiceLink recognises the variables that Kubernetes sets for a service named portcullis or portcullis-...:
// PORTCULLIS_SERVICE_HOST, PORTCULLIS_ADMIN_PORT_6432_TCP_ADDR.
func isServiceLink(rest string) bool {
	words := strings.Split(rest, "_")
	for i, word := range words {
		after := words[i+1:]
		switch {
		case word == "SERVICE" && len(after) > 0 && (after[0] == "HOST" && len(after) == 1 || after[0] == "PORT"):
			return true
		case word == "PORT" && (len(after) == 0 || isDigits(after[0])):
			return true
		}
	}
	return false
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// overrides makes nested maps of what flags give.
func overrides(list []Override, names resolver, found *problems) map[string]any {
	flat := map[string]any{}
	for _, o := range list {
		at := Position{File: o.Flag}
		path, problem, hint := names.resolve(o.Key, ".")
		if problem == "" {
			problem = valueProblem(o.Value)
		}
		if problem != "" {
			found.add(at, hint, "%s", problem)
			continue
		}
		names.origins[path] = origin{kind: kindUntyped, at: at, keyAt: at}
		flat[path] = o.Value
	}
	return flat
}

func valueProblem(value string) string {
	switch {
	case strings.ContainsRune(value, 0):
		return "the value holds the character U+0000"
	case len(value) > fileBytesMax:
		return fmt.Sprintf("the value is longer than %d bytes", fileBytesMax)
	}
	return ""
}

// resolver finds the path of a key that the environment or a flag names.
type resolver struct {
	tree    map[string]any // of the file
	origins origins
}

// resolve walks from the root of the schema. Fixed keys are those of the types; names of the writer's own must stand in
// the file. In the environment case is ignored and every character that cannot be in a variable's name is "_".
func (r resolver) resolve(rest, separator string) (path, problem, hint string) {
	written := rest
	t, tree := reflect.TypeFor[Config](), r.tree
	for {
		s, element := shapeOf(t)
		var candidates []string
		types := map[string]reflect.Type{}
		switch s {
		case shapeBlock:
			for _, f := range fieldsOf(element) {
				if f.refused == "" {
					candidates = append(candidates, f.key)
					types[f.key] = f.typ
				}
			}
		case shapeNamed, shapeNamedLists, shapeProps:
			for name := range tree {
				candidates = append(candidates, name)
				types[name] = element
				if s == shapeNamedLists {
					types[name] = reflect.SliceOf(element)
				}
			}
		case shapeList:
			return "", fmt.Sprintf("%s is a list, which only the file can give", people(path)), ""
		case shapeScalar:
			return "", fmt.Sprintf("there is no key below %s", people(path)), ""
		}
		matches := matching(candidates, rest, separator)
		switch {
		case len(matches) == 0:
			word, _, _ := strings.Cut(rest, separator)
			return "", fmt.Sprintf("unknown key %q%s", word, inPeople(path)), suggestVariable(written, word, candidates, separator)
		case len(matches) > 1:
			return "", fmt.Sprintf("the names %q and %q%s are one to the environment", matches[0], matches[1], inPeople(path)),
				"use a flag or the file"
		}
		key := matches[0]
		path = joinPath(path, key)
		t, rest = types[key], strings.TrimPrefix(rest[len(key):], separator)
		if s, _ := shapeOf(t); rest == "" {
			if s == shapeScalar {
				return path, "", ""
			}
			if s == shapeList {
				return "", fmt.Sprintf("%s is a list, which only the file can give", people(path)), ""
			}
			return "", fmt.Sprintf("%s is not a single value", people(path)), "name a key below it"
		}
		tree, _ = tree[key].(map[string]any)
	}
}

// matching returns the longest names that are the beginning of rest up to a separator or its end.
func matching(names []string, rest, separator string) (matches []string) {
	fold := separator == environmentDelimiter
	for _, name := range names {
		if len(rest) < len(name) {
			continue
		}
		head, tail := rest[:len(name)], rest[len(name):]
		if tail != "" && (!strings.HasPrefix(tail, separator) || len(tail) == len(separator)) {
			continue
		}
		if head == name || fold && strings.EqualFold(head, variableName(name)) {
			matches = append(matches, name)
		}
	}
	slices.SortFunc(matches, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	for i, name := range matches {
		if len(name) < len(matches[0]) {
			return matches[:i]
		}
	}
	return matches
}

// variableName writes a name as it can stand in the name of an environment variable, with as many bytes.
func variableName(name string) string {
	out := []byte(name)
	for i, c := range out {
		if c > unicode.MaxASCII || !unicode.IsLetter(rune(c)) && !unicode.IsDigit(rune(c)) {
			out[i] = '_'
		}
	}
	return string(out)
}

// suggestVariable helps with a single underscore where two were meant, or with a misspelt word.
func suggestVariable(written, word string, candidates []string, separator string) string {
	if separator == environmentDelimiter {
		for _, name := range candidates {
			if head := strings.ToUpper(variableName(name)) + "_"; strings.HasPrefix(strings.ToUpper(word), head) {
				return fmt.Sprintf("keys are separated by two underscores: did you mean %s?", environmentPrefix+
					strings.Replace(written, word, head+"_"+word[len(head):], 1))
			}
		}
		word = strings.ToLower(word)
	}
	return didYouMean(word, candidates, "known names")
}

// people writes a path with dots.
func people(path string) string { return strings.ReplaceAll(path, delimiter, ".") }

func inPeople(path string) string {
	if path == "" {
		return ""
	}
	return " in " + people(path)
}
