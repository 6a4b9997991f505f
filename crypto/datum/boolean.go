package datum

import "strings"

// parseBoolean is boolin and parse_bool_with_len of src/backend/utils/adt/bool.c: any unambiguous beginning of true,
// false, yes, no, on, off, in any case, or 1 or 0.
func parseBoolean(dst, text []byte) ([]byte, error) {
	text = trimSpace(text)
	if len(text) > 0 && len(text) <= len("false") {
		word := strings.ToLower(string(text))
		switch {
		case strings.HasPrefix("true", word), strings.HasPrefix("yes", word), word == "on", word == "1":
			return append(dst, 1), nil
		case strings.HasPrefix("false", word), strings.HasPrefix("no", word), word == "of", word == "off", word == "0":
			return append(dst, 0), nil
		}
	}
	return nil, failSyntax("boolean")
}

// receiveBoolean is boolrecv: any byte but 0 is true.
func receiveBoolean(dst, binary []byte) ([]byte, error) {
	if len(binary) == 0 {
		return nil, fail(codeProtocol, "no data left in message")
	}
	if len(binary) != 1 {
		return nil, failLength(len(binary), 1)
	}
	if binary[0] == 0 {
		return append(dst, 0), nil
	}
	return append(dst, 1), nil
}

func appendBoolean(dst, value []byte) []byte {
	if value[0] != 0 {
		return append(dst, 't')
	}
	return append(dst, 'f')
}
