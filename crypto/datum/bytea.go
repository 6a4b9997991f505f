package datum

import "encoding/hex"

// parseBytea is byteain of src/backend/utils/adt/varlena.c (bytea.c since 19): hexadecimal after "\x", else the escape format.
func parseBytea(dst, text []byte) ([]byte, error) {
	if len(text) >= 2 && text[0] == '\\' && text[1] == 'x' {
		return parseByteaHex(dst, text[2:])
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '\\':
			dst = append(dst, text[i])
		case i+1 < len(text) && text[i+1] == '\\':
			dst = append(dst, '\\')
			i++
		case i+3 < len(text) && text[i+1] >= '0' && text[i+1] <= '3' && isOctal(text[i+2]) && isOctal(text[i+3]):
			dst = append(dst, (text[i+1]-'0')<<6|(text[i+2]-'0')<<3|(text[i+3]-'0'))
			i += 3
		default:
			return nil, failSyntax("bytea")
		}
	}
	return dst, nil
}

// parseByteaHex is hex_decode of src/backend/utils/adt/encode.c: blanks are allowed between bytes.
func parseByteaHex(dst, text []byte) ([]byte, error) {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == ' ' || c == '\n' || c == '\t' || c == '\r' {
			continue
		}
		high, ok := hexDigit(text[i])
		if !ok {
			return nil, fail(codeParameterValue, "invalid hexadecimal digit")
		}
		if i++; i == len(text) {
			return nil, fail(codeParameterValue, "invalid hexadecimal data: odd number of digits")
		}
		low, ok := hexDigit(text[i])
		if !ok {
			return nil, fail(codeParameterValue, "invalid hexadecimal digit")
		}
		dst = append(dst, high<<4|low)
	}
	return dst, nil
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

func hexDigit(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10, true
	}
	return 0, false
}

func appendBytea(dst, value []byte, escape bool) []byte {
	if !escape {
		return hex.AppendEncode(append(dst, `\x`...), value)
	}
	for _, c := range value {
		switch {
		case c == '\\':
			dst = append(dst, `\\`...)
		case c < 0x20 || c > 0x7e:
			dst = append(dst, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
