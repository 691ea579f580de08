package explain_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// heldUpBy makes a connection whose writer is blocked. A sender waits for the writer, and
// n goroutines in line for the sender's lock.
func (s *script) heldUpBy(n int, cause ...attribute.KeyValue) {
	_, writer := s.connect()
	s.end(writer, 1000, semconv.GoroutineStateKey.String("finished"))
	s.block(s.write(writer, 10, 510, 1), 10, 500, semconv.ReasonNetWrite, semconv.WakePeerRead, cause...)
	sender, _ := s.run(0, "sender", 0, 1000, semconv.StateFinished)
	send := s.add(sender, semconv.SpanSend, 20, 501)
	_, wake := s.block(send, 20, 500, semconv.ReasonChanSend, semconv.WakeSent)
	s.link(wake, writer)
	by := sender
	for i := range n {
		run, _ := s.run(0, "speaker", 0, 1000, semconv.StateFinished)
		lock := s.add(run, semconv.SpanLock, 30, 510+10*i)
		_, wake := s.block(lock, 30, 505+10*i, semconv.ReasonLock, semconv.WakeUnlocked)
		s.link(wake, by)
		by = lock
	}
}

func TestHeldUp(t *testing.T) {
	t.Parallel()
	peer := semconv.BlockCauseKey.String(string(semconv.CausePeerWindow))
	held := func(s *script) (held []explain.Finding) {
		for _, f := range s.explain() {
			if f.Rule == explain.HeldUp {
				held = append(held, f)
			}
		}
		return held
	}
	for _, tt := range []struct {
		name string
		make func(*script)
		want string
		n    int // the number of spans that it names
	}{
		{
			"a queue", func(s *script) { s.heldUpBy(3, peer) },
			"socket_start's sen_data was blocked writing to it 1 time, 490 ms " +
				"in all; behind it socket_start's sender waited to send on a channel, 1 time, 480 ms in all; behind it " +
				"socket_start's speaker (3 of them) waited to get a lock, 3 times, 1.46 s in all.", 19,
		},
		{
			"no cause", func(s *script) { s.heldUpBy(0) },
			"socket_start's sen_data was blocked writing to it 1 time, 490 ms in all; behind it " +
				"socket_start's sender waited to send on a channel, 1 time, 480 ms in all.", 7,
		},
		{"one far behind waits for a moment", func(s *script) {
			s.heldUpBy(0, peer)
			run, _ := s.run(0, "speaker", 0, 1000, semconv.StateFinished)
			_, wake := s.block(s.add(run, semconv.SpanLock, 450, 500), 450, 500, semconv.ReasonLock, semconv.WakeUnlocked)
			for i := range s.spans {
				if s.spans[i].Name == "sender" {
					s.link(wake, i+1)
				}
			}
		}, "socket_start's sen_data was blocked writing to it 1 time, 490 ms " +
			"in all; behind it socket_start's sender waited to send on a channel, 1 time, 480 ms in all; behind it " +
			"socket_start's speaker waited to get a lock, 1 time, 50 ms in all.", 7},
		{"nobody waits", func(s *script) {
			_, writer := s.connect()
			s.block(s.write(writer, 10, 510, 1), 10, 500, semconv.ReasonNetWrite, semconv.WakePeerRead, peer)
		}, "", 0},
		{"the holder ran for most of the time", func(s *script) {
			_, writer := s.connect()
			s.block(s.write(writer, 10, 200, 1), 10, 200, semconv.ReasonNetWrite, semconv.WakePeerRead, peer)
			run, _ := s.run(0, "sender", 0, 1000, semconv.StateFinished)
			_, wake := s.block(s.add(run, semconv.SpanLock, 100, 900), 100, 900, semconv.ReasonLock, semconv.WakeUnlocked)
			s.link(wake, writer)
		}, "", 0},
		{"two that wait for each other", func(s *script) {
			a, _ := s.as("shop").run(0, "a", 0, 1000, semconv.StateFinished)
			b, _ := s.run(0, "b", 0, 1000, semconv.StateFinished)
			_, wa := s.block(s.add(a, semconv.SpanLock, 0, 900), 0, 900, semconv.ReasonLock, semconv.WakeUnlocked)
			_, wb := s.block(s.add(b, semconv.SpanLock, 0, 900), 0, 900, semconv.ReasonLock, semconv.WakeUnlocked)
			s.link(wa, b)
			s.link(wb, a)
		}, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var s script
			tt.make(&s)
			found := held(&s)
			if tt.want == "" {
				if len(found) > 0 {
					t.Errorf("got %v, want nothing", found)
				}
				return
			}
			if len(found) != 1 || found[0].Text != tt.want {
				t.Fatalf("got %v\nwant %s", found, tt.want)
			}
			if f := found[0]; len(f.Spans) != tt.n || f.Spans[0].Name != semconv.SpanWrite || f.Advice == "" {
				t.Errorf("got %d spans %v, want %d from the write on", len(f.Spans), f.Spans, tt.n)
			}
		})
	}
}
