package session_test

import (
	"context"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// TestAllocs bounds the allocations of an echo beyond the library's. An echo has two
// writes and two reads, which block: eight spans. Instrumentation by hand makes four.
func TestAllocs(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	full := sdk()(new(dropping))
	leans := leanly()(new(dropping))
	defer func() {
		_ = full.(flusher).Shutdown(context.Background())
		_ = leans.(flusher).Shutdown(context.Background())
	}()
	hand := func(c conn) conn { return byHand(c, full.Tracer("bench")) }

	each(t, func(t *testing.T, lib library) {
		bare := allocsPerEcho(t, lib, nil, false, nil)
		for _, tt := range []struct {
			name string
			tp   oteltrace.TracerProvider // nil: bare
			opts []session.Option
			wrap func(conn) conn
			own  bool    // in the connection's own traces, mostly after the first
			min  float64 // so that the test fails where nothing is traced
			max  float64
		}{
			{"no-op", noopProvider, nil, nil, false, 0, 0},
			{"unsampled", offs(t)["unsampled"].TracerProvider, nil, nil, false, 0, 0},
			{"unsampled with stalls", offs(t)["unsampled"].TracerProvider, []session.Option{stalling}, nil, false, 0, 0},
			{"unsampled and followed", offs(t)["unsampled"].TracerProvider, []session.Option{session.WithLive()}, nil, false, 0, 0},
			{"handwritten", nil, nil, hand, false, 30, 36},
			{"messages", full, []session.Option{allMessages, noBlocks}, nil, false, 18, 26},
			{"full", full, []session.Option{allMessages}, nil, false, 30, 48},
			{"full without peer links", full, []session.Option{allMessages, noLinks}, nil, false, 30, 40},
			{"lean messages", leans, []session.Option{allMessages, noBlocks}, nil, false, 3, 5},
			{"lean", leans, []session.Option{allMessages}, nil, false, 3, 5},
			{"lean without peer links", leans, []session.Option{allMessages, noLinks}, nil, false, 3, 5},
			{"lean in segments", leans, []session.Option{allMessages}, nil, true, 3, 5},
		} {
			if got := allocsPerEcho(t, lib, tt.tp, tt.own, tt.wrap, tt.opts...) - bare; got < tt.min || got > tt.max {
				t.Errorf("%s: got %v allocations an echo more than bare, want %v to %v", tt.name, got, tt.min, tt.max)
			}
		}
	})
}

// allocsPerEcho returns what a message there and back allocates on both sides. With a
// provider it is below a span, unless own is set.
func allocsPerEcho(t *testing.T, lib library, tp oteltrace.TracerProvider, own bool, wrap func(conn) conn, opts ...session.Option) float64 {
	t.Helper()
	s := setup{tcp: true, bare: tp == nil}
	ctx := t.Context()
	if tp != nil {
		s.client = append([]session.Option{session.WithTracerProvider(tp)}, opts...)
		s.server = s.client
	}
	if tp != nil && !own {
		var span oteltrace.Span
		ctx, span = tp.Tracer("test").Start(ctx, "handler")
		span.End()
	}
	p := connect(t, lib, s)
	client, server := p.client, p.server
	if wrap != nil {
		client, server = wrap(client), wrap(server)
	}
	msg := make([]byte, 100)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			typ, msg, err := server.Read(ctx)
			if err != nil {
				return
			}
			_ = server.Write(ctx, typ, msg)
		}
	}()
	n := testing.AllocsPerRun(1000, func() {
		_ = client.Write(ctx, messageBinary, msg)
		_, _, _ = client.Read(ctx)
	})
	_ = client.CloseNow()
	<-done
	return n
}
