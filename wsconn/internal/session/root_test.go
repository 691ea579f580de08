package session_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// wantSegments fails the test unless each segment begins with its first child, and links to
// the handshake and the one before it, with the given numbers of spans left out.
func wantSegments(t *testing.T, c *chain.Chain, left ...int64) {
	t.Helper()
	segments := c.Named(semconv.SpanSegment)
	if len(segments) != len(left) {
		t.Errorf("got %d segments, want %d", len(segments), len(left))
		return
	}
	for i, s := range segments {
		want := "handshake"
		if i > 0 {
			want = fmt.Sprintf("handshake segment%d", i)
		}
		if got := linked(s); got != want {
			t.Errorf("segment %d: got links to %q, want %q", i+1, got, want)
		}
		if got := s.Int(semconv.WebSocketSegmentIndexKey); got != int64(i+1) {
			t.Errorf("segment %d: got index %d", i+1, got)
		}
		if got := s.Int(semconv.SpansSuppressedKey); got != left[i] {
			t.Errorf("segment %d: got %d spans left out, want %d", i+1, got, left[i])
		}
		var first *chain.Span
		for _, child := range c.Spans {
			if child.ParentID == s.SpanID && (first == nil || child.Start.Before(first.Start)) {
				first = child
			}
		}
		if first == nil {
			t.Errorf("segment %d: got no child", i+1)
		} else if !first.Start.Equal(s.Start) {
			t.Errorf("segment %d begins at %v, and its first child, a %s, at %v", i+1, s.Start, first.Name, first.Start)
		}
	}
}

// A flood of messages without spans leaves no segment behind, however long it lasts.
// The first recorded span begins one.
func TestSegmentOfNothing(t *testing.T) {
	for _, test := range []struct {
		name   string
		spans  session.MessageSpans
		budget session.Option
		want   string
		left   []int64
	}{
		{"blocked", session.MessagesBlocked, session.WithTraceBudget(0, time.Second), `
			handshake
				close {status=error, error.type=close_now}
			segment -> handshake
				write
					block {block.reason=net.write}
					wake {wake.reason=writable}
			segment -> handshake -> segment
				write ×2
					block {block.reason=net.write}
					wake {wake.reason=writable}
		`, []int64{50, 50}},
		{"none", session.MessagesNone, session.WithTraceBudget(0, time.Second), `
			handshake
				close {status=error, error.type=close_now}
		`, nil},
		// A run is recorded, too.
		{"auto", session.MessagesAuto, session.WithTraceBudget(16, 0), `
			handshake
				write ×16
				close {status=error, error.type=close_now}
			segment -> handshake
				writes ×4
				write
					block {block.reason=net.write}
					wake {wake.reason=writable}
				writes ×5
				write
					block {block.reason=net.write}
					wake {wake.reason=writable}
			segment -> handshake -> segment
				write
					block {block.reason=net.write}
					wake {wake.reason=writable}
		`, []int64{0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{
					session.WithMessageSpans(test.spans), test.budget,
				}})
				for range 2 {
					for range 50 { // five times as long as a trace
						writeTo(t, c, p, 0)
						time.Sleep(100 * ms)
					}
					writeTo(t, c, p, 10*ms)
				}
				writeTo(t, c, p, 10*ms)
				_ = c.CloseNow()
				wantEnded(t, rec)
				tracetest.AssertTree(t, rec.Chain(), test.want, tracetest.Without(steps))
				wantSegments(t, rec.Chain(), test.left...)
			})
		})
	}
}

// writeTo writes a message to the peer, which reads it after some time.
func writeTo(t *testing.T, c conn, p *peer, after time.Duration) {
	t.Helper()
	received := make(chan struct{})
	go func() {
		defer close(received)
		time.Sleep(after)
		_, _ = p.receive(t)
	}()
	synctest.Wait() // it waits
	if err := c.Write(t.Context(), messageText, []byte("m")); err != nil {
		t.Error(err)
	}
	<-received
}

// An operation that began before a segment's first span, and is recorded later, is in
// the trace before: no span begins before the root of its trace.
func TestSegmentBegunMeanwhile(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{
			session.WithMessageSpans(session.MessagesBlocked), session.WithTraceBudget(0, time.Second),
		}})
		time.Sleep(2 * time.Second)
		read := make(chan struct{})
		go func() {
			defer close(read)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, _ = c.Read(ctx)
		}()
		time.Sleep(100 * ms)
		writeTo(t, c, p, 10*ms)
		<-read
		_ = c.CloseNow()
		wantEnded(t, rec)
		wantSegments(t, rec.Chain(), 0)
		handshake, failed := tracetest.One(t, rec.Chain(), semconv.SpanHandshake), tracetest.One(t, rec.Chain(), semconv.SpanRead)
		if failed.ParentID != handshake.SpanID || failed.TraceID != handshake.TraceID {
			t.Errorf("the read, which began before the segment, is below %v, want the handshake %v", failed.ParentID, handshake.SpanID)
		}
	})
}

// The close that the peer begins is in the handshake's trace, also while a read waits in
// a segment in which nothing is recorded.
func TestSegmentOfNothingClose(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{
			session.WithMessageSpans(session.MessagesBlocked), session.WithTraceBudget(0, time.Second),
		}})
		time.Sleep(2 * time.Second)
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _, _ = c.Read(t.Context())
		}()
		time.Sleep(100 * ms)
		_ = p.Close()
		<-read
		_ = c.CloseNow()
		wantEnded(t, rec)
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				close {status=error, error.type=unexpected_eof}
		`, tracetest.Without(steps))
	})
}

// Spans that were suppressed before a segment that the sampler refuses are counted by
// the next recorded span: here the close.
func TestSegmentRefused(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t, sdktrace.WithSampler(noSegments{sdktrace.ParentBased(sdktrace.AlwaysSample())}))
		c, _, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{
			rec.option(), session.WithMessageSpans(session.MessagesBlocked), session.WithTraceBudget(0, time.Second),
		}})
		for range 20 {
			writeTo(t, c, p, 0)
			time.Sleep(100 * ms)
		}
		writeTo(t, c, p, 10*ms) // the sampler is asked about a segment
		_ = c.CloseNow()
		wantEnded(t, rec)
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				close {status=error, error.type=close_now}
		`, tracetest.Without(steps))
		if got, want := tracetest.One(t, rec.Chain(), semconv.SpanClose).Int(semconv.SpansSuppressedKey), int64(20); got != want {
			t.Errorf("the close counts %d spans left out, want %d", got, want)
		}
	})
}

// noSegments refuses segments.
type noSegments struct{ sdktrace.Sampler }

func (s noSegments) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if strings.HasPrefix(p.Name, semconv.SpanSegment) {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop}
	}
	return s.Sampler.ShouldSample(p)
}
