package wirescript

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// stepsMax bounds a script, what is repeated included.
const stepsMax = 1 << 20

// Groups says for which targets a line is that begins with a name and a colon. A target has a group of its own name.
type Groups map[string][]string

// ErrSkipped is returned by Read, wrapped, if the script says that it is not for the target.
var ErrSkipped = errors.New("not for this target")

// Script is a script as one target runs it.
type Script struct {
	file  string
	steps []step
}

type step struct {
	line    int
	own     bool // for some targets only
	verb    string
	message string
	args    []string // raw words: see unquote and list
}

// verbs are the words that a line may begin with, and the least number of words that follow.
var verbs = map[string]int{"as": 1, "open": 1, "authenticate": 0, "send": 1, "go": 0, "cut": 1, "expect": 1, "until": 1, "await": 1,
	"repeat": 1, "end": 0, "skip": 1, "?": 0}

// Read reads the script in a file for one target of groups. Errors name file and line; one wraps ErrSkipped.
func Read(file, target string, groups Groups) (*Script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, string(text), target, groups)
}

// Parse reads a script's text as Read does. name is what errors call it.
func Parse(name, text, target string, groups Groups) (*Script, error) {
	script := &Script{file: name}
	var repeats []repeat
	number := 0
	for line := range strings.Lines(text) {
		number++
		if err := script.read(line, number, target, groups, &repeats); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, number, err)
		}
	}
	if len(repeats) != 0 {
		return nil, fmt.Errorf("%s: a repeat without end", name)
	}
	return script, nil
}

// repeat is one that has not ended yet.
type repeat struct {
	times int
	from  int // index of its first step
}

func (s *Script) read(line string, number int, target string, groups Groups, repeats *[]repeat) error {
	name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
	targets, own := groups[name]
	if own {
		if !slices.Contains(targets, target) {
			return nil
		}
		line = rest
	}
	list, err := words(line)
	if err != nil || len(list) == 0 {
		return err
	}
	verb := list[0]
	least, known := verbs[verb]
	if !known || len(list)-1 < least {
		return fmt.Errorf("want a verb and what belongs to it, such as send, expect or until and a message")
	}
	switch verb {
	case "skip":
		return fmt.Errorf("%w: %s", ErrSkipped, strings.Join(list[1:], " "))
	case "repeat":
		times, err := strconv.Atoi(list[1])
		*repeats = append(*repeats, repeat{times, len(s.steps)})
		return err
	case "end":
		if len(*repeats) == 0 {
			return errors.New("an end without repeat")
		}
		last := (*repeats)[len(*repeats)-1]
		*repeats = (*repeats)[:len(*repeats)-1]
		block := s.steps[last.from:]
		if last.times < 1 || len(s.steps)+len(block)*(last.times-1) > stepsMax {
			return fmt.Errorf("want 1 to as many times as make %d steps", stepsMax)
		}
		s.steps = append(s.steps, slices.Repeat(slices.Clone(block), last.times-1)...)
		return nil
	}
	st := step{line: number, own: own, verb: verb}
	if len(list) > 1 {
		st.message, st.args = list[1], list[2:]
	}
	if verb == "send" {
		// What cannot be encoded is found before anything is run.
		if _, err := st.encode(nil, environment{}); err != nil {
			return err
		}
	}
	s.steps = append(s.steps, st)
	return nil
}
