package session_test

import (
	"io"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// stream is a library's reader or writer of a message, in which something happens.
type stream struct{ inside func() }

func (s stream) Read(p []byte) (int, error)  { s.inside(); return min(len(p), 1), nil }
func (s stream) Write(p []byte) (int, error) { s.inside(); return len(p), nil }
func (stream) Close() error                  { return nil }

// A reader and a writer that the program leaves end with the connection, whenever that
// ends: even while the library returns them, or inside a call that succeeds with bytes
// from the library's buffer.
func TestLeftWhenTheConnectionEnds(t *testing.T) {
	for _, when := range []string{"before", "inside", "after"} {
		t.Run(when, func(t *testing.T) {
			rec := newRecorder(t)
			ctx, handshake := trace.Start(rec.context(t.Context()), semconv.SpanHandshake)
			handshake.End(nil)
			nc, peer := wstest.NetPipe()
			defer peer.Close()
			conn := netpoll.Wrap(nc)
			s, wire := session.Attached(ctx, conn, conn)
			at := func(now string) {
				if now == when {
					_ = wire.Close()
				}
			}
			rd, wr := s.BeginRead(ctx), s.BeginWrite(ctx, messageText)
			at("before")
			inside := stream{func() { at("inside") }}
			_, _ = io.CopyN(io.Discard, rd.Reader(messageText, inside), 1)
			_, _ = wr.Writer(inside).Write([]byte("hi"))
			at("after")
			wantEnded(t, rec)
			for _, name := range []string{semconv.SpanRead, semconv.SpanWrite} {
				if span := tracetest.One(t, rec.Chain(), name); span.Str(semconv.ErrorTypeKey) != semconv.ErrorClosed {
					t.Errorf("%s ended with the error.type %q, want %s", name, span.Str(semconv.ErrorTypeKey), semconv.ErrorClosed)
				}
			}
		})
	}
}
