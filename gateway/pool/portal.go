package pool

import "github.com/portcullisdb/portcullis/gateway/wire"

// ClosePortal appends Close for a portal of the caller's. Its CloseComplete is returned by Read.
func (s *Server) ClosePortal(name string) {
	s.statements.expectClose("")
	s.conn.Out.Close(wire.KindPortal, name)
}
