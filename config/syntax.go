package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// syntaxMessage takes an error of package yaml apart: "yaml: line 3: did not find expected key".
var syntaxMessage = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// unknownAnchor is the error that comes without a line.
var unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)

// syntaxError reports why data is not YAML.
func (p *parser) syntaxError(data []byte, err error) {
	at, message, hint := Position{File: p.file}, err.Error(), ""
	if m := syntaxMessage.FindStringSubmatch(message); m != nil {
		at.Line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	if line := syntaxLine(data); line > 0 {
		at.Line = line
	}
	if m := unknownAnchor.FindStringSubmatch(message); m != nil {
		if before, _, ok := bytes.Cut(data, []byte("*"+m[1])); ok {
			at.Line = 1 + bytes.Count(before, []byte("\n"))
		}
	}
	if strings.Contains(message, "cannot start any token") || strings.Contains(message, "alphabetic or numeric") {
		hint = "indent with blanks; quote values that begin with *, &, @, % or `"
	}
	p.problems.add(at, hint, "not YAML: %s", message)
}

const (
	// syntaxBytesMax bounds the documents in which the line is searched: each step of the search parses.
	syntaxBytesMax = 64 << 10
	// syntaxLinesMax is how many lines a flow collection or text may span before the search takes its first line for the
	// mistake.
	syntaxLinesMax = 20
)

// syntaxLine returns the first line with which the beginning of the document is no YAML; 0 if it is not searched. Package
// yaml gives the line before, or that where the enclosing mapping began.
func syntaxLine(data []byte) int {
	if len(data) > syntaxBytesMax {
		return 0
	}
	var ends []int
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	if len(ends) == 0 || ends[len(ends)-1] < len(data) {
		ends = append(ends, len(data))
	}
	good, bad := 0, len(ends) // numbers of lines that are a document, and that are none
	for bad-good > 1 {
		middle, found := (good+bad)/2, false
		for n := middle; n < min(bad, middle+syntaxLinesMax) && !found; n++ {
			if isYAML(data[:ends[n-1]]) {
				good, found = n, true
			}
		}
		if !found {
			bad = middle
		}
	}
	return good + 1
}

func isYAML(data []byte) bool {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var n yaml.Node
		switch err := decoder.Decode(&n); {
		case errors.Is(err, io.EOF):
			return true
		case err != nil:
			return false
		}
	}
}
