package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"github.com/portcullisdb/portcullis/e2e/wirescript"
)

// The codes of packets without type, from PostgreSQL's src/include/libpq/pqcomm.h. frameBytesMax bounds all others.
const (
	codeCancel    = 80877102
	codeSSL       = 80877103
	codeGSS       = 80877104
	frameBytesMax = 1 << 28
)

// proxy stands between a program and the server, and writes all that is said to its tape.
type proxy struct {
	to       wirescript.Target
	listener net.Listener
	tape     *tape
	clients  sync.WaitGroup
}

// listen starts a proxy on a free port.
func listen(to wirescript.Target) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{to: to, listener: listener, tape: &tape{}}
	p.clients.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			p.clients.Go(func() {
				defer conn.Close()
				if err := p.serve(conn); err != nil {
					p.tape.note(fmt.Sprintf("a connection ended: %v", err))
				}
			})
		}
	})
	return p, nil
}

func (p *proxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// close waits until all connections have ended.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.clients.Wait()
}

// serve serves one connection to its end.
func (p *proxy) serve(conn net.Conn) error {
	reader := bufio.NewReader(conn)
	for {
		packet, err := readPacket(reader)
		if err != nil {
			return err
		}
		switch code := binary.BigEndian.Uint32(packet); code {
		case codeSSL, codeGSS:
			if _, err := conn.Write([]byte{'N'}); err != nil {
				return err
			}
		case codeCancel:
			return p.cancel(packet)
		default:
			return p.session(conn, reader, packet)
		}
	}
}

// readPacket reads a packet without type. It comes without its length.
func readPacket(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n < 8 || n > frameBytesMax {
		return nil, fmt.Errorf("a packet of %d bytes", n)
	}
	packet := make([]byte, n-4)
	_, err := io.ReadFull(r, packet)
	return packet, err
}

// packetFrame is a packet without type as it goes over the line.
func packetFrame(packet []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(4+len(packet))), packet...)
}

// cancel passes a request on. The server's own keys were given to the clients.
func (p *proxy) cancel(packet []byte) error {
	p.tape.cancel(string(packet[4:]))
	server, err := net.Dial("tcp", p.to.Address)
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := server.Write(packetFrame(packet)); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, server)
	return err
}

// session logs in with the client's parameters, and passes both directions on.
func (p *proxy) session(conn net.Conn, reader *bufio.Reader, startup []byte) error {
	server, err := net.Dial("tcp", p.to.Address)
	if err != nil {
		return err
	}
	defer server.Close()
	var parameters []string
	packet := append([]byte(nil), startup[:4]...)
	list := strings.Split(string(startup[4:]), "\x00")
	for ; len(list) > 1 && list[0] != ""; list = list[2:] {
		name, value := list[0], list[1]
		switch name {
		case "user":
			value = p.to.User
		case "database":
			value = p.to.Database
		default:
			parameters = append(parameters, wirescript.Parameter(name, value))
		}
		packet = append(packet, name+"\x00"+value+"\x00"...)
	}
	if _, err := server.Write(packetFrame(append(packet, 0))); err != nil {
		return err
	}
	client := p.tape.login(parameters)
	var both sync.WaitGroup
	both.Go(func() {
		_ = pass(conn, server, func(kind byte, body []byte) { client.answered(wirescript.Message{Type: kind, Body: body}) })
		_ = conn.Close()
	})
	err = pass(server, reader, client.said)
	_ = server.Close()
	both.Wait()
	if client.left() || err == io.EOF {
		return nil
	}
	return err
}

// pass passes frames on, each when it has been heard.
func pass(to io.Writer, from io.Reader, heard func(kind byte, body []byte)) error {
	reader := bufio.NewReader(from)
	for {
		var head [5]byte
		if _, err := io.ReadFull(reader, head[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(head[1:])
		if n < 4 || n > frameBytesMax {
			return fmt.Errorf("a frame of %d bytes", n)
		}
		body := make([]byte, n-4)
		if _, err := io.ReadFull(reader, body); err != nil {
			return err
		}
		heard(head[0], body)
		if _, err := to.Write(append(head[:], body...)); err != nil {
			return err
		}
	}
}
