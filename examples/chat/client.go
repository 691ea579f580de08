package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
)

// chat joins the room at c.join: it prints what is said there, and says what it
// reads from in, line by line, until that ends.
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
		hears := trace.Go(ctx, "hear", func(ctx context.Context) error { return hear(ctx, conn, out) })
		says := trace.Go(ctx, "say", func(ctx context.Context) error { return say(ctx, conn, in) })
		select {
		case <-hears.Done():
			return hears.Err()
		case <-says.Done():
		}
		err = errors.Join(says.Err(), conn.Close(wsconn.StatusNormalClosure, ""))
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
	if err := conn.Write(ctx, wsconn.MessageText, message{From: name}.encode()); err != nil {
		return nil, errors.Join(err, conn.CloseNow())
	}
	return conn, nil
}

// hear prints what is said, until the connection is closed.
func hear(ctx context.Context, conn *wsconn.Conn, out io.Writer) error {
	for {
		m, err := receive(ctx, conn)
		switch {
		case wsconn.CloseStatus(err) == wsconn.StatusNormalClosure, errors.Is(err, io.EOF):
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

func say(ctx context.Context, conn *wsconn.Conn, in io.Reader) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if err := conn.Write(ctx, wsconn.MessageText, message{Text: lines.Text()}.encode()); err != nil {
			return err
		}
	}
	return lines.Err()
}
