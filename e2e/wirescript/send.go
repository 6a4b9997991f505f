package wirescript

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// codeCancel is the code of a CancelRequest, from PostgreSQL's src/include/libpq/pqcomm.h.
const codeCancel = 80877102

// environment is what a message that is sent may have from elsewhere.
type environment struct {
	user, database string
	key            func(client string) []byte // the body of BackendKeyData that the client was given; nil: none
}

// arguments are those of a send line, by their names; the last one without a name has the empty one.
type arguments struct {
	byName map[string]string
	err    error // the first
}

func (a *arguments) text(name string) string {
	raw := a.byName[name]
	delete(a.byName, name)
	text, err := unquote(raw)
	if text == null || text == anything {
		text = raw
	}
	a.err = errors.Join(a.err, err)
	return text
}

func (a *arguments) list(name string) [][]byte {
	values, err := list(a.byName[name])
	delete(a.byName, name)
	a.err = errors.Join(a.err, err)
	return values
}

func (a *arguments) number(text string, bits int) int64 {
	n, err := strconv.ParseInt(text, 10, bits)
	a.err = errors.Join(a.err, err)
	return n
}

func (a *arguments) formats(name string) (codes []int16) {
	for _, code := range a.list(name) {
		codes = append(codes, int16(a.number(string(code), 16)))
	}
	return codes
}

// object is what Describe and Close are about.
func (a *arguments) object() (kind byte, name string) {
	if _, ok := a.byName["portal"]; ok {
		return 'P', a.text("portal")
	}
	return 'S', a.text("statement")
}

// encode appends the message of a send line to dst.
func (s step) encode(dst []byte, env environment) ([]byte, error) {
	if s.message == "Startup" {
		return s.encodeStartup(dst, env)
	}
	a := &arguments{byName: map[string]string{}}
	for _, arg := range s.args {
		if name, value, ok := strings.Cut(arg, "="); ok && !strings.HasPrefix(arg, `"`) {
			a.byName[name] = value
			continue
		}
		a.byName[""] = arg
	}
	var message pgproto3.FrontendMessage
	switch s.message {
	case "Query":
		message = &pgproto3.Query{String: a.text("")}
	case "Parse":
		parse := &pgproto3.Parse{Name: a.text("name"), Query: a.text("sql")}
		for _, oid := range a.list("types") {
			parse.ParameterOIDs = append(parse.ParameterOIDs, uint32(a.number(string(oid), 64)))
		}
		message = parse
	case "Bind":
		message = &pgproto3.Bind{DestinationPortal: a.text("portal"), PreparedStatement: a.text("statement"),
			ParameterFormatCodes: a.formats("formats"), Parameters: a.list("values"), ResultFormatCodes: a.formats("results")}
	case "Describe":
		kind, name := a.object()
		message = &pgproto3.Describe{ObjectType: kind, Name: name}
	case "Close":
		kind, name := a.object()
		message = &pgproto3.Close{ObjectType: kind, Name: name}
	case "Execute":
		execute := &pgproto3.Execute{Portal: a.text("portal")}
		if _, ok := a.byName["max"]; ok {
			execute.MaxRows = uint32(a.number(a.text("max"), 64))
		}
		message = execute
	case "FunctionCall":
		call := &pgproto3.FunctionCall{Function: uint32(a.number(a.text("function"), 64)), Arguments: a.list("values")}
		for _, code := range a.formats("formats") {
			call.ArgFormatCodes = append(call.ArgFormatCodes, uint16(code))
		}
		if _, ok := a.byName["result"]; ok {
			call.ResultFormatCode = uint16(a.number(a.text("result"), 16))
		}
		message = call
	case "Sync":
		message = &pgproto3.Sync{}
	case "Flush":
		message = &pgproto3.Flush{}
	case "Terminate":
		message = &pgproto3.Terminate{}
	case "CopyData":
		message = &pgproto3.CopyData{Data: []byte(a.text(""))}
	case "CopyDone":
		message = &pgproto3.CopyDone{}
	case "CopyFail":
		message = &pgproto3.CopyFail{Message: a.text("")}
	case "PasswordMessage":
		message = &pgproto3.PasswordMessage{Password: a.text("")}
	case "SSLRequest":
		message = &pgproto3.SSLRequest{}
	case "GSSENCRequest":
		message = &pgproto3.GSSEncRequest{}
	case "CancelRequest":
		dst = cancelRequest(dst, s.args, env)
		a.text("")
	case "Raw":
		dst = append(dst, a.text("")...)
	default:
		return nil, fmt.Errorf("there is no message %s to be sent", s.message)
	}
	if len(a.byName) != 0 {
		return nil, fmt.Errorf("%s does not know all of these arguments", s.message)
	}
	if a.err != nil || message == nil {
		return dst, a.err
	}
	return message.Encode(dst)
}

// encodeStartup keeps the order of the parameters, and those that come twice.
func (s step) encodeStartup(dst []byte, env environment) ([]byte, error) {
	version := "3.0"
	body := []byte{}
	given := map[string]bool{}
	for _, arg := range s.args {
		name, raw, _ := strings.Cut(arg, "=")
		value, err := unquote(raw)
		if err != nil {
			return nil, err
		}
		given[name] = true
		if name == "version" {
			version = value
			continue
		}
		body = append(append(append(append(body, name...), 0), value...), 0)
	}
	if !given["user"] {
		body = append(body, "user\x00"+env.user+"\x00"...)
	}
	if !given["database"] {
		body = append(body, "database\x00"+env.database+"\x00"...)
	}
	var major, minor uint16
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return nil, fmt.Errorf("version %q: want MAJOR.MINOR", version)
	}
	body = append(body, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+len(body)))
	dst = binary.BigEndian.AppendUint16(dst, major)
	return append(binary.BigEndian.AppendUint16(dst, minor), body...), nil
}

// cancelRequest is one for the client that args name, with a wrong secret if a second word says so.
func cancelRequest(dst []byte, args []string, env environment) []byte {
	key := make([]byte, 8)
	if env.key != nil && len(args) > 0 {
		key = append([]byte(nil), env.key(args[0])...)
	}
	if len(args) > 1 {
		key[len(key)-1] ^= 0xff
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(8+len(key)))
	return append(binary.BigEndian.AppendUint32(dst, codeCancel), key...)
}
