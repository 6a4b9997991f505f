package wire

import (
	"context"
	"errors"
	"io"
	"testing"
)

func TestAwaitLeavesEverythingToRead(t *testing.T) {
	client, server := tcpPair(t)
	c := authenticated(server, Limits{})
	for range 2 { // the second batch comes behind an idle connection
		if _, err := client.Write(batch()); err != nil {
			t.Fatal(err)
		}
		c.Await(context.Background())
		if !c.Buffered() {
			t.Fatal("nothing is buffered")
		}
		for range 7 {
			c.Await(context.Background()) // does nothing: there is more
			if _, err := c.Read(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
	}

	errStop := errors.New("stop")
	ctx, stop := context.WithCancelCause(context.Background())
	stop(errStop)
	c.Await(ctx)
	if _, err := c.Read(ctx); err != errStop {
		t.Errorf("after the end of the context: %v", err)
	}
	ctx, stop = context.WithCancelCause(context.Background())
	go stop(errStop)
	c.Await(ctx)
	if _, err := c.Read(ctx); err != errStop {
		t.Errorf("after the end of the context while it waited: %v", err)
	}
	if err := client.Close(); err != nil {
		t.Fatal(err)
	}
	c.Await(context.Background())
	if _, err := c.Read(context.Background()); err != io.EOF {
		t.Errorf("after the end of the stream: %v", err)
	}
}

func TestAwaitWithoutASocketOfTheSystem(t *testing.T) {
	c := authenticated(&memory{input: batch()}, Limits{})
	c.Await(context.Background())
	if m, err := c.Read(context.Background()); err != nil || m.Type != TypeParse {
		t.Errorf("got %c, %v", m.Type, err)
	}
}
