package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/portcullisdb/portcullis/rewrite/sqlstate"
)

// The codes that stand where the protocol's version does (src/include/libpq/pqcomm.h).
const (
	protocolMajor     = 3
	protocolMinor     = 0 // the newest minor version that is spoken here
	codeCancelRequest = 1234<<16 | 5678
	codeSSLRequest    = 1234<<16 | 5679
	codeGSSENCRequest = 1234<<16 | 5680
)

// nameBytesMax is NAMEDATALEN - 1 of PostgreSQL: longer names of users and databases are cut.
const nameBytesMax = 63

// protocolOptionPrefix marks startup parameters that are options of the protocol itself.
const protocolOptionPrefix = "_pq_."

// ALPNProtocol is the name of PostgreSQL's protocol in TLS, which libpq 17 and later ask for, and must get where TLS starts
// without SSLRequest (src/include/libpq/pqcomm.h, PG_ALPN_PROTOCOL).
const ALPNProtocol = "postgresql"

// Startup is what a client said before it was authenticated.
type Startup struct {
	// Cancel is set if the connection asks to cancel another one's statement; nothing else is set then. The caller does
	// it and closes the connection without an answer.
	Cancel *CancelKey
	// User is never empty. Database is User's name if the client named none. Both are cut to 63 bytes, as PostgreSQL does.
	User, Database string
	// Parameters are the other ones: options, replication, application_name, client_encoding, settings.
	Parameters map[string]string
}

// CancelKey is what BackendKeyData told a client about its session.
type CancelKey struct {
	PID    uint32
	Secret []byte
}

// AwaitStartup waits for the first bytes of a client, which the ReadStartup after it reads, and tells whether they begin a
// cancel request in clear. Errors: those of Read.
func (c *Conn) AwaitStartup(ctx context.Context) (cancel bool, err error) {
	if err := c.await(ctx, frameBytesMin); err != nil {
		return false, err
	}
	if binary.BigEndian.Uint32(c.in[c.r:]) < startupBytesMin {
		return false, nil // no more may come
	}
	if err := c.await(ctx, startupBytesMin); err != nil {
		return false, err
	}
	return binary.BigEndian.Uint32(c.in[c.r+frameBytesMin:]) == codeCancelRequest, nil
}

// ReadStartup does what stands before authentication: SSLRequest, answered by TLS or, if config is nil, by 'N';
// GSSENCRequest, answered by 'N'; then StartupMessage or CancelRequest. A minor version or an option of the protocol
// that is not spoken here is answered by NegotiateProtocolVersion, which waits in Out for the caller's next Flush.
//
// Errors: those of Read; ErrTLSHandshake; ErrStartupPacket, which PostgreSQL does not answer; and *sqlstate.Error, which the
// caller sends as FATAL. Data that came unencrypted behind an SSLRequest or GSSENCRequest is 08P01, as since
// CVE-2021-23222: it may be another one's.
func (c *Conn) ReadStartup(ctx context.Context, config *tls.Config) (*Startup, error) {
	c.frontend = true
	sslDone, err := c.startDirectTLS(ctx, config)
	if err != nil {
		return nil, err
	}
	gssDone := sslDone
	for {
		packet, err := c.readStartupPacket(ctx)
		if err != nil {
			return nil, err
		}
		code := binary.BigEndian.Uint32(packet)
		switch {
		case code == codeCancelRequest:
			return decodeCancelRequest(packet)
		case code == codeSSLRequest && !sslDone:
			sslDone = true
			if err := c.answerSSLRequest(ctx, config); err != nil {
				return nil, err
			}
			gssDone = gssDone || c.secure.Load() != nil // within TLS there is no other encryption
		case code == codeGSSENCRequest && !gssDone:
			gssDone = true
			if err := c.refuseEncryption(ctx, "GSSAPI encryption request"); err != nil {
				return nil, err
			}
		default:
			return c.decodeStartup(packet)
		}
	}
}

// ErrStartupPacket means that what came is no startup packet: most likely another protocol. PostgreSQL logs it and closes the
// connection without an answer (COMMERROR in src/backend/postmaster/postmaster.c).
var ErrStartupPacket = errors.New("no startup packet")

// ErrTLSHandshake means that TLS could not be agreed on, or that the client's certificate was refused. TLS itself has told
// the client.
var ErrTLSHandshake = errors.New("TLS handshake")

// readStartupPacket reads a packet without a type. The result holds the code and what follows, until the next read.
func (c *Conn) readStartupPacket(ctx context.Context) ([]byte, error) {
	if err := c.await(ctx, 4); err != nil {
		return nil, err
	}
	length := binary.BigEndian.Uint32(c.in[c.r:])
	if length < startupBytesMin || int64(length)-frameBytesMin > int64(c.limits.StartupBytes) {
		return nil, fmt.Errorf("%w: invalid length of startup packet", ErrStartupPacket)
	}
	if err := c.await(ctx, int(length)); err != nil {
		return nil, err
	}
	packet := c.in[c.r+4 : c.r+int(length) : c.r+int(length)]
	c.r += int(length)
	return packet, nil
}

// startupBytesMin is the least that a startup packet takes: its length and its code.
const startupBytesMin = 8

// await reads until n bytes are buffered.
func (c *Conn) await(ctx context.Context, n int) error {
	for c.w-c.r < n {
		if err := c.readEnd.apply(ctx); err != nil {
			return err
		}
		if err := c.fill(n); err != nil {
			return c.readError(err)
		}
	}
	return nil
}

// startDirectTLS starts TLS if the first byte is that of a TLS handshake: libpq 17 and later with sslnegotiation=direct.
// The client must then ask for PostgreSQL's protocol in the handshake (ALPN), so that nobody can make a client of another
// protocol speak to us (src/backend/tcop/backend_startup.c, ProcessSSLStartup).
func (c *Conn) startDirectTLS(ctx context.Context, config *tls.Config) (started bool, err error) {
	if err := c.await(ctx, 1); err != nil {
		return false, err
	}
	if c.in[c.r] != tlsRecordHandshake || config == nil {
		return false, nil
	}
	hello := slices.Clone(c.in[c.r:c.w])
	c.release()
	c.net = &prefixedConn{Conn: c.base, prefix: hello}
	if err := c.startTLS(ctx, config); err != nil {
		return false, err
	}
	if state, _ := c.TLS(); state.NegotiatedProtocol != ALPNProtocol {
		return false, fmt.Errorf("%w: received direct SSL connection request without ALPN protocol negotiation extension",
			ErrStartupPacket)
	}
	return true, nil
}

// tlsRecordHandshake is the content type of a TLS record that carries a handshake (RFC 8446, section 5.1). As the first
// byte of a startup packet it would be a length far beyond the limit.
const tlsRecordHandshake = 0x16

// prefixedConn gives out bytes that were read from a connection before the connection's own.
type prefixedConn struct {
	net.Conn
	prefix []byte
}

func (p *prefixedConn) Read(b []byte) (int, error) {
	if len(p.prefix) == 0 {
		return p.Conn.Read(b)
	}
	n := copy(b, p.prefix)
	p.prefix = p.prefix[n:]
	return n, nil
}

func (c *Conn) answerSSLRequest(ctx context.Context, config *tls.Config) error {
	const request = "SSL request"
	if config == nil {
		return c.refuseEncryption(ctx, request)
	}
	if c.w != c.r {
		return smuggled(request)
	}
	c.Out.byte('S')
	if err := c.Flush(ctx); err != nil {
		return err
	}
	c.release()
	return c.startTLS(ctx, config)
}

// refuseEncryption answers a request for encryption by 'N', and then by an error if the client did not wait for it.
func (c *Conn) refuseEncryption(ctx context.Context, request string) error {
	c.Out.byte('N')
	if err := c.Flush(ctx); err != nil {
		return err
	}
	if c.w != c.r {
		return smuggled(request)
	}
	return nil
}

func (c *Conn) startTLS(ctx context.Context, config *tls.Config) error {
	if !slices.Contains(config.NextProtos, ALPNProtocol) { // a caller that sets it itself saves the copy
		config = config.Clone()
		config.NextProtos = append(config.NextProtos, ALPNProtocol)
	}
	encrypted := tls.Server(c.net, config)
	if err := c.readEnd.apply(ctx); err != nil {
		return err
	}
	if err := c.writeEnd.apply(ctx); err != nil {
		return err
	}
	if err := encrypted.Handshake(); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return fmt.Errorf("%w: %w", ErrTLSHandshake, c.readEnd.explain(err))
	}
	c.net, c.waiter = encrypted, nil
	c.secure.Store(encrypted)
	c.certificate = shownCertificate(config)
	return nil
}

// shownCertificate returns the certificate that a server of this configuration shows; nil if it has several to choose from.
func shownCertificate(config *tls.Config) *x509.Certificate {
	if len(config.Certificates) != 1 || config.GetCertificate != nil || config.GetConfigForClient != nil {
		return nil
	}
	if shown := &config.Certificates[0]; shown.Leaf != nil {
		return shown.Leaf
	}
	shown, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		return nil // the client has taken it, but we cannot say what it was signed with
	}
	return shown
}

func (c *Conn) decodeStartup(packet []byte) (*Startup, error) {
	b := body{rest: packet}
	version := b.uint32()
	if version>>16 != protocolMajor {
		return nil, sqlstate.New(sqlstate.FeatureNotSupported,
			"unsupported frontend protocol %d.%d: server supports %d.0 to %d.%d",
			version>>16, version&0xffff, protocolMajor, protocolMajor, protocolMinor)
	}
	s := &Startup{Parameters: map[string]string{}}
	var unrecognised []string
	for len(b.rest) > 1 {
		name, value := string(b.text()), string(b.text())
		switch {
		case name == "":
			b.rest = nil // an early end: what follows it is refused below
		case name == "user":
			s.User = cutName(value)
		case name == "database":
			s.Database = cutName(value)
		case strings.HasPrefix(name, protocolOptionPrefix):
			unrecognised = append(unrecognised, name)
		default:
			s.Parameters[name] = value
		}
	}
	if b.err != nil || len(b.rest) != 1 || b.rest[0] != 0 {
		return nil, sqlstate.New(sqlstate.ProtocolViolation,
			"invalid startup packet layout: expected terminator as last byte")
	}
	if s.User == "" {
		return nil, sqlstate.New(sqlstate.InvalidAuthorization,
			"no PostgreSQL user name specified in startup packet")
	}
	if s.Database == "" {
		s.Database = s.User
	}
	if version&0xffff > protocolMinor || len(unrecognised) > 0 {
		c.Out.negotiateProtocolVersion(protocolMajor<<16|protocolMinor, unrecognised)
	}
	return s, nil
}

func decodeCancelRequest(packet []byte) (*Startup, error) {
	b := body{rest: packet}
	b.uint32()
	key := &CancelKey{PID: b.uint32(), Secret: slices.Clone(b.rest)}
	if b.err != nil || len(key.Secret) == 0 || len(key.Secret) > cancelSecretBytesMax {
		return nil, fmt.Errorf("%w: invalid length of cancel request packet", ErrStartupPacket)
	}
	return &Startup{Cancel: key}, nil
}

// cancelSecretBytesMax is the longest secret that protocol 3.2 allows (protocol.sgml, BackendKeyData).
const cancelSecretBytesMax = 256

// cutName cuts a name to nameBytesMax bytes without splitting a UTF-8 character (pg_mbcliplen).
func cutName(name string) string {
	if len(name) <= nameBytesMax {
		return name
	}
	end := nameBytesMax
	for end > 0 && name[end]&0xc0 == 0x80 {
		end--
	}
	return name[:end]
}

// smuggled is PostgreSQL's answer to data in clear behind a request for encryption (src/backend/postmaster/postmaster.c,
// ProcessStartupPacket).
func smuggled(request string) *sqlstate.Error {
	return sqlstate.New(sqlstate.ProtocolViolation, "received unencrypted data after %s", request).
		WithDetail("This could be either a client-software bug or evidence of an attempted man-in-the-middle attack.")
}
