package audit

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	privateKeyBlock = "PRIVATE KEY" // RFC 7468, section 10; the key is PKCS #8 (RFC 8410)
	publicKeyBlock  = "PUBLIC KEY"  // RFC 7468, section 13
	keyFileBytesMax = 16 << 10
)

// ErrKeyFile is returned, wrapped in the reason, for a key file that is not safe or not an Ed25519 key.
var ErrKeyFile = errors.New("unusable audit key file")

// CreateSigningKey draws a key and writes it to path (PKCS #8 in PEM, mode 0600) and its public half to path + ".pub"
// (mode 0644). It overwrites nothing: an error satisfies errors.Is(err, fs.ErrExist) if either file is there.
func CreateSigningKey(path string, random io.Reader) (ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("draw the signing key: %w", err)
	}
	privateDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("encode the signing key: %w", err)
	}
	publicDER, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("encode the public key: %w", err)
	}
	if err := writeNew(path, privateKeyBlock, privateDER, 0o600); err != nil {
		return nil, err
	}
	if err := writeNew(path+".pub", publicKeyBlock, publicDER, 0o644); err != nil {
		return nil, err
	}
	return private, nil
}

// ReadSigningKey reads what CreateSigningKey, or `openssl genpkey -algorithm ed25519`, wrote. It returns ErrKeyFile if
// others than the owner may read or write the file.
func ReadSigningKey(path string) (ed25519.PrivateKey, error) {
	block, mode, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	return signingKey(path, block, mode)
}

// ReadPublicKey reads the key that Verify takes, from its own file or from that of the signing key.
func ReadPublicKey(path string) (ed25519.PublicKey, error) {
	block, mode, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	if block.Type == privateKeyBlock {
		private, err := signingKey(path, block, mode)
		if err != nil {
			return nil, err
		}
		return private.Public().(ed25519.PublicKey), nil
	}
	if block.Type != publicKeyBlock {
		return nil, fmt.Errorf("%w: %s holds no PEM block %q", ErrKeyFile, path, publicKeyBlock)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKeyFile, path, err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s holds no Ed25519 key", ErrKeyFile, path)
	}
	return public, nil
}

func signingKey(path string, block *pem.Block, mode os.FileMode) (ed25519.PrivateKey, error) {
	if block.Type != privateKeyBlock {
		return nil, fmt.Errorf("%w: %s holds no PEM block %q", ErrKeyFile, path, privateKeyBlock)
	}
	if mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o, and others than its owner may not have access: chmod 600", ErrKeyFile,
			path, mode.Perm())
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not a PKCS #8 key", ErrKeyFile, path) // err could quote the key
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: %s holds no Ed25519 key", ErrKeyFile, path)
	}
	return private, nil
}

func writeNew(path, block string, der []byte, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(file, &pem.Block{Type: block, Bytes: der}), file.Sync(), file.Close())
}

func readPEM(path string) (*pem.Block, os.FileMode, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	content, err := io.ReadAll(io.LimitReader(file, keyFileBytesMax))
	if err != nil {
		return nil, 0, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, 0, fmt.Errorf("%w: %s holds no PEM block", ErrKeyFile, path)
	}
	return block, info.Mode(), nil
}
