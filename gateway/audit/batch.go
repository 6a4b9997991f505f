package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
)

// Limits of lines and batches. They bound the memory of Verify.
const (
	lineBytesMax   = 1 << 20
	batchBytesMax  = 1 << 20 // of a batch's events; the first event of a batch may be longer
	batchEventsMax = 1 << 8
	// batchLineBytesMax is more than a batch line has: 19 bytes for each event, and less than 300 beside.
	batchLineBytesMax = 32 * batchEventsMax
)

// digestBytes is the length of a line's digest in the batch line: the beginning of the line's SHA-256. It locates a
// change. That there is none is what the batch's hash, of full length, says.
const digestBytes = 8

const (
	seqHead       = `{"seq":`
	batchHead     = `,"kind":"batch","lines":[`
	hashHead      = `],"hash":"`
	signatureHead = `","signature":"`
	lineTail      = "\"}\n"
)

// batchContext separates signatures of batches from those of anchors and of other uses of the key.
const batchContext = "portcullis audit batch v1\n"

type (
	hash   [sha256.Size]byte
	digest [digestBytes]byte
)

// chain is a place in the log: the number and the hash of a batch line. The zero chain is the beginning.
type chain struct {
	seq  uint64
	hash hash
}

// digestOf returns the digest of one line, which includes its newline.
func digestOf(line []byte) digest {
	sum := sha256.Sum256(line)
	return digest(sum[:digestBytes])
}

// next returns the hash of the batch that has the given lines and follows c.
func (c chain) next(lines []byte) hash {
	h := sha256.New()
	h.Write(c.hash[:])
	h.Write(lines)
	var sum hash
	h.Sum(sum[:0])
	return sum
}

// batchLine is the content of the line that closes a batch.
type batchLine struct {
	seq     uint64
	digests []digest
	hash    hash
}

// first is the number of the batch's first line.
func (b *batchLine) first() uint64 { return b.seq - uint64(len(b.digests)) }

// appendTo appends the line, signed.
//
//	{"seq":3,"kind":"batch","lines":["0123456789abcdef",...],"hash":"...","signature":"..."}
//
// The signature is over batchContext and the line up to where `","signature"` begins.
func (b *batchLine) appendTo(dst []byte, key ed25519.PrivateKey) []byte {
	start := len(dst)
	dst = strconv.AppendUint(append(dst, seqHead...), b.seq, 10)
	dst = append(dst, batchHead...)
	for i := range b.digests {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(hex.AppendEncode(append(dst, '"'), b.digests[i][:]), '"')
	}
	dst = hex.AppendEncode(append(dst, hashHead...), b.hash[:])
	return appendSignature(dst, start, batchContext, key)
}

// appendSignature signs dst[start:] and closes the line.
func appendSignature(dst []byte, start int, context string, key ed25519.PrivateKey) []byte {
	message := append([]byte(context), dst[start:]...)
	dst = append(dst, signatureHead...)
	dst = hex.AppendEncode(dst, ed25519.Sign(key, message))
	return append(dst, lineTail...)
}

// signed returns the part of a line that its signature covers, if the signature is there, in the one form in which
// appendSignature writes it, and by this key.
func signed(line []byte, context string, key ed25519.PublicKey) ([]byte, bool) {
	const tailBytes = len(signatureHead) + 2*ed25519.SignatureSize + len(lineTail)
	if len(line) < tailBytes || !bytes.HasSuffix(line, []byte(lineTail)) {
		return nil, false
	}
	body, tail := line[:len(line)-tailBytes], line[len(line)-tailBytes:]
	if !bytes.HasPrefix(tail, []byte(signatureHead)) {
		return nil, false
	}
	text := tail[len(signatureHead) : len(tail)-len(lineTail)]
	var signature [ed25519.SignatureSize]byte
	if _, err := hex.Decode(signature[:], text); err != nil {
		return nil, false
	}
	if !bytes.Equal(hex.AppendEncode(nil, signature[:]), text) { // upper case would be a second form of the same line
		return nil, false
	}
	return body, ed25519.Verify(key, append([]byte(context), body...), signature[:])
}

// looksLikeBatch reports that a line begins as a batch line does. It costs little, so that lines of events are not
// taken for signed ones.
func looksLikeBatch(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte(seqHead))
	if !ok {
		return false
	}
	rest = bytes.TrimLeft(rest, "0123456789")
	return bytes.HasPrefix(rest, []byte(batchHead))
}

// parseBatch reads a batch line whose signature holds. Everything it returns was written by the holder of the key.
func parseBatch(line []byte, key ed25519.PublicKey) (*batchLine, bool) {
	if !looksLikeBatch(line) {
		return nil, false
	}
	body, ok := signed(line, batchContext, key)
	if !ok {
		return nil, false
	}
	var content struct {
		Seq   uint64
		Lines []string
		Hash  string
	}
	if err := json.Unmarshal(append(bytes.Clone(body), `"}`...), &content); err != nil {
		return nil, false
	}
	b := &batchLine{seq: content.Seq, digests: make([]digest, len(content.Lines))}
	for i, text := range content.Lines {
		if !decodeHex(b.digests[i][:], text) {
			return nil, false
		}
	}
	// A batch has lines, and its numbers begin at 1 at the earliest.
	return b, decodeHex(b.hash[:], content.Hash) && len(b.digests) > 0 && b.seq > uint64(len(b.digests))
}

// decodeHex fills dst from text of exactly twice its length.
func decodeHex(dst []byte, text string) bool {
	if len(text) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, []byte(text))
	return err == nil
}

// seqOf reads the number at the beginning of a line.
func seqOf(line []byte) (uint64, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(seqHead))
	if !ok {
		return 0, false
	}
	digits := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	return seq, err == nil
}
