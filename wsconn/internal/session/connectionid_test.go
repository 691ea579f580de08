package session_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// Each operation has the id of its connection, as the handshake has, whatever context the
// program uses.
func TestConnectionID(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{tcp: true})
		ctx := t.Context()
		serving := make(chan struct{})
		go func() {
			defer close(serving)
			for typ, msg, err := p.server.Read(ctx); err == nil; typ, msg, err = p.server.Read(ctx) {
				_ = p.server.Write(ctx, typ, msg)
			}
		}()
		if err := p.client.Write(ctx, messageText, []byte("hello")); err != nil {
			t.Error(err)
		}
		if _, _, err := p.client.Read(ctx); err != nil {
			t.Error(err)
		}
		reading := make(chan struct{})
		go func() {
			defer close(reading)
			_, _, _ = p.client.Read(ctx)
		}()
		if err := p.client.Ping(ctx); err != nil {
			t.Error(err)
		}
		_ = p.client.Close(1000, "")
		<-reading
		<-serving
		wantEnd(t, p.serverSpans, semconv.SpanPong, 1)
		seen := map[string]bool{}
		for _, rec := range []*recorder{p.clientSpans, p.serverSpans} {
			want := tracetest.One(t, rec.Chain(), semconv.SpanHandshake).Str(semconv.WebSocketConnectionIDKey)
			if want == "" {
				t.Error("the handshake names no connection")
			}
			for _, s := range rec.Chain().Spans {
				seen[s.Name] = true
				switch s.Name {
				case semconv.SpanRead, semconv.SpanWrite, semconv.SpanPing, semconv.SpanPong, semconv.SpanClose:
					if got := s.Str(semconv.WebSocketConnectionIDKey); got != want {
						t.Errorf("%s: got connection %q, want %q", s.Name, got, want)
					}
				}
			}
		}
		for _, name := range []string{semconv.SpanRead, semconv.SpanWrite, semconv.SpanPing, semconv.SpanPong, semconv.SpanClose} {
			if !seen[name] {
				t.Errorf("no %s", name)
			}
		}
	})
}
