package wirescript

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// Limits of what one client may be sent.
const (
	queueMax      = 1 << 16 // messages that nobody has asked for yet
	frameBytesMax = 1 << 28
)

// client is one connection of a run.
type client struct {
	name     string
	conn     net.Conn
	reader   *bufio.Reader
	messages chan Message // closed behind the last; nil: nothing reads yet
	failure  error        // why there are no more messages; read it when messages is closed
	unread   *Message     // received already, and to be received again
	key      []byte       // body of BackendKeyData
	waiting  []byte       // to be sent
	cut      int          // bytes that go out at a time; 0: all
	closed   bool         // the script has seen the end, or has said Terminate
}

func connect(ctx context.Context, name, address string) (*client, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &client{name: name, conn: conn, reader: bufio.NewReader(conn)}, nil
}

// flush sends what waits.
func (c *client) flush() error {
	for len(c.waiting) > 0 {
		n := len(c.waiting)
		if c.cut > 0 {
			n = min(n, c.cut)
		}
		if _, err := c.conn.Write(c.waiting[:n]); err != nil {
			return err
		}
		c.waiting = c.waiting[n:]
	}
	c.waiting = nil
	return nil
}

// receive returns the next message.
func (c *client) receive(ctx context.Context) (Message, error) {
	if m := c.unread; m != nil {
		c.unread = nil
		return *m, nil
	}
	c.start(ctx)
	return c.received(<-c.messages)
}

// received is for what the channel of messages gave.
func (c *client) received(m Message) (Message, error) {
	switch m.Type {
	case 0:
		return m, c.failure
	case 'K':
		c.key = m.Body
	}
	return m, nil
}

// start lets a reader of its own run ahead, so that a server never waits for the script.
func (c *client) start(ctx context.Context) {
	if c.messages != nil {
		return
	}
	c.messages = make(chan Message, queueMax)
	go func() {
		defer close(c.messages)
		for {
			m, err := readMessage(c.reader)
			if err != nil {
				c.failure = err
				return
			}
			select {
			case c.messages <- m:
			case <-ctx.Done():
				c.failure = ctx.Err()
				return
			}
		}
	}()
}

func readMessage(r *bufio.Reader) (Message, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Message{}, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if length < 4 || length > frameBytesMax {
		return Message{}, fmt.Errorf("%w: type %q, length %d", errFrame, head[0], length)
	}
	body := make([]byte, length-4)
	_, err := io.ReadFull(r, body)
	return Message{head[0], body}, err
}

// send frames a message of the client's and sends it at once.
func (c *client) send(kind byte, body []byte) error {
	_, err := c.conn.Write(frame(kind, body))
	return err
}

func frame(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(4+len(body))), body...)
}
