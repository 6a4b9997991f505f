package datum

import "encoding/hex"

const uuidSize = 16

// parseUUID is string_to_uuid of src/backend/utils/adt/uuid.c: 32 hexadecimal digits, a dash allowed after every fourth,
// braces allowed around, no blanks.
func parseUUID(dst, text []byte) ([]byte, error) {
	if len(text) >= 2 && text[0] == '{' {
		if text[len(text)-1] != '}' {
			return nil, failSyntax("uuid")
		}
		text = text[1 : len(text)-1]
	}
	var id [uuidSize]byte
	for i := range id {
		if len(text) < 2 {
			return nil, failSyntax("uuid")
		}
		if _, err := hex.Decode(id[i:i+1], text[:2]); err != nil {
			return nil, failSyntax("uuid")
		}
		text = text[2:]
		if i%2 == 1 && i < uuidSize-1 && len(text) > 0 && text[0] == '-' {
			text = text[1:]
		}
	}
	if len(text) > 0 {
		return nil, failSyntax("uuid")
	}
	return append(dst, id[:]...), nil
}

func appendUUID(dst, value []byte) []byte {
	for i, c := range value {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, []byte{c})
	}
	return dst
}
