package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/portcullisdb/portcullis/config"
	"github.com/portcullisdb/portcullis/gateway/wire"
)

// loadTLS reads the certificate of the listener and the authorities of its clients; nil without listen.tls. Each load has
// session tickets of its own: who comes back after a reload shows his certificate again, and is shown the new one, which
// channel binding binds to.
func loadTLS(c *config.TLS) (*tls.Config, error) {
	if c == nil {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, fmt.Errorf("load the certificate of the listener: %w", err)
	}
	t := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12,
		NextProtos: []string{wire.ALPNProtocol}}
	if c.ClientCA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("load the authorities of client certificates: %w", err)
	}
	t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if c.ClientCert == "optional" {
		t.ClientAuth = tls.VerifyClientCertIfGiven
	}
	if !t.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("load the authorities of client certificates: %s holds none", c.ClientCA)
	}
	return t, nil
}
