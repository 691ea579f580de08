package explain_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]*chain.Chain{"no chain": nil, "an empty chain": chain.New(nil)} {
		if got := explain.Explain(c); len(got) != 0 {
			t.Errorf("%s: got %v, want no findings", name, got)
		}
	}
}

// Findings are sorted: the most severe first, then the costliest, then causes before
// symptoms. The lifetime of a goroutine is no cost.
func TestSorted(t *testing.T) {
	t.Parallel()
	var s script
	s.run(0, "canceled", 0, 10, semconv.StateCanceled)
	s.run(0, "failed late", 30, 40, semconv.StateFailed)
	s.run(0, "failed", 20, 4000, semconv.StateFailed)
	s.run(0, "panicked", 50, 60, semconv.StatePanicked)
	for start := range 2 { // the later one costs more
		_, sender := s.connect()
		s.block(s.write(sender, 10+start, 310+100*start, 1), 10+start, 310+100*start, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow))
	}
	s.heldUpBy(1, cause(semconv.CausePeerWindow))
	var got []string
	for _, f := range s.explain() {
		got = append(got, fmt.Sprintf("%s %s %v", f.Severity, f.Rule, f.Total))
	}
	want := []string{
		"problem goroutine-ended 10ms", "warning held-up 490ms", "warning sender-stalled 490ms", "warning sender-stalled 399ms",
		"warning sender-stalled 300ms", "warning goroutine-ended 3.98s", "warning goroutine-ended 10ms",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Explain is a pure function: calls give the same result, also at the same time.
func TestPure(t *testing.T) {
	t.Parallel()
	c := chain.New(seed().spans)
	want := explain.Explain(c)
	got := make(chan []explain.Finding)
	for range 4 {
		go func() { got <- explain.Explain(c) }()
	}
	for range 4 {
		if g := <-got; !reflect.DeepEqual(g, want) {
			t.Errorf("got %v, want %v", g, want)
		}
	}
}

// random makes spans with arbitrary names, times, attributes, parents and links.
func random(rng *rand.Rand, n int) []chain.Span {
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	at := func() time.Time {
		switch rng.IntN(20) {
		case 0:
			return time.Time{}
		case 1:
			return time.Unix(rng.Int64()-rng.Int64(), 0)
		default:
			return epoch.Add(time.Duration(rng.IntN(5000)) * time.Millisecond)
		}
	}
	values := map[attribute.Key][]string{
		semconv.BlockReasonKey:             {"net.write", "net.read", "write.lock", "lock", "chan.send", "pong", "select", "\x00"},
		semconv.BlockCauseKey:              {"peer_window", "network", "local_buffer", "unknown", "\xff"},
		semconv.WakeReasonKey:              {"peer_read", "peer_reset", "unlocked", "canceled", "closed", "received", "\u202e"},
		semconv.WakeCauseKey:               {"why\x1b[31m"},
		semconv.GoroutineStateKey:          {"panicked", "failed", "canceled", "finished", "?"},
		semconv.ErrorTypeKey:               {"connection_reset", "close_now", "canceled", strings.Repeat("x", 100)},
		semconv.WebSocketHandshakeCheckKey: {"origin", "status", "\n"},
		semconv.WebSocketCloseInitiatorKey: {"local", "remote"},
		semconv.BlockSourceKey:             {"timed", "poll"},
		semconv.ServerAddressKey:           {"example.org", "::1"},
		semconv.BlockHolderKey:             {spanID(1).String(), spanID(2).String(), "x"},
		semconv.NetworkLocalAddressKey:     {"127.0.0.1", "::1", "\x1b"},
		semconv.NetworkPeerAddressKey:      {"127.0.0.1", "::1", "\u202e"},
		semconv.NetworkLocalPortKey:        {"1", "2"},
		semconv.NetworkPeerPortKey:         {"1", "2"},
	}
	numbers := []attribute.Key{
		semconv.HTTPResponseStatusCodeKey, semconv.WebSocketMessageIndexKey, semconv.TCPWrittenKey, semconv.TCPSendQueueKey,
		semconv.TCPNotSentKey, semconv.TCPRwndLimitedKey, semconv.TCPRetransmitsKey, semconv.WebSocketCloseCodeKey,
	}
	spans := make([]chain.Span, n)
	for i := range spans {
		s := &spans[i]
		s.TraceID, s.SpanID = oteltrace.TraceID{1}, spanID(1+rng.IntN(n))
		s.ParentID = spanID(rng.IntN(n + 1))
		s.Name = pick("handshake", "handshake", "read", "write", "write", "ping", "pong", "close", "block", "block", "wake",
			"wake", "a", "a", "go ", "lock", "connect", "", "\x1b]0;\a")
		s.Service = pick("", "x", "y", "\u202e")
		s.Kind = oteltrace.SpanKind(rng.IntN(6))
		s.Status.Code = codes.Code(rng.IntN(3))
		s.Start, s.End = at(), at()
		for key, of := range values {
			if rng.IntN(2) == 0 {
				s.Attributes = append(s.Attributes, key.String(pick(of...)))
			}
		}
		for _, key := range numbers {
			switch rng.IntN(6) {
			case 0:
				s.Attributes = append(s.Attributes, key.Int64(rng.Int64()-rng.Int64()))
			case 1:
				s.Attributes = append(s.Attributes, key.Float64(rng.NormFloat64()*1e30))
			case 2:
				s.Attributes = append(s.Attributes, key.String("x"))
			case 3:
				s.Attributes = append(s.Attributes, key.Int(101))
			}
		}
		if rng.IntN(2) == 0 {
			s.Attributes = append(s.Attributes, semconv.WebSocketCloseCompletedKey.Bool(rng.IntN(2) == 0))
		}
		for range rng.IntN(3) {
			s.Links = append(s.Links, chain.Link{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
				TraceID: oteltrace.TraceID{1}, SpanID: spanID(1 + rng.IntN(n+1)),
			})})
		}
	}
	return spans
}

// FuzzExplain explains any trace. The text must be safe on a terminal.
func FuzzExplain(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(seed, uint16(1+seed*seed))
	}
	f.Fuzz(func(t *testing.T, seed uint64, n uint16) {
		found := explain.Explain(chain.New(random(rand.New(rand.NewPCG(seed, 0)), int(n%2000))))
		for i, f := range found {
			if len(f.Spans) == 0 || slices.Contains(f.Spans, nil) || f.Headline == "" || f.Advice == "" || f.Count < 1 || f.Total < 0 {
				t.Errorf("got %+v, want spans, headline, advice, count and total", f)
			}
			if i > 0 && found[i-1].Severity < f.Severity {
				t.Errorf("got %s after %s, want the most severe first", f.Severity, found[i-1].Severity)
			}
			if n := utf8.RuneCountInString(f.Headline); n > explain.MaxHeadline {
				t.Errorf("got a headline of %d characters, want %d at most: %q", n, explain.MaxHeadline, f.Headline)
			}
			if i := strings.IndexFunc(f.Headline+f.Text+f.Advice, func(r rune) bool { return r < ' ' || r == '\u202e' || r == '\ufffd' }); i >= 0 {
				t.Errorf("got %q, want it escaped", f.Text)
			}
		}
	})
}

// large makes a trace of n spans in which every rule has findings.
func large(n int) []chain.Span {
	var s script
	hello, sender := s.connect()
	peer := sender
	for i := 0; len(s.spans) < n; i++ {
		if i%1000 == 999 {
			hello, sender = s.connect()
			peer = sender
		}
		start := i * 20
		s.as("socket_start")
		run, _ := s.run(sender, "work", start, start+20, semconv.StateFailed)
		w := s.write(sender, start, start+19, i)
		s.block(w, start+1, start+18, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
		_, wake := s.block(s.write(run, start, start+20, i), start, start+19, semconv.ReasonWriteLock, semconv.WakeUnlocked)
		s.link(wake, w)
		_, wake = s.block(s.add(run, semconv.SpanLock, start, start+300), start, start+290, semconv.ReasonLock, semconv.WakeUnlocked)
		s.link(wake, peer)
		peer = run
		s.as("socket_get").add(hello, semconv.SpanRead, start, start+1)
	}
	return s.spans
}

// deep makes a trace of n spans each below the one before it.
func deep(n int) []chain.Span {
	var s script
	kinds := []oteltrace.SpanKind{oteltrace.SpanKindClient, oteltrace.SpanKindServer}
	for i := range n {
		var id int
		switch i % 4 {
		case 0:
			id = s.handshake(i, kinds[i/4%2], i, n)
		case 1:
			id = s.add(i, "x", i, n, semconv.GoroutineNameKey.String("x"))
		case 2:
			id = s.write(i, i, n, i)
		default:
			id = s.add(i, semconv.SpanBlock, i, n, semconv.BlockReasonKey.String("net.write"), cause(semconv.CausePeerWindow))
		}
		s.at(id).TraceID = oteltrace.TraceID{1}
	}
	return s.spans
}

func BenchmarkExplain(b *testing.B) {
	for name, spans := range map[string]func(int) []chain.Span{"large": large, "deep": deep} {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/spans=%d", name, n), func(b *testing.B) {
				c := chain.New(spans(n))
				b.ReportAllocs()
				for b.Loop() {
					explain.Explain(c)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/span")
			})
		}
	}
}
