package wire

import (
	"crypto"
	"crypto/x509"
)

// endPoint returns what channel binding of type tls-server-end-point binds to: EndPoint of the certificate that we have
// shown the client. It is nil without TLS.
func (c *Conn) endPoint() []byte {
	if c.certificate == nil {
		return nil
	}
	return EndPoint(c.certificate)
}

// EndPoint returns what channel binding of type tls-server-end-point binds to: a hash of the server's certificate. It is nil
// where the type is not defined: see endPointHash.
func EndPoint(certificate *x509.Certificate) []byte {
	hash := endPointHash(certificate.SignatureAlgorithm)
	if hash == 0 {
		return nil
	}
	h := hash.New()
	h.Write(certificate.Raw)
	return h.Sum(nil)
}

// endPointHash returns the hash that RFC 5929, section 4.1, gives for a certificate signed by an algorithm: that of its
// signature, but SHA-256 for MD5 and SHA-1. It is 0 for signatures without a hash of their own, such as Ed25519, for which
// the RFC leaves the binding undefined. PostgreSQL offers it for those too and then fails (be_tls_get_certificate_hash of
// src/backend/libpq/be-secure-openssl.c); we do not offer it.
func endPointHash(algorithm x509.SignatureAlgorithm) crypto.Hash {
	switch algorithm {
	case x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1,
		x509.SHA256WithRSA, x509.DSAWithSHA256, x509.ECDSAWithSHA256, x509.SHA256WithRSAPSS:
		return crypto.SHA256
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return crypto.SHA512
	}
	return 0
}
