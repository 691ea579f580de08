package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace"
)

func TestEndedGoroutines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"finished", func(s *script) { s.run(0, "work", 0, 100, trace.StateFinished) }, nil},
		{"still running", func(s *script) { s.add(0, trace.SpanGo+"work", 0, 1) }, nil},
		{"panicked", func(s *script) {
			_, life := s.as("shop").run(0, "work", 0, 100, trace.StatePanicked)
			s.fail(life, trace.ErrorPanic)
		}, []string{"problem goroutine-ended ×1 100ms: shop's work panicked, 100 ms after it began."}},
		{"failed", func(s *script) {
			run, life := s.as("shop").run(0, "work", 0, 100, trace.StateFailed)
			s.fail(life, "boom")
			s.fail(s.add(run, trace.SpanWrite, 50, 60), "boom")
		}, []string{"warning goroutine-ended ×1 100ms: shop's work failed with boom, 100 ms after it began."}},
		{"canceled, by whom and why", func(s *script) {
			boss, _ := s.as("shop").run(0, "boss", 0, 300, trace.StateFinished)
			run, _ := s.run(0, "work", 0, 100, trace.StateCancelled)
			_, wake := s.block(s.add(run, trace.SpanRecv, 10, 90), 10, 80, trace.ReasonChanRecv, trace.WakeCanceled)
			s.set(wake, trace.WakeCauseKey.String("closing time\n"))
			s.link(wake, s.add(boss, "shut", 70, 85))
		}, []string{`info goroutine-ended ×1 100ms: shop's work was canceled (closing time\n) by shut #6 of shop's boss, 100 ms ` +
			"after it began."}},
		{
			"canceled, and nothing tells why", func(s *script) { s.run(0, "work", 0, 100, trace.StateCancelled) },
			[]string{"info goroutine-ended ×1 100ms: work was canceled, 100 ms after it began."},
		},
		{"many alike", func(s *script) {
			for range 3 {
				s.run(0, "work", 0, 100, trace.StateCancelled)
			}
			s.run(0, "play", 0, 100, trace.StateCancelled)
		}, []string{
			"info goroutine-ended ×3 300ms: work was canceled, 3 times.",
			"info goroutine-ended ×1 100ms: play was canceled, 100 ms after it began.",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}
