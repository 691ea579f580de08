package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
)

// chat joins the room at c.join. It prints what is said there, and sends each line of
// in, until that ends.
func (c *config) chat(ctx context.Context, in io.Reader, out io.Writer) error {
	t, err := telemetry.New(0, c.spans)
	if err != nil {
		return err
	}
	defer t.Shutdown(ctx)
	tracer, err := t.Tracer(ctx, c.name)
	if err != nil {
		return err
	}
	return trace.Handle(tracer.NewContext(ctx), "talk", func(ctx context.Context) error {
		conn, err := enter(ctx, c.join, c.name, nil)
		if err != nil {
			return err
		}
		defer conn.CloseNow()
		alive := context.WithoutCancel(ctx) // else an interrupt would cut the connection
		hears := trace.Go(alive, "hear", func(ctx context.Context) error { return hear(ctx, conn, out) })
		says := trace.Go(alive, "say", func(ctx context.Context) error { return say(ctx, conn, in) })
		select {
		case <-hears.Done():
			return hears.Err()
		case <-says.Done():
			err = errors.Join(says.Err(), leave(conn, wsconn.StatusNormalClosure))
		case <-ctx.Done(): // interrupted
			err = leave(conn, wsconn.StatusGoingAway)
		}
		<-hears.Done()
		return err
	})
}

// enter joins the room at url under the given name.
func enter(ctx context.Context, url, name string, opts *wsconn.DialOptions) (*wsconn.Conn, error) {
	conn, _, err := wsconn.Dial(ctx, url, opts)
	if err != nil {
		return nil, err
	}
	alive := context.WithoutCancel(ctx) // an interrupt must not cut the connection while the name is sent
	if err := conn.Write(alive, wsconn.MessageText, message{From: name}.encode()); err != nil {
		return nil, errors.Join(err, conn.CloseNow())
	}
	return conn, nil
}

// hear prints what is said, until the connection is closed.
func hear(ctx context.Context, conn *wsconn.Conn, out io.Writer) error {
	for {
		m, err := receive(ctx, conn)
		switch {
		case left(err):
			return nil
		case err != nil:
			return err
		case m.From == "":
			fmt.Fprintf(out, "* %s\n", m.Text)
		default:
			fmt.Fprintf(out, "%s: %s\n", m.From, m.Text)
		}
	}
}

// leave closes the connection. The library fails to read a close frame of the room that
// hear has read already. That is no error, and neither is a room that is gone.
func leave(conn *wsconn.Conn, code wsconn.StatusCode) error {
	if err := conn.Close(code, ""); !left(err) {
		return err
	}
	return nil
}

// left reports whether err means that one side has left.
func left(err error) bool {
	code := wsconn.CloseStatus(err)
	return code == wsconn.StatusNormalClosure || code == wsconn.StatusGoingAway || errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}

func say(ctx context.Context, conn *wsconn.Conn, in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := conn.Write(ctx, wsconn.MessageText, message{Text: lines.Text()}.encode()); err != nil {
			return err
		}
	}
	return lines.Err()
}
