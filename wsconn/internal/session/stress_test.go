package session_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Operations reuse memory. However many calls overlap, each span describes its own
// call.
func TestOperationsConcurrentSafe(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		opts := []session.Option{allMessages, session.WithTraceBudget(0, 0)}
		p := connect(t, lib, setup{tcp: true, client: opts, server: opts})
		client, server := &side{conn: p.client, masks: true}, &side{conn: p.server}
		var wg, readers sync.WaitGroup
		for _, s := range []*side{client, server} {
			s.SetReadLimit(-1)
			for range 3 {
				wg.Go(func() { s.writes(t.Context(), orderly/3) })
			}
			wg.Go(func() { s.pings(t.Context(), 10) })
			readers.Go(func() { s.reads(t.Context()) })
		}
		wg.Wait()
		if got := client.written.Load() + server.written.Load(); got != 2*orderly {
			t.Errorf("%d messages were written, want %d", got, 2*orderly)
		}

		ctx, cancel := context.WithCancel(t.Context())
		for _, s := range []*side{client, server} {
			for i := range 4 {
				ctx := ctx
				if i == 0 {
					ctx = t.Context()
				}
				wg.Go(func() { s.writes(ctx, 10) })
			}
			wg.Go(func() { s.pings(ctx, 10) })
		}
		wg.Go(func() {
			_ = client.Ping(t.Context())
			client.pinged.Add(1)
			cancel()
			_ = client.Close(1000, "")
		})
		wg.Wait()
		closeBoth(client, server)
		readers.Wait()
		wantEnded(t, p.clientSpans)
		wantEnded(t, p.serverSpans)
		c, s := p.clientSpans.Chain(), p.serverSpans.Chain()
		client.want(t, c, s)
		server.want(t, s, c)
	})
}

const (
	huge    = 1 << 18 // more than the buffers hold
	orderly = 90      // messages of a side, before anything is canceled
)

// side is one side of a connection and what was called on it.
type side struct {
	conn
	masks bool

	sizes                          atomic.Int64 // of the messages, no two of which are the same
	wrote, written, readed, pinged atomic.Int64 // written counts the writes that succeeded
}

// writes writes n messages, as text if the size is odd. One in ten is huge.
func (s *side) writes(ctx context.Context, n int) {
	for range n {
		size := s.sizes.Add(1)
		if size%10 == 0 {
			size += huge
		}
		err := s.Write(ctx, typeOf(size), make([]byte, size))
		s.wrote.Add(1)
		if err == nil {
			s.written.Add(1)
		}
	}
}

func (s *side) pings(ctx context.Context, n int) {
	for range n {
		_ = s.Ping(ctx)
		s.pinged.Add(1)
	}
}

func (s *side) reads(ctx context.Context) {
	for {
		_, _, err := s.Read(ctx)
		s.readed.Add(1)
		if err != nil {
			return
		}
	}
}

func typeOf(size int64) int {
	if size%2 == 1 {
		return messageText
	}
	return messageBinary
}

// want checks the side's spans and their links to the peer's.
func (s *side) want(t *testing.T, own, peers *chain.Chain) {
	t.Helper()
	seen := map[oteltrace.SpanID]bool{}
	for _, span := range own.Spans {
		if seen[span.SpanID] {
			t.Errorf("%s is there twice", span)
		}
		seen[span.SpanID] = true
	}
	for name, want := range map[string]int64{
		semconv.SpanWrite: s.wrote.Load(), semconv.SpanRead: s.readed.Load(), semconv.SpanPing: s.pinged.Load(), semconv.SpanClose: 1,
	} {
		if got := len(own.Named(name)); int64(got) != want {
			t.Errorf("got %d spans %s, want %d", got, name, want)
		}
		for _, span := range own.Named(name) {
			wantOwn(t, span)
		}
	}

	sizes, indexes := map[int64]bool{}, map[int64]bool{}
	for _, w := range own.Named(semconv.SpanWrite) {
		size, index := w.Int(semconv.WebSocketMessageSizeKey), w.Int(semconv.WebSocketMessageIndexKey)
		if sizes[size] || w.Str(semconv.WebSocketMessageTypeKey) != typeName(size) {
			t.Errorf("%s has the size or type of another: %v", w, w.Attributes)
		}
		sizes[size] = true
		if size%huge > orderly {
			continue // a write that gave up its turn may still be written, by chance
		}
		if index == 0 || indexes[index] || w.Int(semconv.WebSocketFrameCountKey) != 1 || w.Int(semconv.WebSocketWireSizeKey) != s.onWire(size) {
			t.Errorf("%s has the index or the frames of another: %v", w, w.Attributes)
		}
		indexes[index] = true
	}
	for _, r := range own.Named(semconv.SpanRead) {
		index := r.Int(semconv.WebSocketMessageIndexKey)
		if index == 0 || index > orderly {
			continue
		}
		if len(r.Links) != 1 {
			t.Errorf("%s of message %d has the links %v, want the peer's write", r, index, r.Links)
			continue
		}
		to := r.Links[0].SpanContext
		w := peers.Lookup(to.TraceID(), to.SpanID())
		if w == nil || w.Name != semconv.SpanWrite {
			t.Errorf("%s links to %v, want the peer's write", r, w)
			continue
		}
		for _, key := range []attribute.Key{semconv.WebSocketMessageSizeKey, semconv.WebSocketMessageTypeKey, semconv.WebSocketMessageIndexKey} {
			if got, want := r.Str(key), w.Str(key); got != want {
				t.Errorf("%s: the read says %s, and the write that it links to %s", key, got, want)
			}
		}
	}
}

func typeName(size int64) string {
	if typeOf(size) == messageText {
		return "text"
	}
	return "binary"
}

// onWire returns how many bytes a message of one frame has on the wire.
func (s *side) onWire(size int64) int64 {
	header := int64(2)
	switch {
	case size > 1<<16-1:
		header += 8
	case size > 125:
		header += 2
	}
	if s.masks {
		header += 4
	}
	return header + size
}

// own are the attributes that each operation and its blocks and wakes may have.
var own = map[string][]attribute.Key{
	semconv.SpanRead: {
		semconv.NetworkIODirectionKey, semconv.WebSocketMessageTypeKey, semconv.WebSocketMessageSizeKey,
		semconv.WebSocketMessageIndexKey, semconv.WebSocketFrameCountKey, semconv.WebSocketWireSizeKey,
	},
	semconv.SpanWrite: {
		semconv.NetworkIODirectionKey, semconv.WebSocketMessageTypeKey, semconv.WebSocketMessageSizeKey,
		semconv.WebSocketMessageIndexKey, semconv.WebSocketFrameCountKey, semconv.WebSocketWireSizeKey,
	},
	semconv.SpanPing: {},
	semconv.SpanClose: {
		semconv.WebSocketCloseCodeKey, semconv.WebSocketCloseInitiatorKey, semconv.WebSocketCloseCompletedKey, semconv.WebSocketCloseWaitKey,
		semconv.WebSocketCloseUnreadKey,
	},
}

var direction = map[string]string{semconv.SpanRead: "receive", semconv.SpanWrite: "transmit"}

// wantOwn checks that an operation has no attributes or blocks of another one.
func wantOwn(t *testing.T, op *chain.Span) {
	t.Helper()
	tracetest.AssertTiled(t, op)
	for _, a := range op.Attributes {
		switch a.Key {
		case semconv.WebSocketConnectionIDKey, semconv.BlockDurationKey, semconv.BlockCountKey, semconv.ErrorTypeKey:
		default:
			if !slices.Contains(own[op.Name], a.Key) {
				t.Errorf("%s has the attribute %s", op, a.Key)
			}
		}
	}
	if got, want := op.Str(semconv.NetworkIODirectionKey), direction[op.Name]; got != want {
		t.Errorf("%s: direction: got %q, want %q", op, got, want)
	}
	blocks, seconds := int64(0), 0.0
	for _, b := range op.Children {
		if b.Is(semconv.SpanBlock) {
			blocks++
			seconds += b.Duration().Seconds()
		}
	}
	count := op.Int(semconv.BlockCountKey)
	if count == 0 && blocks == 1 {
		count = 1
	}
	if diff := op.Float(semconv.BlockDurationKey) - seconds; count != blocks || diff < -1e-6 || diff > 1e-6 {
		t.Errorf("%s was blocked %d times for %v s, and tells %v", op, blocks, seconds, op.Attributes)
	}
}
