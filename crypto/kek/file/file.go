package file

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tink-crypto/tink-go/v2/aead/aesgcm"
	"github.com/tink-crypto/tink-go/v2/insecuresecretdataaccess"
	"github.com/tink-crypto/tink-go/v2/secretdata"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/portcullisdb/portcullis/crypto/kek"
)

// KEK is an AES-256-GCM key from a file.
//
// The file holds one line: "portcullis-kek-1:" and the base64 (RFC 4648, section 4) of 32 key bytes and 4 check bytes,
// the first of SHA-256 over the prefix and the key. Wrapped bytes are: version 1 (1 B) | KEK id (4 B) | nonce (12 B) |
// ciphertext | tag (16 B). The KEK id is a digest of the key, so that a keyset which was wrapped by another file is told
// from a damaged one. Version and KEK id are authenticated before the caller's associated data.
type KEK struct {
	aead tink.AEAD
	id   [idSize]byte
}

var _ kek.KEK = (*KEK)(nil)

const (
	prefix       = "portcullis-kek-1:"
	keySize      = 32
	checkSize    = 4
	fileSizeMax  = 256
	version      = 1
	idSize       = 4
	headerSize   = 1 + idSize
	modeOfKey    = fs.FileMode(0o600)
	modeOfOthers = fs.FileMode(0o077)
)

// Errors of Create and Open. They hold the path at most.
var (
	ErrExists    = errors.New("key file exists already")
	ErrNotFile   = errors.New("key file is not a regular file (symbolic links are not followed)")
	ErrMode      = errors.New("key file is readable or writable by group or others, must be 0600 or 0400")
	ErrOwner     = errors.New("key file belongs to another user")
	ErrMalformed = errors.New("key file is malformed")
)

// Create draws a key from random and writes it to a new file with mode 0600. It returns ErrExists, and leaves the file
// alone, if there is one at path. The file and its folder are synced before it returns.
func Create(path string, random io.Reader) error {
	key := make([]byte, keySize, keySize+checkSize)
	defer clear(key[:cap(key)])
	if _, err := io.ReadFull(random, key); err != nil {
		return fmt.Errorf("draw a key for %q: %w", path, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, modeOfKey)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create key file %q: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("create key file: %w", err)
	}
	text := prefix + base64.StdEncoding.EncodeToString(append(key, check(key)...)) + "\n"
	if err := writeAndSync(f, text); err != nil {
		os.Remove(path) // of our own making, and of no use
		return fmt.Errorf("write key file: %w", err)
	}
	return nil
}

func writeAndSync(f *os.File, text string) error {
	_, err := f.WriteString(text)
	err = errors.Join(err, f.Chmod(modeOfKey), f.Sync(), f.Close())
	folder, openErr := os.Open(filepath.Dir(f.Name()))
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	return errors.Join(err, folder.Sync(), folder.Close())
}

// Open reads the key. It returns ErrNotFile for a symbolic link, device or folder, ErrMode for a file that group or
// others may read or write, ErrOwner for one that belongs neither to the process's user nor to root, ErrMalformed for one
// with other contents, and the error of the operating system (fs.ErrNotExist) if there is none.
func Open(path string) (*KEK, error) {
	key, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("open key file %q: %w", path, err)
	}
	defer clear(key)
	return newKEK(key)
}

func read(path string) ([]byte, error) {
	// O_NONBLOCK: opening a FIFO must not wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, ErrNotFile
	}
	if pathErr := (*fs.PathError)(nil); errors.As(err, &pathErr) {
		return nil, pathErr.Err
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// What is checked is the open file, not the path, which may mean another file by now.
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrNotFile
	}
	if info.Mode().Perm()&modeOfOthers != 0 {
		return nil, ErrMode
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return nil, ErrOwner
	}
	text := make([]byte, fileSizeMax)
	defer clear(text)
	n, err := io.ReadFull(f, text)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, ErrMalformed // empty, or longer than any key file
	}
	return parse(string(text[:n]))
}

func parse(text string) ([]byte, error) {
	encoded, ok := strings.CutPrefix(strings.TrimSuffix(text, "\n"), prefix)
	if !ok {
		return nil, ErrMalformed
	}
	decoded, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || len(decoded) != keySize+checkSize {
		return nil, ErrMalformed
	}
	key := decoded[:keySize]
	if subtle.ConstantTimeCompare(check(key), decoded[keySize:]) != 1 {
		return nil, ErrMalformed
	}
	return key, nil
}

func check(key []byte) []byte {
	h := sha256.New()
	h.Write([]byte(prefix))
	h.Write(key)
	return h.Sum(nil)[:checkSize]
}

func newKEK(key []byte) (*KEK, error) {
	parameters, err := aesgcm.NewParameters(aesgcm.ParametersOpts{KeySizeInBytes: keySize, IVSizeInBytes: 12,
		TagSizeInBytes: 16, Variant: aesgcm.VariantNoPrefix})
	if err != nil {
		return nil, fmt.Errorf("choose AES-256-GCM: %w", err)
	}
	tinkKey, err := aesgcm.NewKey(secretdata.NewBytesFromData(key, insecuresecretdataaccess.Token{}), 0, parameters)
	if err != nil {
		return nil, fmt.Errorf("make AES-256-GCM key: %w", err)
	}
	aead, err := aesgcm.NewAEAD(tinkKey)
	if err != nil {
		return nil, fmt.Errorf("make AES-256-GCM: %w", err)
	}
	digest := sha256.Sum256(append([]byte("portcullis-kek-id-1:"), key...))
	return &KEK{aead: aead, id: [idSize]byte(digest[:])}, nil
}

// Wrap implements kek.KEK. It does not use the context.
func (k *KEK) Wrap(_ context.Context, plaintext, associatedData []byte) ([]byte, error) {
	header := append([]byte{version}, k.id[:]...)
	ciphertext, err := k.aead.Encrypt(plaintext, append(header, associatedData...))
	if err != nil {
		return nil, fmt.Errorf("wrap: %w", err)
	}
	return append(header, ciphertext...), nil
}

// Unwrap implements kek.KEK. It does not use the context.
func (k *KEK) Unwrap(_ context.Context, wrapped, associatedData []byte) ([]byte, error) {
	if len(wrapped) < headerSize || wrapped[0] != version {
		return nil, kek.ErrUnwrap
	}
	header, ciphertext := wrapped[:headerSize:headerSize], wrapped[headerSize:]
	if [idSize]byte(header[1:]) != k.id {
		return nil, kek.ErrOtherKEK
	}
	plaintext, err := k.aead.Decrypt(ciphertext, append(header, associatedData...))
	if err != nil {
		return nil, kek.ErrUnwrap
	}
	return plaintext, nil
}

// String names the kind of KEK and its id; it shows nothing of the key.
func (k *KEK) String() string { return fmt.Sprintf("file KEK %x", k.id) }

// Format prints what String returns, whatever the verb: the fields hold the key.
func (k *KEK) Format(s fmt.State, _ rune) { io.WriteString(s, k.String()) }
