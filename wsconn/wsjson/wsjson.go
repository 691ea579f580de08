// Package wsjson reads and writes JSON messages, as the packages wsjson of
// nhooyr.io/websocket and github.com/coder/websocket do. Those take the
// library's connection, and would bypass the spans.
//
//	err := wsjson.Write(ctx, conn, v)   // the span write
//	err := wsjson.Read(ctx, conn, &v)   // the span read
//
// The connection is that of package wsconn or of package coderws; the type
// parameters are inferred.
package wsjson

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
)

const (
	messageText                   = 1
	statusInvalidFramePayloadData = 1007
)

// A Reader is the part of a connection that [Read] needs: M is the library's
// MessageType, S its StatusCode.
type Reader[M, S ~int] interface {
	Reader(ctx context.Context) (M, io.Reader, error)
	Close(code S, reason string) error
}

// A Writer is the part of a connection that [Write] needs.
type Writer[M ~int] interface {
	Write(ctx context.Context, typ M, p []byte) error
}

// buffers are reused, so that a message is read without allocation once they
// have grown.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// Read reads a JSON message from c into v. A message that does not unmarshal
// closes the connection with StatusInvalidFramePayloadData. The error wraps
// the connection's or that of encoding/json. When ctx ends, the connection is
// closed.
func Read[M, S ~int](ctx context.Context, c Reader[M, S], v any) error {
	if err := read(ctx, c, v); err != nil {
		return fmt.Errorf("failed to read JSON message: %w", err)
	}
	return nil
}

func read[M, S ~int](ctx context.Context, c Reader[M, S], v any) error {
	_, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	b := buffers.Get().(*bytes.Buffer)
	b.Reset()
	defer buffers.Put(b)
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	if err := json.Unmarshal(b.Bytes(), v); err != nil {
		_ = c.Close(statusInvalidFramePayloadData, "failed to unmarshal JSON")
		return fmt.Errorf("failed to unmarshal JSON: %w", err)
	}
	return nil
}

// Write writes v to c as a JSON message of type text, followed by a newline as
// json.Encoder writes it. The error wraps the connection's or that of
// encoding/json. When ctx ends, the connection is closed.
func Write[M ~int](ctx context.Context, c Writer[M], v any) error {
	err := json.NewEncoder(writer(func(p []byte) error { return c.Write(ctx, messageText, p) })).Encode(v)
	if err != nil {
		return fmt.Errorf("failed to write JSON message: failed to marshal JSON: %w", err)
	}
	return nil
}

// writer writes each message whole, as the Encoder hands it over.
type writer func(p []byte) error

func (w writer) Write(p []byte) (int, error) {
	if err := w(p); err != nil {
		return 0, err
	}
	return len(p), nil
}
