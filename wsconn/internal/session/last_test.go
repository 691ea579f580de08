package session_test

import (
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

var textFrame = []byte("\x81\x02hi")

// A wait behind a write without a span links to nothing, and not to the write before
// it.
func TestLastWithoutSpan(t *testing.T) {
	rec := newRecorder(t)
	ctx, handshake := trace.Start(rec.context(t.Context()), semconv.SpanHandshake)
	handshake.End(nil)
	nc, peer := wstest.NetPipe()
	defer peer.Close()
	conn := netpoll.Wrap(nc)
	s, wire := session.Attached(ctx, conn, conn)
	defer wire.Close()

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
