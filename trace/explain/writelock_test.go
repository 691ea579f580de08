package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

func TestWaitingWriters(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"for a write that was blocked", func(s *script) {
			_, sender := s.connect()
			s.as("socket_start")
			pinger, _ := s.run(sender, "pinger", 4, 700, semconv.StateFinished)
			first := s.write(sender, 10, 600, 1)
			s.block(first, 10, 60, semconv.ReasonNetWrite, semconv.WakeWritable)
			_, wake := s.block(s.write(pinger, 20, 620, 2), 20, 601, semconv.ReasonWriteLock, semconv.WakeUnlocked)
			s.link(wake, first)
		}, []string{"warning writer-waited ×1 581ms: socket_start's pinger waited 581 ms to write: another write was in " +
			"progress | write #5 of socket_start's sen_data was in progress, which was blocked for 50 ms itself."}},
		{"many, on one connection", func(s *script) {
			_, sender := s.connect()
			first := s.write(sender, 10, 30, 1)
			for i := range 3 {
				_, wake := s.block(s.write(sender, 20, 40+i, 2+i), 20, 31+i, semconv.ReasonWriteLock, semconv.WakeUnlocked)
				s.link(wake, first)
			}
		}, []string{"info writer-waited ×3 36ms: 3 writes waited 36 ms for another one, socket_start's sen_data up to 13 ms | " +
			"In the longest, socket_start's sen_data waited 13 ms to write: write #4 of socket_start's sen_data was " +
			"in progress."}},
		{"in vain", func(s *script) {
			_, sender := s.connect()
			w := s.fail(s.write(sender, 20, 2040, 0), semconv.ErrorDeadlineExceeded)
			s.block(w, 20, 2031, semconv.ReasonWriteLock, semconv.WakeDeadline)
		}, []string{"warning writer-waited ×1 2.011s: socket_start's sen_data waited 2.01 s to write: another write was in " +
			"progress | The trace does not have the other write. What woke it: its deadline passed; the write failed " +
			"with deadline_exceeded."}},
		{"too short to notice", func(s *script) {
			_, sender := s.connect()
			w := s.write(sender, 20, 21, 1)
			b, _ := s.block(w, 20, 21, semconv.ReasonWriteLock, semconv.WakeUnlocked)
			s.at(b).End = s.at(b).Start.Add(999_000)
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
