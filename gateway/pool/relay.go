package pool

import "github.com/portcullisdb/portcullis/gateway/wire"

// Relay returns the framed socket, for a caller that passes a client's messages through and counts answers itself. From
// then on only Cancel, Kill, Close and what Dial has learnt are of use in the Server.
func (s *Server) Relay() *wire.Conn { return s.conn }
