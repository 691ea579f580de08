package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// An operation that a normal close ends has not failed. One that failed before it, or that
// another close ends, has.
func TestNormalEnds(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"a write after the peer's close", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 21, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.add(sender, semconv.SpanClose, 10, 11, closing("remote", true)...)
			s.fail(s.write(run, 20, 21, 0), semconv.ErrorClosed)
		}, nil},
		{"a write that waited for the close", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 40, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.add(sender, semconv.SpanClose, 10, 40, closing("remote", true)...)
			s.block(s.fail(s.write(run, 8, 40, 0), semconv.ErrorClosed), 8, 40, semconv.ReasonWriteLock, semconv.WakeClosed)
		}, nil},
		{"a call after the close, which has no span", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 21, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.write(run, 8, 9, 1)
			s.add(sender, semconv.SpanClose, 10, 11, closing("remote", true)...)
		}, nil},
		{"a write after the library answered, before the program closed", func(s *script) {
			hello, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 21, semconv.StateFailed)
			s.fail(life, semconv.ErrorBrokenPipe)
			s.fail(s.write(run, 19, 20, 0), semconv.ErrorBrokenPipe)
			s.fail(s.add(sender, semconv.SpanClose, 21, 22, semconv.WebSocketCloseCompletedKey.Bool(false)), semconv.ErrorBrokenPipe)
			s.as("socket_get").add(hello, semconv.SpanClose, 10, 11, closing("local", true)...)
		}, nil},
		{"a write that failed before", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 9, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.fail(s.write(run, 8, 9, 0), semconv.ErrorClosed)
			s.add(sender, semconv.SpanClose, 500, 501, closing("remote", true)...)
		}, []string{"warning goroutine-ended ×1 4ms: socket_start's feed failed: closed | It ended 4 ms after it began. What " +
			"failed was write #5 of socket_start's feed."}},
		{"a write after the peer's close with an error", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 21, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.fail(s.add(sender, semconv.SpanClose, 10, 11, closing("remote", true)...), "1008")
			s.fail(s.write(run, 20, 21, 0), semconv.ErrorClosed)
		}, []string{"warning goroutine-ended ×1 16ms: socket_start's feed failed: closed | It ended 16 ms after it began. What " +
			"failed was write #6 of socket_start's feed."}},
		{"a write after the close that failed otherwise", func(s *script) {
			_, sender := s.connect()
			run, life := s.run(sender, "feed", 5, 21, semconv.StateFailed)
			s.fail(life, "boom")
			s.add(sender, semconv.SpanClose, 10, 11, closing("remote", true)...)
			s.fail(s.write(run, 20, 21, 0), "boom")
		}, []string{"warning goroutine-ended ×1 16ms: socket_start's feed failed: boom | It ended 16 ms after it began. What " +
			"failed was write #6 of socket_start's feed."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}
