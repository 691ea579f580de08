package session_test

import (
	"context"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// receive receives a message, and returns its Context method.
func receive(ctx context.Context, c conn) (data string, typ int, of func(context.Context) context.Context, err error) {
	switch c := c.(type) {
	case nhooyrCommon:
		m, err := c.methods.(*wsconn.Conn).Receive(ctx)
		return string(m.Data), int(m.Type), m.Context, err
	case coderCommon:
		m, err := c.methods.(*coderws.Conn).Receive(ctx)
		return string(m.Data), int(m.Type), m.Context, err
	}
	panic("no library")
}

// The work that a message causes is a child of its read or, with PeerParent and a
// trusted peer, of the peer's write.
func TestReceive(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []session.Option
		want string
	}{
		{"the read", nil, semconv.SpanRead},
		{"the peer's write", []session.Option{session.WithPeerParent()}, semconv.SpanWrite},
		{"no link", []session.Option{session.WithPeerParent(), session.WithoutPeerLinks()}, semconv.SpanRead},
		{"a public endpoint", []session.Option{session.WithPeerParent(), session.WithPublicEndpoint()}, semconv.SpanRead},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				p := connect(t, lib, setup{server: test.opts})
				written := make(chan struct{})
				go func() {
					defer close(written)
					_ = p.client.Write(t.Context(), messageText, []byte("hello"))
				}()
				data, typ, of, err := receive(t.Context(), p.server)
				if data != "hello" || typ != messageText || err != nil {
					t.Fatalf("got %q, %d, %v", data, typ, err)
				}
				<-written
				// Whatever the goroutine is doing, the message's span is the parent.
				ctx, other := trace.Start(p.serverSpans.context(t.Context()), "other")
				_, op := trace.Start(of(ctx), "work")
				op.End(nil)
				other.End(nil)
				rec := p.serverSpans
				if test.want == semconv.SpanWrite {
					rec = p.clientSpans
				}
				if got, want := tracetest.One(t, p.serverSpans.Chain(), "work"), tracetest.One(t, rec.Chain(), test.want); got.ParentID != want.SpanID || got.TraceID != want.TraceID {
					t.Errorf("work's parent is %v, want the %s %v", got.ParentID, test.want, want.SpanID)
				}
			})
		})
	}
}

// If a message is not recorded, neither is what it causes. A failed message, and none,
// change nothing else.
func TestReceiveUnrecorded(t *testing.T) {
	unsampled := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{1}})
	each(t, func(t *testing.T, lib library) {
		t.Run("unsampled connection", func(t *testing.T) {
			p := connect(t, lib, setup{tcp: true, client: []session.Option{never(t).option()}})
			_ = p.client.Write(t.Context(), messageText, []byte("a"))
			_, _, of, err := receive(t.Context(), p.server)
			if err != nil {
				t.Fatal(err)
			}
			if _, op := trace.Start(of(t.Context()), "work"); op.Valid() {
				t.Error("the work is recorded")
			}
		})
		t.Run("unsampled read", func(t *testing.T) {
			p := connect(t, lib, setup{tcp: true, server: []session.Option{session.WithPeerParent()}})
			_ = p.client.Write(t.Context(), messageText, []byte("a"))
			_, _, of, err := receive(oteltrace.ContextWithSpanContext(t.Context(), unsampled), p.server)
			if err != nil {
				t.Fatal(err)
			}
			if got := oteltrace.SpanContextFromContext(of(t.Context())); !got.Equal(unsampled) {
				t.Errorf("got %v, want what the read was a child of", got)
			}
		})
		t.Run("failed", func(t *testing.T) {
			p := connect(t, lib, setup{tcp: true})
			_ = p.client.CloseNow()
			if _, _, _, err := receive(t.Context(), p.server); err == nil {
				t.Error("got no error")
			}
		})
	})
	if ctx := t.Context(); (wsconn.Message{}).Context(ctx) != ctx || (coderws.Message{}).Context(ctx) != ctx {
		t.Error("the zero Message changed the context")
	}
}
