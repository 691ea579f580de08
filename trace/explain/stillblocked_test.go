package explain_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// stalled adds a `stalled` at this time, of a block that began at since, in milliseconds.
// The operation is not in the trace.
func (s *script) stalled(run int, op string, reason semconv.Reason, since, at int, attrs ...attribute.KeyValue) int {
	id := s.add(run, semconv.SpanStalled, at, at, append(attrs, semconv.BlockReasonKey.String(string(reason)),
		semconv.StalledOperationKey.String(op), semconv.StalledAgeKey.Float64(float64(at-since)/1e3))...)
	s.at(id).Links = []chain.Link{{SpanContext: (&chain.Span{TraceID: s.at(id).TraceID, SpanID: spanID(9000 + id)}).SpanContext()}}
	return id
}

func TestStillBlocked(t *testing.T) {
	t.Parallel()
	stuck := func(s *script) (senData, last int) {
		_, senData = s.connect()
		s.write(senData, 5, 6, 1)
		tcp := []attribute.KeyValue{
			semconv.BlockCauseKey.String(string(semconv.CausePeerWindow)),
			semconv.TCPRwndLimitedKey.Float64(9.9), semconv.TCPWrittenKey.Int(29_800), semconv.TCPSendQueueKey.Int(28_000),
			semconv.StalledReaderKey.String("hello, in sleep for 10 s"),
		}
		first := s.stalled(senData, semconv.SpanWrite, semconv.ReasonNetWrite, 9, 1009, tcp...)
		last = s.stalled(senData, semconv.SpanWrite, semconv.ReasonNetWrite, 9, 10009, tcp...)
		s.link(last, first)
		return senData, last
	}
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"a write", func(s *script) { stuck(s) }, []string{"problem still-blocked ×1 10s: socket_start's sen_data was still blocked in write, for 10 s | It has been " +
			"blocked since +9ms, and the trace does not have the end; the receive window of socket_get was closed for 9.9 s of " +
			"that. 29.8 kB had been handed to the kernel before, and 28 kB of them were not acknowledged. The reader " +
			"at the other end: hello, in sleep for 10 s."}},
		{"a write that the trace has", func(s *script) {
			senData, last := stuck(s)
			w := s.write(senData, 8, 11000, 2)
			block, _ := s.block(w, 9, 10900, semconv.ReasonNetWrite, semconv.WakePeerRead, semconv.BlockCauseKey.String(string(semconv.CausePeerWindow)))
			s.link(block, last)
		}, nil},
		{"many, for one lock", func(s *script) {
			for i := range 3 {
				run := s.as("shop").add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker"))
				s.stalled(run, semconv.SpanLock, semconv.ReasonLock, 10+i, 1010+i, semconv.StalledHolderKey.String("boss"))
			}
		}, []string{"problem still-blocked ×3 3s: 3 goroutines were still blocked in lock, one for 1 s | That one, shop's " +
			"worker, has been blocked since +10ms, and the trace does not have the end. It waits for boss."}},
		{"who waits for the end of others", func(s *script) {
			s.stalled(s.as("shop").add(0, "main", 0, 0, semconv.GoroutineNameKey.String("main")), semconv.SpanWait, semconv.ReasonWaitGroup, 10, 1010)
		}, []string{"info still-blocked ×1 1s: shop's main was still blocked in wait, for 1 s | It has been blocked since +10ms, and " +
			"the trace does not have the end."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			if tt.want == nil { // the `stalled` adds nothing to the block
				if found := s.explain(); len(found) != 1 || found[0].Rule != explain.SenderStalled {
					t.Errorf("got %v, want the block alone", found)
				}
				return
			}
			s.want(t, tt.want...)
		})
	}
}

// A block that goes on comes before one that has ended, even if that was longer.
func TestStillBlockedFirst(t *testing.T) {
	t.Parallel()
	var s script
	_, senData := s.connect()
	w := s.write(senData, 5, 6005, 1)
	s.block(w, 6, 6000, semconv.ReasonNetWrite, semconv.WakePeerRead, semconv.BlockCauseKey.String(string(semconv.CausePeerWindow)))
	s.stalled(senData, semconv.SpanWrite, semconv.ReasonNetWrite, 6010, 7010, semconv.BlockCauseKey.String(string(semconv.CausePeerWindow)))
	var rules []explain.Rule
	for _, f := range s.explain() {
		rules = append(rules, f.Rule)
	}
	if want := []explain.Rule{explain.StillBlocked, explain.SenderStalled}; !slices.Equal(rules, want) {
		t.Errorf("got %v, want %v", rules, want)
	}
}
