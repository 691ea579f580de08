package chain_test

import (
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// stalled adds a `stalled` of a block that began at since, in microseconds. It links to
// the operation, which need not be in the trace.
func (s *script) stalled(run, op int, since, at float64) int {
	id := s.add(run, semconv.SpanStalled, at, at+5,
		semconv.BlockReasonKey.String(string(semconv.ReasonNetWrite)), semconv.BlockCauseKey.String(string(semconv.CausePeerWindow)),
		semconv.StalledOperationKey.String(semconv.SpanWrite), semconv.StalledAgeKey.Float64((at-since)/1e6),
		semconv.StalledReaderKey.String("hello is in sleep for 3s"))
	s.at(id).Links = []chain.Link{{SpanContext: (&chain.Span{TraceID: traceID, SpanID: spanID(op)}).SpanContext()}}
	return id
}

// stall is a goroutine whose write is stuck from 100 µs on. Two spans `stalled` report it.
func (s *script) stall() (run, op, last int) {
	s.service = "socket_start"
	run = s.add(0, "sen_data", 0, 3, semconv.GoroutineNameKey.String("sen_data"))
	op = 99
	first := s.stalled(run, op, 100, 1_000_100)
	last = s.stalled(run, op, 100, 10_000_100)
	s.link(last, first)
	return run, op, last
}

// A block goes on unless the chain has its end, or the end of the operation or goroutine
// around it.
func TestStillBlocked(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		more func(s *script, run, last int)
		want bool
	}{
		{"no end", func(*script, int, int) {}, true},
		{"the goroutine did something else before", func(s *script, run, _ int) { s.add(run, semconv.SpanWrite, 10, 20) }, true},
		{"the block", func(s *script, run, last int) {
			op := s.add(run, semconv.SpanWrite, 90, 11_000_000)
			s.at(last).Links[0].SpanContext = s.at(op).SpanContext()
			block, _ := s.block(op, 100, 10_900_000, 11_000_000, semconv.ReasonNetWrite, semconv.CausePeerWindow, semconv.WakePeerRead)
			s.link(block, last)
		}, false},
		{"the block alone", func(s *script, run, last int) {
			s.link(s.add(run, semconv.SpanBlock, 100, 10_900_000), last)
		}, false},
		{"the end of the operation", func(s *script, run, last int) {
			op := s.add(run, semconv.SpanWrite, 90, 11_000_000)
			s.at(last).Links[0].SpanContext = s.at(op).SpanContext()
		}, false},
		{"the operation, which goes on", func(s *script, run, last int) {
			op := s.add(run, semconv.SpanWrite, 90, 91)
			s.at(op).End = time.Time{}
			s.at(last).Links[0].SpanContext = s.at(op).SpanContext()
		}, true},
		{"the end of the goroutine", func(s *script, run, _ int) {
			s.end(run, 11_000_000, semconv.GoroutineStateKey.String(string(semconv.StateFailed)))
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			run, _, last := s.stall()
			tt.more(&s, run, last)
			told := chain.New(s.spans).Named(semconv.SpanStalled)
			if len(told) != 2 {
				t.Fatalf("got %d spans, want 2", len(told))
			}
			if _, ok := told[0].StillBlocked(); ok {
				t.Error("the first of two says that the block goes on, and the last one tells")
			}
			since, ok := told[1].StillBlocked()
			if ok != tt.want {
				t.Errorf("got %t, want %t", ok, tt.want)
			}
			if want := epoch.Add(100 * time.Microsecond); ok && !since.Equal(want) {
				t.Errorf("since %v, want %v", since, want)
			}
		})
	}
}

// Other spans are never reported as still blocked.
func TestStillBlockedOthers(t *testing.T) {
	t.Parallel()
	for _, s := range chain.New(seed().spans).Spans {
		if _, ok := s.StillBlocked(); ok {
			t.Errorf("%v is blocked", s)
		}
	}
}

// A `stalled` is in no order with the spans of its goroutine, since another goroutine
// makes it.
func TestStalledIsNobodysTurn(t *testing.T) {
	t.Parallel()
	var s script
	_, _, last := s.stall()
	next := s.add(1, semconv.SpanWrite, 20_000_000, 20_000_010)
	c := chain.New(s.spans)
	told, after := c.Lookup(traceID, spanID(last)), c.Lookup(traceID, spanID(next))
	if c.HappensBefore(told, after) || c.HappensBefore(after, told) {
		t.Error("there is an order, want none")
	}
}
