package datum

import (
	"strconv"
	"unicode/utf8"
)

// assignVarchar is varchar(value, typmod, false) of src/backend/utils/adt/varchar.c: characters are counted, and what is
// too long may be cut if it is blanks.
func assignVarchar(dst, value []byte, limit int) ([]byte, error) {
	if len(value) <= limit || utf8.RuneCount(value) <= limit {
		return append(dst, value...), nil
	}
	end := 0
	for range limit {
		_, size := utf8.DecodeRune(value[end:])
		end += size
	}
	for _, c := range value[end:] {
		if c != ' ' {
			return nil, fail(codeTooLong, "value too long for type character varying("+strconv.Itoa(limit)+")")
		}
	}
	return append(dst, value[:end]...), nil
}
