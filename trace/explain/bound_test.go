package explain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// floods are traces in which one thing happens very often: to one connection, to one
// goroutine, or in one process.
var floods = map[string]func(s *script, n int){
	"stalled writes in a segment alone": func(s *script, n int) {
		segment := s.add(0, semconv.SpanSegment, 0, 0)
		for i := range n {
			s.block(s.write(segment, i, i+1, 0), i, i+1, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
		}
	},
	"stalled writes that name a connection": func(s *script, n int) {
		for i := range n {
			w := s.write(0, i, i+1, 0)
			s.set(w, semconv.WebSocketConnectionIDKey.String("c"))
			s.block(w, i, i+1, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
		}
	},
	"stalled writes that name nothing": func(s *script, n int) {
		for i := range n {
			s.block(s.write(0, i, i+1, 0), i, i+1, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
		}
	},
	"waits for the write lock": func(s *script, n int) {
		root := s.add(0, "main", 0, n)
		for i := range n {
			s.block(s.write(root, i, i+100, 0), i, i+100, semconv.ReasonWriteLock, semconv.WakeUnlocked)
		}
	},
	"stalls not over": func(s *script, n int) {
		for i := range n {
			stalled := s.add(0, semconv.SpanStalled, 5000+i, 5000+i, semconv.StalledAgeKey.Float64(2),
				semconv.BlockReasonKey.String(string(semconv.ReasonNetWrite)), semconv.StalledOperationKey.String("write"))
			s.set(stalled, semconv.WebSocketConnectionIDKey.String("c"))
		}
	},
	"closes that nobody answers": func(s *script, n int) {
		hello, sender := s.connect()
		for i := range n {
			s.write(sender, 10+i, 10+i, 1+i)
			s.as("socket_get").add(hello, semconv.SpanRead, 10+i, 11+i)
			s.as("socket_start").add(sender, semconv.SpanClose, 5000*i, 5000*i+5000, closing("local", false)...)
		}
	},
	"closes of an end whose peer never reads": func(s *script, n int) {
		hello, sender := s.connect()
		s.write(sender, 10, 11, 1)
		s.service = "socket_get"
		for i := range n {
			s.add(hello, semconv.SpanClose, 5000*i, 5000*i+5000, closing("local", false)...)
		}
	},
	"lost again and again": func(s *script, n int) {
		_, sender := s.connect()
		for i := range n {
			s.lose(sender, 10+i, semconv.ErrorConnectionReset)
		}
	},
	"refused handshakes": func(s *script, n int) {
		root := s.add(0, "main", 0, n)
		for i := range n {
			s.fail(s.add(root, semconv.SpanHandshake, i, i+1), "timeout")
		}
	},
	"a lock that many wait for": func(s *script, n int) {
		holder := s.add(0, "holder", 0, 0, semconv.GoroutineNameKey.String("holder"))
		s.queue(n, holder, n)
	},
	"goroutines that fail": func(s *script, n int) {
		for i := range n {
			_, life := s.run(0, "worker", i, i+1, semconv.StateFailed)
			s.fail(life, "eof")
		}
	},
	"both ends blocked": func(s *script, n int) {
		hello, sender := s.connect()
		for i := range n {
			for service, run := range map[string]int{"socket_get": hello, "socket_start": sender} {
				s.service = service
				s.block(s.write(run, 10+200*i, 200+200*i, 0), 10+200*i, 200+200*i, semconv.ReasonNetWrite, semconv.WakePeerRead)
			}
		}
	},
}

// However often a thing happens, it gives one finding, or one for each place; and no
// finding grows with the number.
func TestFloods(t *testing.T) {
	t.Parallel()
	const n = 3_000
	for name, flood := range floods {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{service: "svc"}
			flood(s, n)
			found := explain.Explain(chain.New(s.spans))
			if len(found) == 0 || len(found) > 10 {
				t.Errorf("got %d findings", len(found))
			}
			for _, f := range found {
				bounded(t, &f)
			}
		})
	}
}

func bounded(t *testing.T, f *explain.Finding) {
	t.Helper()
	for what, limit := range map[string]int{f.Headline: explain.MaxHeadline, f.Text: explain.MaxText, f.Advice: explain.MaxText} {
		if n := utf8.RuneCountInString(what); n > limit {
			t.Errorf("%s: got %d characters, want %d at most: %.200s", f.Rule, n, limit, what)
		}
	}
	if len(f.Spans) > explain.MaxSpans {
		t.Errorf("%s: got %d spans", f.Rule, len(f.Spans))
	}
}

// BenchmarkFloods shows that ten times the spans take ten times the time, not a hundred
// times.
func BenchmarkFloods(b *testing.B) {
	for name, flood := range floods {
		for _, n := range []int{2_000, 20_000} {
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(name, " ", "-"), n), func(b *testing.B) {
				s := &script{service: "svc"}
				flood(s, n)
				c := chain.New(s.spans)
				for b.Loop() {
					explain.Explain(c)
				}
				b.ReportMetric(float64(b.Elapsed())/float64(time.Nanosecond)/float64(b.N)/float64(n), "ns/event")
			})
		}
	}
}

// A deep nest of everything that rules follow, under many names.
func TestManyNames(t *testing.T) {
	t.Parallel()
	s := &script{service: strings.Repeat("svc", 100_000)}
	long := strings.Repeat("name ", 100_000)
	run, life := s.run(0, long, 0, 9000, semconv.StateFailed)
	s.fail(life, long)
	s.at(life).Status.Description = long
	h := s.handshake(run, oteltrace.SpanKindClient, 0, 2000)
	s.set(h, semconv.ServerAddressKey.String(long), semconv.WebSocketConnectionIDKey.String(long))
	w := s.fail(s.write(run, 3000, 8000, 0), long)
	s.at(w).Status.Description = long
	s.block(w, 3000, 8000, semconv.ReasonNetWrite, semconv.WakeReason(long), cause(semconv.CausePeerWindow), semconv.BlockSourceKey.String(long))
	found := s.explain()
	if len(found) < 2 {
		t.Errorf("got %v", found)
	}
	for _, f := range found {
		bounded(t, &f)
	}
}
