package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/portcullisdb/portcullis/e2e/conformance/suite"
)

// certificateLife is how long certificates are good for; a run is shorter.
const certificateLife = 24 * time.Hour

// makeCertificates writes an authority (ca.crt), a server certificate for localhost and 127.0.0.1 (server.crt, server.key)
// and for each name a client certificate (NAME.crt, NAME.key) into a folder.
func makeCertificates(dir string, names []string) (suite.Certificates, error) {
	now := time.Now()
	template := func(number int64, name string, usage x509.ExtKeyUsage) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-time.Minute), NotAfter: now.Add(certificateLife), KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	}
	authority := template(1, "conformance", x509.ExtKeyUsageAny)
	authority.IsCA, authority.BasicConstraintsValid = true, true
	authority.KeyUsage |= x509.KeyUsageCertSign
	authority.ExtKeyUsage = nil // OpenSSL takes "any" of an authority for none of a server's and a client's
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return suite.Certificates{}, err
	}
	if err := writeCertificate(filepath.Join(dir, "ca"), authority, authority, authorityKey, authorityKey); err != nil {
		return suite.Certificates{}, err
	}
	server := template(2, "localhost", x509.ExtKeyUsageServerAuth)
	server.DNSNames, server.IPAddresses = []string{"localhost"}, []net.IP{net.ParseIP(loopback)}
	issue := []*x509.Certificate{server}
	files := []string{"server"}
	for i, name := range names {
		issue = append(issue, template(int64(3+i), name, x509.ExtKeyUsageClientAuth))
		files = append(files, name)
	}
	for i, certificate := range issue {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return suite.Certificates{}, err
		}
		if err := writeCertificate(filepath.Join(dir, files[i]), certificate, authority, key, authorityKey); err != nil {
			return suite.Certificates{}, err
		}
	}
	return suite.Certificates{Cert: filepath.Join(dir, "server.crt"), Key: filepath.Join(dir, "server.key"),
		CA: filepath.Join(dir, "ca.crt")}, nil
}

// writeCertificate signs a certificate and writes it to path.crt and its key to path.key.
func writeCertificate(path string, certificate, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, certificate, parent, key.Public(), parentKey)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return err
	}
	return os.WriteFile(path+".key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}
