package wirescript

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// timesMax bounds the N of "text"*N.
const timesMax = 1 << 24

// null stands for NULL among values that are texts, anything for what may be anything.
const (
	null     = "\x00NULL"
	anything = "\x00_"
)

// words cuts a line into words at spaces outside of quotes. What a quote holds stays quoted.
func words(line string) (list []string, err error) {
	for line = strings.TrimSpace(line); line != "" && line[0] != '#'; line = strings.TrimLeft(line, " \t") {
		end := 0
		for end < len(line) && line[end] != ' ' && line[end] != '\t' {
			if line[end] == '"' {
				quoted, err := strconv.QuotedPrefix(line[end:])
				if err != nil {
					return nil, errors.New("a quote without end")
				}
				end += len(quoted)
				continue
			}
			end++
		}
		list = append(list, line[:end])
		line = line[end:]
	}
	return list, nil
}

// cut cuts a word at separators outside of quotes.
func cut(word string, separator byte) (parts []string, err error) {
	start := 0
	for i := 0; i < len(word); i++ {
		switch word[i] {
		case separator:
			parts = append(parts, word[start:i])
			start = i + 1
		case '"':
			quoted, err := strconv.QuotedPrefix(word[i:])
			if err != nil {
				return nil, err
			}
			i += len(quoted) - 1
		}
	}
	return append(parts, word[start:]), nil
}

// unquote takes the quotes off a word. Without quotes NULL becomes null and _ becomes anything.
func unquote(word string) (string, error) {
	switch {
	case word == "NULL":
		return null, nil
	case word == "_":
		return anything, nil
	case !strings.HasPrefix(word, `"`):
		return word, nil
	}
	quoted, err := strconv.QuotedPrefix(word)
	if err != nil {
		return "", err
	}
	text, err := strconv.Unquote(quoted)
	if err != nil || quoted == word {
		return text, err
	}
	times, starred := strings.CutPrefix(word[len(quoted):], "*")
	n, err := strconv.Atoi(times)
	if !starred || err != nil || n < 0 || n*len(text) > timesMax {
		return "", errors.New(`behind a quote: want *N, of 16 MB at most in all`)
	}
	return strings.Repeat(text, n), nil
}

// quote writes a text as a word that unquote and words understand.
func quote(text string) string {
	switch text {
	case null:
		return "NULL"
	case anything:
		return "_"
	case "NULL", "_", "":
		return strconv.Quote(text)
	}
	if text[0] == '\\' || text[0] == '#' {
		return strconv.Quote(text)
	}
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-.?/+", r) {
			return strconv.Quote(text)
		}
	}
	return text
}

// Parameter is the word of a line that gives a startup parameter.
func Parameter(name, value string) string { return name + "=" + quote(value) }

// list reads words that are separated by commas. nil stands for NULL; \x and hex digits for bytes.
func list(word string) (values [][]byte, err error) {
	if word == "" {
		return nil, nil
	}
	parts, err := cut(word, ',')
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		text, err := unquote(part)
		if err != nil {
			return nil, err
		}
		value := []byte(text)
		if digits, ok := strings.CutPrefix(part, `\x`); ok {
			if value, err = hex.DecodeString(digits); err != nil {
				return nil, err
			}
		}
		if text == null {
			value = nil
		}
		values = append(values, value)
	}
	return values, nil
}
