package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// queue makes n goroutines that wait for a lock. holder releases it to the first, and each
// of them to the next.
func (s *script) queue(n, holder int, every int) {
	for i := range n {
		run, _ := s.run(0, "worker", 0, 1000, semconv.StateFinished)
		end := 100 + i*every
		op := s.add(run, semconv.SpanLock, 10, end+every)
		_, wake := s.block(op, 10, end, semconv.ReasonLock, semconv.WakeUnlocked)
		s.link(wake, holder)
		holder = op
	}
}

func TestContention(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"a lock", func(s *script) {
			boss, _ := s.as("shop").run(0, "boss", 0, 1000, semconv.StateFinished)
			s.queue(4, s.add(boss, semconv.SpanLock, 5, 100), 50)
		}, []string{"warning contended ×4 660ms: Up to 4 at once waited for a lock: 4 times, 660 ms in all | The longest wait was " +
			"that of shop's worker (#4): 240 ms, ended by lock #10 of shop's worker. Of the 4 waits, shop's worker ended 3."}},
		{"a lock with a name, let go by some that nobody links to one another", func(s *script) {
			for range 3 {
				boss, _ := s.as("shop").run(0, "boss", 0, 1000, semconv.StateFinished)
				holder := s.add(boss, semconv.SpanLock, 5, 100, semconv.SyncNameKey.String("users"))
				run, _ := s.run(0, "worker", 0, 1000, semconv.StateFinished)
				op := s.add(run, semconv.SpanLock, 10, 200, semconv.SyncNameKey.String("users"))
				_, wake := s.block(op, 10, 150, semconv.ReasonLock, semconv.WakeUnlocked)
				s.link(wake, holder)
			}
		}, []string{"warning contended ×3 420ms: Up to 3 at once waited for the lock users: 3 times, 420 ms in all | The longest wait was " +
			"that of shop's worker (#1): 140 ms, ended by lock users #6 of shop's boss. All of the waits were ended by shop's boss."}},
		{"two is no crowd", func(s *script) { s.queue(2, s.add(0, semconv.SpanLock, 5, 100), 50) }, nil},
		{"not for long", func(s *script) {
			holder := s.add(0, semconv.SpanLock, 5, 100)
			for range 4 {
				run, _ := s.run(0, "worker", 0, 1000, semconv.StateFinished)
				_, wake := s.block(s.add(run, semconv.SpanLock, 10, 12), 10, 11, semconv.ReasonLock, semconv.WakeUnlocked)
				s.link(wake, holder)
			}
		}, nil},
		{"nothing tells who let them go", func(s *script) {
			for range 4 {
				s.block(s.add(0, semconv.SpanLock, 10, 900), 10, 800, semconv.ReasonLock, semconv.WakeUnlocked)
			}
		}, nil},
		{"different locks", func(s *script) {
			for range 4 {
				s.queue(1, s.add(0, semconv.SpanLock, 5, 100), 50)
			}
		}, nil},
		{"senders, for one receiver", func(s *script) {
			reader, _ := s.as("shop").run(0, "reader", 0, 1000, semconv.StateFinished)
			for i := range 3 {
				run, _ := s.run(0, "worker", 0, 1000, semconv.StateFinished)
				end := 100 + i*100
				_, wake := s.block(s.add(run, semconv.SpanSend, 10, end), 10, end, semconv.ReasonChanSend, semconv.WakeReceived)
				recv := s.add(reader, semconv.SpanRecv, end-1, end+1)
				s.block(recv, end-1, end, semconv.ReasonChanRecv, semconv.WakeSent)
				s.link(wake, recv+2) // a link to the recv's own wake is as good
			}
		}, []string{"warning contended ×3 570ms: Up to 3 at once waited for room in channels: 3 times, 570 ms in all | The " +
			"longest wait was that of shop's worker (#3): 290 ms, ended by wake #20 of shop's reader. All of the waits were " +
			"ended by shop's reader."}},
		{"receivers, each at a channel of its own", func(s *script) {
			feeder, _ := s.as("shop").run(0, "feeder", 0, 1000, semconv.StateFinished)
			for range 3 {
				run, _ := s.run(0, "worker", 0, 1000, semconv.StateFinished)
				_, wake := s.block(s.add(run, semconv.SpanRecv, 10, 310), 10, 300, semconv.ReasonChanRecv, semconv.WakeSent)
				s.link(wake, feeder)
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}
