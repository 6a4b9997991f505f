package wirescript

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// silence is how long a server says nothing until a draft takes it for all that it has to say.
const silence = 250 * time.Millisecond

var errDraft = errors.New("a draft: command record completes it")

// Fill returns the text of the draft in a file with what the target answers in place of its questions. It is as good as
// the target's answers are steady: what changes from run to run has to be replaced by _.
func Fill(ctx context.Context, file string, target Target) (string, error) {
	script, err := Read(file, TargetPostgres, Targets())
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	answers := map[int][]string{}
	if _, err := script.run(ctx, target, hooks{fill: func(line int, answer string) {
		answers[line] = append(answers[line], answer)
	}}); err != nil {
		return "", err
	}
	var filled strings.Builder
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		if strings.TrimSpace(line) != "?" {
			filled.WriteString(line)
			continue
		}
		for _, answer := range answers[number] {
			fmt.Fprintln(&filled, answer)
		}
	}
	return filled.String(), nil
}

// question takes what comes, up to a silence or the end.
func (r *run) question(ctx context.Context, line int) error {
	if r.hooks.fill == nil {
		return errDraft
	}
	c := r.now
	if m := c.unread; m != nil {
		c.unread = nil
		r.hooks.fill(line, m.Expect())
	}
	c.start(ctx)
	for {
		select {
		case next := <-c.messages:
			m, err := c.received(next)
			if err != nil {
				c.closed = true
				r.hooks.fill(line, "expect Closed")
				return nil
			}
			if m.Type != 'S' {
				r.hooks.fill(line, m.Expect())
			}
		case <-time.After(silence):
			return nil
		}
	}
}

// Steady runs a script that was recorded, until it holds, and returns it with _ in the place of values that come out
// different.
func Steady(ctx context.Context, file string, target Target) (string, error) {
	script, err := Read(file, TargetPostgres, Targets())
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(text), "\n")
	_, err = script.run(ctx, target, hooks{steady: func(line int, expect string) { lines[line-1] = expect }})
	return strings.Join(lines, "\n"), err
}

// steadied is the step with _ for the values and fields that are others in m. The error says what cannot be replaced.
func (s step) steadied(m Message) (step, error) {
	args := slices.Clone(s.args)
	switch m.Type {
	case 'D':
		got := m.texts()
		for i := range args {
			want, err := unquote(args[i])
			if err == nil && i < len(got) && want != got[i] {
				args[i] = "_"
			}
		}
	case 'E', 'N':
		for i, arg := range args {
			letter, _, _ := strings.Cut(arg, "=")
			if (step{args: []string{arg}}).compareFields(m) != nil {
				args[i] = letter + "=_"
			}
		}
	}
	s.args = args
	_, err := s.compare(m)
	return s, err
}

// text is the step as a script has it.
func (s step) text() string { return strings.Join(append([]string{s.verb, s.message}, s.args...), " ") }
