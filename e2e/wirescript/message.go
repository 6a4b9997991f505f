package wirescript

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A Message is one that a server sends. The body is without type and length.
type Message struct {
	Type byte
	Body []byte
}

// names are the messages' names as the protocol's documentation has them.
var names = map[byte]string{
	'1': "ParseComplete", '2': "BindComplete", '3': "CloseComplete", 'A': "NotificationResponse", 'C': "CommandComplete",
	'D': "DataRow", 'E': "ErrorResponse", 'G': "CopyInResponse", 'H': "CopyOutResponse", 'I': "EmptyQueryResponse",
	'K': "BackendKeyData", 'N': "NoticeResponse", 'R': "Authentication", 'S': "ParameterStatus", 'T': "RowDescription",
	'V': "FunctionCallResponse", 'W': "CopyBothResponse", 'Z': "ReadyForQuery", 'c': "CopyDone", 'd': "CopyData",
	'n': "NoData", 's': "PortalSuspended", 't': "ParameterDescription", 'v': "NegotiateProtocolVersion",
}

// authentications are the names of the requests behind "Authentication", by their codes.
var authentications = map[uint32]string{0: "Ok", 3: "CleartextPassword", 5: "MD5Password", 10: "SASL", 11: "SASLContinue",
	12: "SASLFinal"}

// Name is the message's name as the protocol's documentation has it.
func (m Message) Name() string {
	name := names[m.Type]
	if m.Type == 'R' && len(m.Body) >= 4 {
		name += authentications[binary.BigEndian.Uint32(m.Body)]
	}
	if name == "" {
		return strconv.Quote(string(m.Type))
	}
	return name
}

// Expect is the line of a script that expects this message.
func (m Message) Expect() string {
	line := "expect " + m.Name()
	if m.Type == 'E' || m.Type == 'N' {
		for _, f := range fields(m.Body) {
			if strings.ContainsRune("SCMDHPncts", rune(f.letter)) {
				line += " " + string(f.letter) + "=" + quote(f.text)
			}
		}
		return line
	}
	for _, arg := range m.args() {
		line += " " + arg
	}
	return line
}

// args are the arguments that fit the message, as a script writes them.
func (m Message) args() []string {
	var list []string
	switch m.Type {
	case 'T':
		for _, f := range m.columns() {
			list = append(list, fmt.Sprintf("%s:%d:%d", quote(string(f.Name)), f.DataTypeOID, f.Format))
		}
		return list
	}
	for _, text := range m.texts() {
		list = append(list, quote(text))
	}
	return list
}

// texts are the arguments that fit the message without quotes, null among them, but for messages of columns and fields.
func (m Message) texts() []string {
	var list []string
	switch m.Type {
	case 'Z':
		return []string{string(m.Body)}
	case 'C':
		return []string{string(bytes.TrimSuffix(m.Body, []byte{0}))}
	case 't':
		var described pgproto3.ParameterDescription
		if described.Decode(m.Body) == nil {
			for _, oid := range described.ParameterOIDs {
				list = append(list, strconv.Itoa(int(oid)))
			}
		}
	case 'D':
		var row pgproto3.DataRow
		if row.Decode(m.Body) == nil {
			for _, v := range row.Values {
				list = append(list, valueText(v))
			}
		}
	case 'V':
		var answer pgproto3.FunctionCallResponse
		if answer.Decode(m.Body) == nil {
			return []string{valueText(answer.Result)}
		}
	case 'G', 'H', 'W':
		if len(m.Body) >= 3 {
			list = append(list, strconv.Itoa(int(m.Body[0])))
			for formats := m.Body[3:]; len(formats) >= 2; formats = formats[2:] {
				list = append(list, strconv.Itoa(int(binary.BigEndian.Uint16(formats))))
			}
		}
	case 'd':
		return []string{string(m.Body)}
	case 'S':
		name, value, _ := strings.Cut(string(m.Body), "\x00")
		return []string{name, strings.TrimSuffix(value, "\x00")}
	case 'A':
		if len(m.Body) >= 4 {
			channel, payload, _ := strings.Cut(string(m.Body[4:]), "\x00")
			return []string{channel, strings.TrimSuffix(payload, "\x00")}
		}
	case 'v':
		if len(m.Body) >= 8 {
			list = append(list, strconv.Itoa(int(binary.BigEndian.Uint32(m.Body))))
			for _, option := range strings.Split(string(m.Body[8:]), "\x00") {
				if option != "" {
					list = append(list, option)
				}
			}
		}
	}
	return list
}

func valueText(value []byte) string {
	if value == nil {
		return null
	}
	return string(value)
}

func (m Message) columns() []pgproto3.FieldDescription {
	var description pgproto3.RowDescription
	if description.Decode(m.Body) != nil {
		return nil
	}
	return description.Fields
}

// field is one of ErrorResponse and NoticeResponse.
type field struct {
	letter byte
	text   string
}

func fields(body []byte) (list []field) {
	for len(body) > 1 {
		end := bytes.IndexByte(body[1:], 0)
		if end < 0 {
			break
		}
		list = append(list, field{body[0], string(body[1 : 1+end])})
		body = body[end+2:]
	}
	return list
}

// fieldLetters are those of PostgreSQL's documentation, "Error and Notice Message Fields".
const fieldLetters = "SVCMDHPpqWstcdnFLR"

// compare holds the arguments of an expect line against a message of the right type. m comes back with what may be
// anything taken out of it.
func (s step) compare(m Message) (Message, error) {
	switch m.Type {
	case 'E', 'N':
		return m, s.compareFields(m)
	case 'T':
		return m, s.compareColumns(m)
	}
	if len(s.args) == 0 && m.Type != 'D' && m.Type != 't' {
		return m, nil
	}
	want := make([]string, 0, len(s.args))
	for _, arg := range s.args {
		text, err := unquote(arg)
		if err != nil {
			return m, err
		}
		want = append(want, text)
	}
	got := m.texts()
	if err := same(want, got); err != nil {
		return m, err
	}
	return m.mask(want), nil
}

// same compares texts, of which those that are wanted may be anything.
func same(want, got []string) error {
	equal := len(want) == len(got)
	for i := range want {
		equal = equal && (want[i] == got[i] || want[i] == anything)
	}
	if !equal {
		return fmt.Errorf("want %q, got %q", want, got)
	}
	return nil
}

// mask takes the values out of a row that may be anything.
func (m Message) mask(want []string) Message {
	if m.Type == 'V' && len(want) == 1 && want[0] == anything {
		return Message{m.Type, nil}
	}
	var row pgproto3.DataRow
	if m.Type != 'D' || row.Decode(m.Body) != nil {
		return m
	}
	masked := false
	for i := range want {
		if want[i] == anything {
			row.Values[i] = []byte("_")
			masked = true
		}
	}
	if !masked {
		return m
	}
	body, err := row.Encode(nil)
	if err != nil {
		return m
	}
	return Message{m.Type, body[5:]}
}

func (s step) compareFields(m Message) error {
	got := map[string]string{}
	for _, f := range fields(m.Body) {
		got[string(f.letter)] = f.text
	}
	for _, arg := range s.args {
		letter, raw, _ := strings.Cut(arg, "=")
		want, err := unquote(raw)
		if err != nil {
			return err
		}
		if len(letter) != 1 || !strings.Contains(fieldLetters, letter) {
			return fmt.Errorf("field %q is not known here", letter)
		}
		if want != got[letter] && want != anything {
			return fmt.Errorf("field %s: want %q, got %q", letter, want, got[letter])
		}
	}
	return nil
}

func (s step) compareColumns(m Message) error {
	columns := m.columns()
	if len(s.args) != len(columns) {
		return fmt.Errorf("want %d columns, got %d", len(s.args), len(columns))
	}
	for i, c := range columns {
		parts, err := cut(s.args[i], ':')
		if err != nil {
			return err
		}
		got := []string{string(c.Name), fmt.Sprint(c.DataTypeOID), fmt.Sprint(c.Format)}
		if len(parts) > len(got) {
			return fmt.Errorf("column %d: want name:type:format", i+1)
		}
		var want []string
		for _, part := range parts {
			text, err := unquote(part)
			if err != nil {
				return err
			}
			want = append(want, text)
		}
		if err := same(want, got[:len(want)]); err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
	}
	return nil
}

// text tells what came, for people.
func (m Message) text() string {
	if m.Type == 0 {
		return "nothing"
	}
	if m.Type == 'E' || m.Type == 'N' {
		line := m.Name()
		for _, f := range fields(m.Body) {
			line += " " + string(f.letter) + "=" + quote(f.text)
		}
		return line
	}
	return strings.Join(append([]string{m.Name()}, m.args()...), " ")
}

var errFrame = errors.New("the server's frame has an impossible length")
