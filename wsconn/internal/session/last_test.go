package session_test

import (
	"context"
	"io"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

var textFrame = []byte("\x81\x02hi")

// attached returns a session on one end of a pipe, and its wire.
func attached(t *testing.T) (context.Context, *session.Session, io.ReadWriteCloser) {
	t.Helper()
	ctx, handshake := trace.Start(newRecorder(t).context(t.Context()), semconv.SpanHandshake)
	handshake.End(nil)
	nc, peer := wstest.NetPipe()
	conn := netpoll.Wrap(nc)
	s, wire := session.Attached(ctx, conn, conn)
	t.Cleanup(func() { _, _ = wire.Close(), peer.Close() })
	return ctx, s, wire
}

// A wait behind a write without a span links to nothing, and not to the write before
// it.
func TestLastWithoutSpan(t *testing.T) {
	ctx, s, wire := attached(t)

	w := s.BeginWrite(ctx, messageText)
	_, _ = wire.Write(textFrame)
	want := w.Op().SpanContext()
	w.End(2, nil)
	if got := s.Last(); !got.Equal(want) || !got.IsValid() {
		t.Errorf("after a write: got the span %v, want its %v", got.SpanID(), want.SpanID())
	}
	w = s.BeginWrite(oteltrace.ContextWithSpanContext(ctx, want.WithTraceFlags(0)), messageText)
	_, _ = wire.Write(textFrame)
	if got := s.Last(); got.IsValid() {
		t.Errorf("in a write without a span: got %v", got.SpanID())
	}
	w.End(2, nil)
	if got := s.Last(); got.IsValid() {
		t.Errorf("after a write without a span: got %v", got.SpanID())
	}
}

// A frame that the library sends by itself is not taken for the program's of the same
// kind, even when only a part of it has been sent.
func TestLastControlInParts(t *testing.T) {
	const own, program = "\x03\xeaown", "\x03\xe8bye" // codes 1002 and 1000
	for _, test := range []struct {
		name    string
		library bool // sends the frame
		parts   []string
	}{
		{"the library's, cut behind its header", true, []string{"\x88\x06", own + "!"}},
		{"the library's, cut in its payload", true, []string{"\x88\x05" + own[:2], own[2:]}},
		{"the program's, cut in its header", false, []string{"\x88", "\x05" + program}},
		{"the program's, cut behind its header", false, []string{"\x88\x05", program}},
		{"the program's, cut in its payload", false, []string{"\x88\x05" + program[:1], program[1:]}},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, s, wire := attached(t)

			r := s.BeginRead(ctx)
			c := s.BeginControl(ctx, int(frame.Close), []byte(program))
			want := c.Op().SpanContext()
			if test.library {
				want = r.Op().SpanContext()
			}
			for i, part := range test.parts {
				_, _ = wire.Write([]byte(part))
				if got := s.Last(); !got.Equal(want) || !got.IsValid() {
					t.Errorf("part %d: got the span %v, want %v", i, got.SpanID(), want.SpanID())
				}
			}
			c.End(nil)
			r.End(0, 0, nil)
		})
	}
}
