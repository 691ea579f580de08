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
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// traced are the names of the spans of each trace, in the order of the traces'
// first spans.
func traced(spans []sdktrace.ReadOnlySpan) string {
	names := map[oteltrace.TraceID][]string{}
	var order []oteltrace.TraceID
	for _, s := range spans {
		id := s.SpanContext().TraceID()
		if names[id] == nil {
			order = append(order, id)
		}
		names[id] = append(names[id], s.Name())
	}
	var b strings.Builder
	for i, id := range order {
		fmt.Fprintf(&b, "%d: %s\n", i, strings.Join(names[id], " "))
	}
	return b.String()
}

// linked are the names of the spans that s links to.
func linked(rec *recorder, s sdktrace.ReadOnlySpan) string {
	var names []string
	for _, l := range s.Links() {
		i := slices.IndexFunc(rec.Ended(), func(o sdktrace.ReadOnlySpan) bool { return o.SpanContext().SpanID() == l.SpanContext.SpanID() })
		if i < 0 {
			names = append(names, "nothing")
			continue
		}
		o := rec.Ended()[i]
		names = append(names, o.Name()+text(o, trace.WebSocketSegmentIndexKey))
	}
	return strings.Join(names, " ")
}

// echoing runs fn as the handler of a server, against a client of the bare
// library that writes "m" and reads it n times, each a second after the other,
// and then closes.
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

// A connection goes on in another trace when it has had its share of one.
func TestTraceBudget(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder()
		echoing(t, lib, 5, echoes, rec.option(),
			session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(5, 0))
		// The reads wait a second, so that an echo is a read, a block, a wake and a
		// write; a read counts from when it begins.
		if got, want := traced(rec.messages()), unindent(`
			0: go echo read write block wake read close echo
			1: segment write block wake read
			2: segment write block wake read
			3: segment write block wake read
			4: segment write block wake read
		`); got != want {
			t.Errorf("traces:\ngot\n%swant\n%s", got, want)
		}
		handshake := rec.one(t, trace.SpanHandshake)
		for i, s := range rec.named(trace.SpanSegment) {
			want := "handshake"
			if i > 0 {
				want = fmt.Sprintf("handshake segment%d", i)
			}
			if got := linked(rec, s); got != want {
				t.Errorf("segment %d: got links to %s, want %s", i+1, got, want)
			}
			if s.Parent().SpanID().IsValid() {
				t.Errorf("segment %d: got a parent, want a root", i+1)
			}
			if got, want := text(s, trace.WebSocketConnectionIDKey), text(handshake, trace.WebSocketConnectionIDKey); got != want || want == "" {
				t.Errorf("segment %d: got connection %q, want %q", i+1, got, want)
			}
			if got, want := text(s, trace.WebSocketSegmentIndexKey), fmt.Sprint(i+1); got != want {
				t.Errorf("segment %d: got index %s", i+1, got)
			}
		}
		root := handshake.SpanContext().TraceID()
		for _, s := range slices.Concat(rec.named(trace.SpanRead), rec.named(trace.SpanWrite)) {
			if s.SpanContext().TraceID() == root {
				continue
			}
			if got, want := linked(rec, s), "go echo"; got != want {
				t.Errorf("a %s in a segment: got links to %q, want %s", s.Name(), got, want)
			}
		}
		if got, want := linked(rec, rec.one(t, trace.SpanClose)), "read"; got != want {
			t.Errorf("close: got links to %q, want the %s in which it came", got, want)
		}
	})
}

// The program's own close links to the segment that it ends.
func TestTraceBudgetClose(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder()
		p := connect(t, lib, setup{client: []session.Option{
			rec.option(), session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(1, 0),
		}})
		go func() { _ = echoes(t.Context(), p.server) }()
		_ = p.client.Write(t.Context(), messageText, nil)
		_, _, _ = p.client.Read(t.Context())
		_ = p.client.Close(1000, "")
		synctest.Wait()
		if got, want := linked(rec, rec.one(t, trace.SpanClose)), "segment1"; got != want {
			t.Errorf("got links to %q, want %q", got, want)
		}
		if got, want := rec.one(t, trace.SpanClose).Parent().SpanID(), rec.one(t, trace.SpanHandshake).SpanContext().SpanID(); got != want {
			t.Errorf("got parent %v, want the handshake %v", got, want)
		}
	})
}

func TestTraceBudgetAge(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder()
		echoing(t, lib, 4, echoes, rec.option(),
			session.WithMessageSpans(session.MessagesAll), session.WithMinBlock(time.Minute),
			session.WithTraceBudget(0, 1500*ms))
		// The read that waits is in the trace in which it began.
		if got, want := traced(rec.messages()), unindent(`
			0: go echo read write read write read close echo
			1: segment write read write read
		`); got != want {
			t.Errorf("traces:\ngot\n%swant\n%s", got, want)
		}
	})
}

// A connection that is busy shows what held it up, and all again once it is not.
func TestMessagesAuto(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{session.WithTraceBudget(10, time.Minute)}})
		drained := p.drain()
		write := func(n int, every time.Duration) {
			for range n {
				_ = c.Write(t.Context(), messageText, []byte("m"))
				time.Sleep(every)
			}
		}
		write(30, 0)                // ten, then none
		time.Sleep(2 * time.Minute) // none of a trace that was busy
		write(5, time.Second)
		time.Sleep(2 * time.Minute) // of a trace that was not
		write(5, time.Second)
		_ = c.CloseNow()
		<-drained
		if got, want := traced(rec.messages()), unindent(`
			0: write write write write write write write write write write close
			1: segment
			2: segment
			3: segment write write write write write
		`); got != want {
			t.Errorf("traces:\ngot\n%swant\n%s", got, want)
		}
		var left []string
		for _, s := range rec.named(trace.SpanSegment) {
			left = append(left, text(s, trace.SpansSuppressedKey))
		}
		if got, want := strings.Join(left, ","), ",20,5"; got != want {
			t.Errorf("left out: got %s, want %s", got, want)
		}
	})
}

// One operation does not make a trace that grows for ever.
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
		read := rec.one(t, trace.SpanRead)
		if got, want := len(rec.messages()), 7; got != want {
			t.Errorf("got %d spans, want %d:\n%s", got, want, tree(rec.messages()))
		}
		if got, want := text(read, trace.BlockCountKey)+" "+text(read, trace.SpansSuppressedKey), "10 14"; got != want {
			t.Errorf("blocks and spans left out: got %s, want %s", got, want)
		}
	})
}

// What has a span of another trace in its context stays there.
func TestTraceBudgetForeign(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		for name, opts := range map[string][]session.Option{
			"budget":      {session.WithMessageSpans(session.MessagesAll), session.WithTraceBudget(1, 0)},
			"per message": {session.WithTracePerMessage()},
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
			if got, want := traced(rec.messages()), "0: write write write request\n1: close\n"; got != want {
				t.Errorf("%s: traces:\ngot\n%swant\n%s", name, got, want)
			}
		}
	})
}

func TestTracePerMessage(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder()
		echoing(t, lib, 2, echoes, rec.option(), session.WithTracePerMessage())
		if got, want := traced(rec.messages()), unindent(`
			0: go echo close echo
			1: read
			2: write
			3: block wake read
			4: write
			5: block wake read
		`); got != want {
			t.Errorf("traces:\ngot\n%swant\n%s", got, want)
		}
		for _, s := range slices.Concat(rec.named(trace.SpanRead), rec.named(trace.SpanWrite)) {
			if got, want := linked(rec, s), "handshake go echo"; got != want {
				t.Errorf("%s: got links to %q, want %q", s.Name(), got, want)
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
		orphans bool // the segments name a parent
	}{
		{"always", sdktrace.AlwaysSample(), oteltrace.SpanContext{}, false},
		{"by ratio", sdktrace.TraceIDRatioBased(.2), oteltrace.SpanContext{}, false},
		{"by the parent, or by ratio", sdktrace.ParentBased(sdktrace.TraceIDRatioBased(.2)), oteltrace.SpanContext{}, false},
		{"by the parent alone", sdktrace.ParentBased(sdktrace.NeverSample()), sampled, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				rec := newRecorder(sdktrace.WithSampler(test.sampler))
				for len(rec.named(trace.SpanSegment)) == 0 { // a connection in five
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
				if got, want := len(rec.named(trace.SpanWrite)), 21; got != want {
					t.Errorf("got %d writes, want %d", got, want)
				}
				if got, want := len(rec.named(trace.SpanSegment)), 19; got != want {
					t.Errorf("got %d segments, want %d", got, want)
				}
				handshake := rec.one(t, trace.SpanHandshake).SpanContext()
				ids := map[oteltrace.TraceID]bool{}
				for _, s := range rec.named(trace.SpanSegment) {
					ids[s.SpanContext().TraceID()] = true
					if got := s.Parent().SpanID().IsValid(); got != test.orphans {
						t.Errorf("a segment with a parent: got %v, want %v", got, test.orphans)
					}
					if test.orphans && s.Parent().SpanID() != handshake.SpanID() {
						t.Errorf("got parent %v, want the handshake %v", s.Parent().SpanID(), handshake.SpanID())
					}
				}
				if ids[handshake.TraceID()] || len(ids) != 19 {
					t.Errorf("got %d new traces, want 19", len(ids))
				}
			})
		})
	}
}

// Of goroutines that find a trace used up one begins the next, while the others
// go on.
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
		if got, want := len(p.clientSpans.named(trace.SpanWrite)), writers*writes; got != want {
			t.Errorf("got %d writes, want %d", got, want)
		}
		segments := map[string]bool{"": true}
		for _, s := range p.clientSpans.named(trace.SpanSegment) {
			index := text(s, trace.WebSocketSegmentIndexKey)
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
	if n, ok := attr(span, trace.SpansSuppressedKey); ok {
		s.left += n.AsInt64()
	}
}

// A connection of 100,000 messages, 50,000 there and 50,000 back, both ends with
// the same budget and, at first, in the same trace. With the race detector, which
// takes a minute for as many, they are 10,000.
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
