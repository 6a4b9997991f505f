package session

import (
	"strings"
	"unicode/utf8"

	"github.com/portcullisdb/portcullis/gateway/wire"
	"github.com/portcullisdb/portcullis/rewrite"
	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// actSettingCalls answers set_config and current_setting, in order (src/backend/utils/misc/guc.c, set_config_by_name and
// show_config_by_name).
func (s *Session) actSettingCalls(out *wire.Output, p *portal, simple bool) *sqlstate.Error {
	s.enter()
	values := make([]*string, len(p.plan.Columns))
	for i := range p.plan.Session.Calls {
		var err *sqlstate.Error
		if values[i], err = s.settingCall(p, &p.plan.Session.Calls[i]); err != nil {
			return err
		}
	}
	if simple {
		rowDescription(out, p.plan.Columns, p.formats)
	}
	row := out.DataRow(len(values))
	for _, v := range values {
		if v == nil {
			row.Null()
		} else {
			row.Value([]byte(*v))
		}
	}
	row.Finish()
	return nil
}

func (s *Session) settingCall(p *portal, c *rewrite.SettingCall) (*string, *sqlstate.Error) {
	var arguments [3]*string
	for i := range c.Arguments {
		var err *sqlstate.Error
		if arguments[i], err = callArgument(p, &c.Arguments[i]); err != nil {
			return nil, err
		}
	}
	name, flag := arguments[0], arguments[len(c.Arguments)-1]
	if c.Function == "current_setting" {
		if name == nil || len(c.Arguments) == 2 && flag == nil {
			return nil, nil // it is strict
		}
		value, ok := s.showValue(*name)
		switch {
		case ok:
			return &value, nil
		case len(c.Arguments) == 2 && *flag == "on":
			return nil, nil
		}
		return nil, unknownByCall()
	}
	if name == nil {
		return nil, sqlstate.New(sqlstate.NullValueNotAllowed, "SET requires parameter name")
	}
	local := flag != nil && *flag == "on"
	var err *sqlstate.Error
	switch {
	case strings.EqualFold(*name, "role"), strings.EqualFold(*name, "session_authorization"):
		err = sqlstate.New(sqlstate.InsufficientPrivilege, "the user of a session may not be changed").
			WithRule("identity").WithHint("Connect as the other user.")
		s.recordFailure(p.statement.parsed, nil, nil, err)
	case isMode(*name):
		var words []string
		if arguments[1] != nil {
			words = []string{*arguments[1]}
		}
		err = s.setMode(*name, words)
	default:
		if err = s.settings.SetText(*name, arguments[1], local); err != nil && findSetting(*name) == nil {
			return nil, unknownByCall()
		}
	}
	if err != nil {
		return nil, err
	}
	value, _ := s.showValue(*name)
	return &value, nil
}

// unknownByCall is unknownSetting without the name, which is a value here.
func unknownByCall() *sqlstate.Error {
	return sqlstate.New(sqlstate.UndefinedObject, "unrecognized configuration parameter")
}

// callArgument returns the text of an argument, of a boolean "on" or "off"; nil is NULL.
func callArgument(p *portal, a *rewrite.Argument) (*string, *sqlstate.Error) {
	var text string
	format := int16(wire.FormatText)
	switch {
	case a.Boolean:
		text = onOff(a.Value)
	case a.Source.Kind == rewrite.FromNull:
		return nil, nil
	case a.Source.Kind == rewrite.FromConstant:
		text = p.statement.parsed.Literals[a.Source.Index].Value
	case a.Source.Kind == rewrite.FromParam:
		v := p.params[a.Source.Index]
		if v == nil {
			return nil, nil
		}
		text = string(v)
		switch len(p.paramFormats) {
		case 0:
		case 1:
			format = p.paramFormats[0]
		default:
			format = p.paramFormats[a.Source.Index]
		}
	}
	const oidBool = 16
	if a.TypeOID != oidBool {
		return &text, validText(text)
	}
	if format == wire.FormatBinary {
		text = onOff(text == "\x01")
	}
	text, ok := boolean(text)
	if !ok {
		return nil, sqlstate.New(sqlstate.InvalidTextRepresentation, "invalid input syntax for type boolean")
	}
	return &text, nil
}

func validText(text string) *sqlstate.Error {
	if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return sqlstate.New(sqlstate.CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
	}
	return nil
}
