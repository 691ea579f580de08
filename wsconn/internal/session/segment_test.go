package session_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/propagation"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// linked returns the names of the spans that s links to.
func linked(s *chain.Span) string {
	var names []string
	for _, l := range s.Links {
		if l.Span == nil {
			names = append(names, "nothing")
		} else {
			names = append(names, l.Span.Word()+l.Span.Str(semconv.WebSocketSegmentIndexKey))
		}
	}
	return strings.Join(names, " ")
}

// echoing runs fn as a server's handler. A client of the bare library writes "m" and reads
// it, n times, each a second after the other, and then closes.
func echoing(t *testing.T, lib library, n int, fn func(context.Context, conn) error, opts ...session.Option) {
	t.Helper()
	s := setup{}
	url := dialable(t, &s, lib.handler("echo", fn, opts...))
	c, _, err := lib.bare.dial(t.Context(), url, s.options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	for range n {
		_ = c.Write(t.Context(), messageText, []byte("m"))
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Error(err)
			break
		}
		time.Sleep(time.Second)
	}
	_ = c.Close(1000, "")
	synctest.Wait()
}

func echoes(ctx context.Context, c conn) error {
	for {
		typ, msg, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, msg); err != nil {
			return err
		}
	}
}

// A connection continues in another trace when it has used its budget of one.
func TestTraceBudget(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		echoing(t, lib, 5, echoes, rec.option(),
			session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(5, 0))
		// The reads wait a second, so that an echo is a read, a block, a wake and a
		// write; a read counts from when it begins.
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				echo {goroutine.state=finished}
					read
					write
					read
						block {block.reason=net.read}
						wake {wake.reason=readable}
					close -> read
			segment -> handshake
				write -> echo
				read -> echo
					block {block.reason=net.read}
					wake {wake.reason=readable}
			segment ×3 -> handshake -> segment
				write -> echo
				read -> echo
					block {block.reason=net.read}
					wake {wake.reason=readable}
		`, tracetest.Without(steps))
		handshake := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
		for i, s := range rec.Chain().Named(semconv.SpanSegment) {
			want := "handshake"
			if i > 0 {
				want = fmt.Sprintf("handshake segment%d", i)
			}
			if got := linked(s); got != want {
				t.Errorf("segment %d: got links to %s, want %s", i+1, got, want)
			}
			if s.ParentID.IsValid() {
				t.Errorf("segment %d: got a parent, want a root", i+1)
			}
			if got, want := s.Str(semconv.WebSocketConnectionIDKey), handshake.Str(semconv.WebSocketConnectionIDKey); got != want || want == "" {
				t.Errorf("segment %d: got connection %q, want %q", i+1, got, want)
			}
			if got, want := s.Str(semconv.WebSocketSegmentIndexKey), fmt.Sprint(i+1); got != want {
				t.Errorf("segment %d: got index %s", i+1, got)
			}
		}
		root := handshake.TraceID
		for _, s := range slices.Concat(rec.Chain().Named(semconv.SpanRead), rec.Chain().Named(semconv.SpanWrite)) {
			if s.TraceID == root {
				continue
			}
			if got, want := linked(s), "echo"; got != want {
				t.Errorf("a %s in a segment: got links to %q, want %s", s.Name, got, want)
			}
		}
		if got, want := linked(tracetest.One(t, rec.Chain(), semconv.SpanClose)), "read"; got != want {
			t.Errorf("close: got links to %q, want the %s in which it came", got, want)
		}
	})
}

// The program's own close links to the segment that it ends.
func TestTraceBudgetClose(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		p := connect(t, lib, setup{client: []session.Option{
			rec.option(), session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(1, 0),
		}})
		go func() { _ = echoes(t.Context(), p.server) }()
		_ = p.client.Write(t.Context(), messageText, nil)
		_, _, _ = p.client.Read(t.Context())
		_ = p.client.Close(1000, "")
		synctest.Wait()
		if got, want := linked(tracetest.One(t, rec.Chain(), semconv.SpanClose)), "segment1"; got != want {
			t.Errorf("got links to %q, want %q", got, want)
		}
		if got, want := tracetest.One(t, rec.Chain(), semconv.SpanClose).ParentID, tracetest.One(t, rec.Chain(), semconv.SpanHandshake).SpanID; got != want {
			t.Errorf("got parent %v, want the handshake %v", got, want)
		}
	})
}

func TestTraceBudgetAge(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		echoing(t, lib, 4, echoes, rec.option(),
			session.WithMessageSpans(session.MessagesAll), session.WithMinBlock(time.Minute),
			session.WithTraceBudget(0, 1500*ms))
		// The read that waits is in the trace in which it began.
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				echo {goroutine.state=finished}
					read
					write
					read
					write
					read
					close -> read
			segment -> handshake
				write -> echo
				read -> echo
				write -> echo
				read -> echo
		`, tracetest.Without(steps))
	})
}

// Under a recorder each message has its span, however busy a connection is, unless the
// test asks otherwise.
func TestMessagesRecorded(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{session.WithTraceBudget(10, time.Minute)}})
		drained := p.drain()
		for range 100 {
			_ = c.Write(t.Context(), messageText, []byte("m"))
		}
		_ = c.CloseNow()
		<-drained
		if got := len(rec.Chain().Named(semconv.SpanWrite)); got != 100 {
			t.Errorf("got %d writes, want 100", got)
		}
	})
}

// Messages in a trace of the program are not folded. A busy connection then shows what
// blocked it, and everything again once it is not busy.
func TestMessagesAuto(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{
			session.WithTraceBudget(10, time.Minute), session.WithMessageSpans(session.MessagesAuto),
		}})
		drained := p.drain()
		home := rec.Chain().Named(semconv.SpanHandshake)[0].SpanContext()
		write := func(n int, every time.Duration) {
			for i := range n {
				parent := home.WithSpanID([8]byte{0xAB, byte(i)})
				_ = c.Write(oteltrace.ContextWithSpanContext(t.Context(), parent), messageText, []byte("m"))
				time.Sleep(every)
			}
		}
		write(30, 0)                // ten have spans, the others none
		time.Sleep(2 * time.Minute) // the trace was busy: the next one has none
		write(5, time.Second)
		time.Sleep(2 * time.Minute) // the trace was not busy
		write(5, time.Second)
		_ = c.CloseNow()
		<-drained
		wantEnded(t, rec)
		var left []string
		for _, s := range rec.Chain().Named(semconv.SpanSegment) {
			left = append(left, s.Str(semconv.SpansSuppressedKey))
		}
		if got, want := strings.Join(left, ","), "25"; got != want { // an empty segment has no span
			t.Errorf("left out: got %s, want %s", got, want)
		}
		if got := len(rec.Chain().Named(semconv.SpanWrite)); got != 15 {
			t.Errorf("got %d writes, want 15", got)
		}
	})
}

// A single operation does not grow a trace without bound.
func TestTraceBudgetOneOperation(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{session.WithTraceBudget(7, 0)}})
		go func() {
			time.Sleep(ms)
			p.send(t, p.frame(opMore, ""))
			for range 9 {
				time.Sleep(ms)
				p.send(t, p.frame(opMiddle, "x"))
			}
			p.send(t, p.frame(opLast, ""))
		}()
		if _, msg, err := c.Read(t.Context()); err != nil || len(msg) != 9 {
			t.Fatalf("got %q, %v", msg, err)
		}
		read := tracetest.One(t, rec.Chain(), semconv.SpanRead)
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				read
					block {block.reason=net.read}
					wake {wake.reason=readable}
					block {block.reason=net.read}
					wake {wake.reason=readable}
					block {block.reason=net.read}
					wake {wake.reason=readable}
		`, tracetest.Without(steps))
		if got, want := read.Str(semconv.BlockCountKey)+" "+read.Str(semconv.SpansSuppressedKey), "10 14"; got != want {
			t.Errorf("blocks and spans left out: got %s, want %s", got, want)
		}
	})
}

// An operation with a span of another trace in its context stays in that trace.
func TestTraceBudgetForeign(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		for _, opts := range [][]session.Option{
			{session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(1, 0)},
			{session.WithTracePerMessage()},
		} {
			c, rec, p := rawServer(t, lib, setup{client: opts})
			drained := p.drain()
			ctx, op := trace.Start(rec.context(t.Context()), "request")
			for range 3 {
				_ = c.Write(ctx, messageText, nil)
			}
			op.End(nil)
			_ = c.CloseNow()
			<-drained
			tracetest.AssertTree(t, rec.Chain(), `
				handshake
					close {status=error, error.type=close_now}
				request
					write ×3
			`, tracetest.Without(steps))
		}
	})
}

func TestTracePerMessage(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		echoing(t, lib, 2, echoes, rec.option(), session.WithTracePerMessage())
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				echo {goroutine.state=finished}
					close -> read
			read -> handshake -> echo
			write -> handshake -> echo
			read -> handshake -> echo
				block {block.reason=net.read}
				wake {wake.reason=readable}
			write -> handshake -> echo
			read -> handshake -> echo
				block {block.reason=net.read}
				wake {wake.reason=readable}
		`, tracetest.Without(steps))
		for _, s := range slices.Concat(rec.Chain().Named(semconv.SpanRead), rec.Chain().Named(semconv.SpanWrite)) {
			if got, want := linked(s), "handshake echo"; got != want {
				t.Errorf("%s: got links to %q, want %q", s.Name, got, want)
			}
		}
	})
}

// The sampler decides about a segment as it did about the handshake.
func TestSegmentSampling(t *testing.T) {
	sampled := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1, 15: 0xff}, SpanID: oteltrace.SpanID{2}, TraceFlags: oteltrace.FlagsSampled, Remote: true,
	})
	for _, test := range []struct {
		name    string
		sampler sdktrace.Sampler
		parent  oteltrace.SpanContext
		orphans bool // the segments have a parent that is not recorded
	}{
		{"always", sdktrace.AlwaysSample(), oteltrace.SpanContext{}, false},
		{"by ratio", sdktrace.TraceIDRatioBased(.2), oteltrace.SpanContext{}, false},
		{"by the parent, or by ratio", sdktrace.ParentBased(sdktrace.TraceIDRatioBased(.2)), oteltrace.SpanContext{}, false},
		{"by the parent alone", sdktrace.ParentBased(sdktrace.NeverSample()), sampled, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				rec := newRecorder(t, sdktrace.WithSampler(test.sampler))
				for len(rec.Chain().Named(semconv.SpanSegment)) == 0 { // one connection in five is sampled
					s := setup{options: options{header: http.Header{}}}
					propagation.TraceContext{}.Inject(oteltrace.ContextWithSpanContext(t.Context(), test.parent), propagation.HeaderCarrier(s.header))
					url := dialable(t, &s, lib.handler("sender", func(ctx context.Context, c conn) error {
						for range 21 {
							_ = c.Write(ctx, messageText, nil)
						}
						return nil
					}, rec.option(), session.WithTraceBudget(2, 0), session.WithMessageSpans(session.MessagesAll)))
					c, _, err := lib.bare.dial(t.Context(), url, s.options)
					if err != nil {
						t.Fatal(err)
					}
					for err == nil {
						_, _, err = c.Read(t.Context())
					}
					_ = c.CloseNow()
					synctest.Wait()
				}
				if got, want := len(rec.Chain().Named(semconv.SpanWrite)), 21; got != want {
					t.Errorf("got %d writes, want %d", got, want)
				}
				if got, want := len(rec.Chain().Named(semconv.SpanSegment)), 19; got != want {
					t.Errorf("got %d segments, want %d", got, want)
				}
				handshake := tracetest.One(t, rec.Chain(), semconv.SpanHandshake)
				ids := map[oteltrace.TraceID]bool{}
				for _, s := range rec.Chain().Named(semconv.SpanSegment) {
					ids[s.TraceID] = true
					if got := s.ParentID.IsValid(); got != test.orphans {
						t.Errorf("a segment with a parent: got %v, want %v", got, test.orphans)
					}
					if test.orphans && s.ParentID != handshake.SpanID {
						t.Errorf("got parent %v, want the handshake %v", s.ParentID, handshake.SpanID)
					}
				}
				if ids[handshake.TraceID] || len(ids) != 19 {
					t.Errorf("got %d new traces, want 19", len(ids))
				}
			})
		})
	}
}

// If several goroutines find a trace used up, one begins the next, and the others
// continue.
func TestTraceBudgetConcurrentSafe(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{tcp: true, client: []session.Option{
			session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(3, 0),
		}})
		const writers, writes = 8, 25
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range writes {
					_ = p.client.Write(t.Context(), messageText, nil)
				}
			})
		}
		for range writers * writes {
			if _, _, err := p.server.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wg.Wait()
		if got, want := len(p.clientSpans.Chain().Named(semconv.SpanWrite)), writers*writes; got != want {
			t.Errorf("got %d writes, want %d", got, want)
		}
		segments := map[string]bool{"": true}
		for _, s := range p.clientSpans.Chain().Named(semconv.SpanSegment) {
			index := s.Str(semconv.WebSocketSegmentIndexKey)
			if segments[index] {
				t.Errorf("segment %s began twice", index)
			}
			segments[index] = true
		}
		if got := len(segments) - 1; got == 0 {
			t.Error("got no segment")
		}
	})
}

// sizes counts the spans of each trace.
type sizes struct {
	mu    sync.Mutex
	spans map[oteltrace.TraceID]int
	left  int64
}

func (s *sizes) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (s *sizes) Shutdown(context.Context) error                  { return nil }
func (s *sizes) ForceFlush(context.Context) error                { return nil }

func (s *sizes) OnEnd(span sdktrace.ReadOnlySpan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spans[span.SpanContext().TraceID()]++
	s.left += chain.FromSpans([]sdktrace.ReadOnlySpan{span})[0].Int(semconv.SpansSuppressedKey)
}

// A connection has 50,000 messages in each direction. Both ends have the same budget and
// are in the same trace at first. With the race detector, which takes a minute for so
// many, there are 10,000 in all.
func TestHundredThousandMessages(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	messages := 100_000
	if race {
		messages /= 10
	}
	each(t, func(t *testing.T, lib library) {
		for _, test := range []struct {
			name  string
			spans session.MessageSpans
		}{{"default", session.MessagesAuto}, {"all", session.MessagesAll}} {
			t.Run(test.name, func(t *testing.T) {
				count := &sizes{spans: map[oteltrace.TraceID]int{}}
				tp := session.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(count)))
				opts := []session.Option{tp, session.WithMessageSpans(test.spans)}
				p := connect(t, lib, setup{tcp: true, client: opts, server: opts})
				echoed := make(chan error, 1)
				go func() { echoed <- echoes(t.Context(), p.server) }()
				go func() {
					for range messages / 2 {
						_ = p.client.Write(t.Context(), messageBinary, []byte("message"))
					}
				}()
				for range messages / 2 {
					if _, _, err := p.client.Read(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				_ = p.client.Close(1000, "")
				<-echoed
				count.mu.Lock()
				defer count.mu.Unlock()
				all, largest := 0, 0
				for _, n := range count.spans {
					all += n
					largest = max(largest, n)
				}
				t.Logf("%d messages: %d spans in %d traces, the largest of %d; %d left out",
					messages, all, len(count.spans), largest, count.left)
				// Both ends share the handshake's trace, with the spans of the handshake;
				// and while one goroutine begins the next, the other goes on.
				if limit := 2*session.DefaultTraceSpans + 500; largest > limit {
					t.Errorf("got a trace of %d spans, want at most %d", largest, limit)
				}
				if test.spans == session.MessagesAll && all < 2*messages {
					t.Errorf("got %d spans, want one for each message read and written", all)
				}
			})
		}
	})
}
