package wirescript

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// Send is the line of a script that sends a message which a client has sent. kind is its type, body all behind type and
// length. What the script's form cannot hold exactly is sent as Raw.
func Send(kind byte, body []byte) string {
	raw := frame(kind, body)
	line := send(kind, body)
	if list, err := words(line); err == nil && len(list) > 1 {
		again := step{verb: list[0], message: list[1], args: list[2:]}
		if encoded, err := again.encode(nil, environment{}); err == nil && bytes.Equal(encoded, raw) {
			return line
		}
	}
	return "send Raw " + quote(string(raw))
}

func send(kind byte, body []byte) string {
	var line []string
	add := func(name, text string) {
		if text != "" {
			line = append(line, name+"="+quote(text))
		}
	}
	object := func(kind byte, name string) {
		if kind == 'P' {
			line = append(line, "portal="+quote(name))
			return
		}
		line = append(line, "statement="+quote(name))
	}
	decode := func(m pgproto3.FrontendMessage) bool { return m.Decode(body) == nil }
	var (
		parse    pgproto3.Parse
		bind     pgproto3.Bind
		describe pgproto3.Describe
		closing  pgproto3.Close
		execute  pgproto3.Execute
		query    pgproto3.Query
		fail     pgproto3.CopyFail
		call     pgproto3.FunctionCall
	)
	switch {
	case kind == 'Q' && decode(&query):
		return "send Query " + quote(query.String)
	case kind == 'P' && decode(&parse):
		add("name", parse.Name)
		line = append(line, "sql="+quote(parse.Query))
		if types := commas(parse.ParameterOIDs); types != "" {
			line = append(line, "types="+types)
		}
		return strings.Join(append([]string{"send Parse"}, line...), " ")
	case kind == 'B' && decode(&bind):
		add("portal", bind.DestinationPortal)
		add("statement", bind.PreparedStatement)
		lists(&line, bind.ParameterFormatCodes, bind.Parameters)
		if codes := commas(bind.ResultFormatCodes); codes != "" {
			line = append(line, "results="+codes)
		}
		return strings.Join(append([]string{"send Bind"}, line...), " ")
	case kind == 'D' && decode(&describe):
		object(describe.ObjectType, describe.Name)
		return "send Describe " + line[0]
	case kind == 'C' && decode(&closing):
		object(closing.ObjectType, closing.Name)
		return "send Close " + line[0]
	case kind == 'E' && decode(&execute):
		add("portal", execute.Portal)
		if execute.MaxRows != 0 {
			line = append(line, fmt.Sprintf("max=%d", execute.MaxRows))
		}
		return strings.Join(append([]string{"send Execute"}, line...), " ")
	case kind == 'F' && decode(&call):
		line = append(line, fmt.Sprintf("function=%d", call.Function))
		var codes []int16
		for _, code := range call.ArgFormatCodes {
			codes = append(codes, int16(code))
		}
		lists(&line, codes, call.Arguments)
		return fmt.Sprintf("send FunctionCall %s result=%d", strings.Join(line, " "), call.ResultFormatCode)
	case kind == 'f' && decode(&fail):
		return "send CopyFail " + quote(fail.Message)
	case kind == 'd':
		return "send CopyData " + quote(string(body))
	case kind == 'S' && len(body) == 0:
		return "send Sync"
	case kind == 'H' && len(body) == 0:
		return "send Flush"
	case kind == 'X' && len(body) == 0:
		return "send Terminate"
	case kind == 'c' && len(body) == 0:
		return "send CopyDone"
	}
	return ""
}

// lists writes formats and values of Bind and FunctionCall; what is binary in hex digits.
func lists(line *[]string, codes []int16, values [][]byte) {
	if list := commas(codes); list != "" {
		*line = append(*line, "formats="+list)
	}
	var texts []string
	for i, v := range values {
		binary := len(codes) == 1 && codes[0] == 1 || i < len(codes) && codes[i] == 1
		switch {
		case v == nil:
			texts = append(texts, "NULL")
		case binary && len(v) > 0:
			texts = append(texts, `\x`+hex.EncodeToString(v))
		default:
			texts = append(texts, quote(string(v)))
		}
	}
	if len(texts) > 0 {
		*line = append(*line, "values="+strings.Join(texts, ","))
	}
}

func commas[T int16 | uint32](numbers []T) string {
	var texts []string
	for _, n := range numbers {
		texts = append(texts, fmt.Sprint(n))
	}
	return strings.Join(texts, ",")
}
