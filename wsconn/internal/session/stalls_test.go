package session_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// stallAfter is short, but a busy machine runs a goroutine sooner.
const stallAfter = 500 * time.Millisecond

// stallPair connects two unsampled ends, whose stalls rec records.
func stallPair(t *testing.T, lib library, s setup, rec *recorder, opts ...session.Option) *pair {
	t.Helper()
	opts = append([]session.Option{
		offs(t)["unsampled"].option(),
		session.WithStalls(session.Stalls{After: stallAfter, PerSecond: 1 << 20, TracerProvider: rec.TracerProvider}),
	}, opts...)
	s.tcp = true
	s.client, s.server = append(opts, s.client...), append(opts, s.server...)
	return connect(t, lib, s)
}

// stall makes the client write, while the server does not read until blocked has returned.
// blocked waits until the client is blocked, and gets the count of messages written. Then
// everything is read.
func (p *pair) stall(t *testing.T, blocked func(written *atomic.Int64)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	msg := make([]byte, 30<<10)
	var written atomic.Int64
	wrote := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(wrote)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := p.client.Write(ctx, messageBinary, msg); err != nil {
				t.Error(err)
				return
			}
			written.Add(1)
		}
	}()
	blocked(&written)
	close(stop)
	for read := int64(0); ; {
		select {
		case <-wrote:
			for ; read < written.Load(); read++ {
				if _, _, err := p.server.Read(ctx); err != nil {
					t.Fatal(err)
				}
			}
			return
		default:
			if _, _, err := p.server.Read(ctx); err != nil {
				t.Fatal(err)
			}
			read++
		}
	}
}

func TestStallOfAWrite(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		p := stallPair(t, lib, setup{}, rec)
		if err := p.client.Write(t.Context(), messageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.server.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.stall(t, func(*atomic.Int64) { wantEnd(t, rec, semconv.SpanStalled, 1) })
		if err := p.client.Write(t.Context(), messageText, []byte("bye")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := p.server.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantEnd(t, rec, semconv.SpanHistory, 1)
		wantEnded(t, rec)
		c := rec.Chain()
		if got, want := names(c), "block peer_window,history,stalled,wake peer_read,write"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		write, history := tracetest.One(t, c, semconv.SpanWrite), tracetest.One(t, c, semconv.SpanHistory)
		block, stalled := tracetest.One(t, c, "block"), tracetest.One(t, c, semconv.SpanStalled)
		for _, child := range []*chain.Span{history, block, stalled, tracetest.One(t, c, "wake")} {
			if child.Parent != write {
				t.Errorf("%s: got parent %v, want the write", child.Name, child.Parent)
			}
		}
		if d := block.Duration(); d < stallAfter || write.Duration() < d {
			t.Errorf("got a block of %v in a write of %v", d, write.Duration())
		}
		if len(write.Links) != 1 || write.Links[0].SpanContext.SpanID().String() != write.Str(semconv.WebSocketConnectionIDKey) {
			t.Errorf("got links %v, want one to the handshake that is not sampled", write.Links)
		}
		if got, want := write.Str(semconv.StallCauseKey), "peer_window"; got != want {
			t.Errorf("got cause %q, want %q", got, want)
		}
		if got := write.Str(semconv.WebSocketHistoryTransmitKey); !strings.Contains(got, "binary:30720@") {
			t.Errorf("got history %q", got)
		}
		if got := history.Str(semconv.WebSocketHistoryReceiveKey); got != "text:5@0.000" {
			t.Errorf("got the peer's history %q", got)
		}
		if got := history.Float(semconv.WebSocketReaderAwayKey); got < stallAfter.Seconds() || got != history.Duration().Seconds() {
			t.Errorf("got a reader that was away for %v s in %v", got, history.Duration())
		}
		if block.Int(semconv.TCPWrittenKey) == 0 || block.Float(semconv.TCPRwndLimitedKey) == 0 {
			t.Errorf("got no evidence: %v", block.Attributes)
		}
	})
}

// names returns the names of all spans, in order, without handshakes: these may take as
// long as a stall on a busy machine.
func names(c *chain.Chain) string {
	var all []string
	for _, root := range c.Roots {
		for _, s := range root.Walk() {
			if !root.Is(semconv.SpanHandshake) {
				all = append(all, s.Name)
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}
