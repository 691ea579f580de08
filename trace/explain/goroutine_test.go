package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

func TestEndedGoroutines(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"finished", func(s *script) { s.run(0, "work", 0, 100, semconv.StateFinished) }, nil},
		{"still running", func(s *script) { s.add(0, "work", 0, 1, semconv.GoroutineNameKey.String("work")) }, nil},
		{"panicked", func(s *script) {
			_, life := s.as("shop").run(0, "work", 0, 100, semconv.StatePanicked)
			s.fail(life, semconv.ErrorPanic)
		}, []string{"problem goroutine-ended ×1 100ms: shop's work panicked | It ended 100 ms after it began."}},
		{"failed", func(s *script) {
			run, life := s.as("shop").run(0, "work", 0, 100, semconv.StateFailed)
			s.fail(life, "boom")
			s.fail(s.add(run, semconv.SpanWrite, 50, 60), "boom")
		}, []string{"warning goroutine-ended ×1 100ms: shop's work failed: boom | It ended 100 ms after it began. What failed " +
			"was write #1 of shop's work."}},
		{"failed with the close that its context's end was", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "work", 0, 100, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.fail(s.add(run, semconv.SpanWrite, 50, 60), semconv.ErrorDeadlineExceeded)
		}, []string{"warning goroutine-ended ×1 100ms: socket_start's work failed: closed | It ended 100 ms after it began. What " +
			"failed was write #5 of socket_start's work."}},
		{"canceled, by whom and why", func(s *script) {
			boss, _ := s.as("shop").run(0, "boss", 0, 300, semconv.StateFinished)
			run, _ := s.run(0, "work", 0, 100, semconv.StateCanceled)
			_, wake := s.block(s.add(run, semconv.SpanRecv, 10, 90), 10, 80, semconv.ReasonChanRecv, semconv.WakeCanceled)
			s.set(wake, semconv.WakeCauseKey.String("closing time\n"))
			s.link(wake, s.add(boss, "shut", 70, 85))
		}, []string{`info goroutine-ended ×1 100ms: shop's work was canceled (closing time\n) by shut #4 of shop's boss | It ` +
			"ended 100 ms after it began."}},
		{
			"canceled, and nothing tells why", func(s *script) { s.run(0, "work", 0, 100, semconv.StateCanceled) }, nil,
		},
		{"many alike", func(s *script) {
			for i := range 7 {
				launch, life := s.as("shop").run(0, "work", 0, 100, semconv.StateFailed)
				s.fail(life, "boom")
				s.set(launch, semconv.GoroutineIDKey.Int(30+i))
				s.set(life, semconv.GoroutineIDKey.Int(30+i))
			}
			s.run(0, "play", 0, 100, semconv.StateFailed)
		}, []string{
			"warning goroutine-ended ×7 700ms: shop's work failed 7 times: boom | They were goroutine 30, goroutine 31, " +
				"goroutine 32, goroutine 33, goroutine 34, and 2 more.",
			"warning goroutine-ended ×1 100ms: shop's play failed | It ended 100 ms after it began.",
		}},
		{"with what one below it failed with", func(s *script) {
			boss, life := s.as("shop").run(0, "boss", 0, 300, semconv.StateFailed)
			s.at(s.fail(life, semconv.ErrorOther)).Status.Description = "out of stock"
			work, life := s.run(boss, "work", 10, 100, semconv.StateFailed)
			s.at(s.fail(life, semconv.ErrorOther)).Status.Description = "out of stock"
			fetch := s.fail(s.add(work, "fetch", 20, 90), semconv.ErrorOther)
			s.at(fetch).Status.Description = "out of stock"
		}, []string{"warning goroutine-ended ×1 90ms: shop's work failed: out of stock | It ended 90 ms after it began. What failed " +
			"was fetch #2 of shop's work."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}
