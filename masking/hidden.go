package masking

import (
	"bytes"
	"unicode/utf8"
)

// The two texts that stand for a value as a whole. The second one is for values that are the first.
const (
	hiddenText      = "xxxx"
	hiddenOtherText = "****"
)

// appendHidden appends what stands for a whole value: never the value itself.
func (o Options) appendHidden(dst, text []byte) []byte {
	start := len(dst)
	dst = o.cut(append(dst, hiddenText...), start)
	if bytes.Equal(dst[start:], text) {
		dst = o.cut(append(dst[:start], hiddenOtherText...), start)
	}
	return dst
}

// appendUnmaskable appends what the options want for a value in which a mask finds nothing to replace.
func (o Options) appendUnmaskable(dst, text []byte) []byte {
	if o.OnUnmaskable == ShardingSphere {
		return append(dst, text...)
	}
	return o.appendHidden(dst, text)
}

// isUnchanged reports that a result, which starts at dst[start], is the value itself and must not be.
func (o Options) isUnchanged(dst []byte, start int, text []byte) bool {
	return o.OnUnmaskable != ShardingSphere && bytes.Equal(dst[start:], text)
}

// cut shortens a result, which starts at dst[start], to LengthMax code points.
func (o Options) cut(dst []byte, start int) []byte {
	if o.LengthMax <= 0 || len(dst)-start <= o.LengthMax {
		return dst
	}
	end := start
	for range o.LengthMax {
		if end == len(dst) {
			break
		}
		_, size := utf8.DecodeRune(dst[end:])
		end += size
	}
	return dst[:end]
}
