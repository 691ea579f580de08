package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// lose ends a connection of the goroutine without a close frame, with this error.type.
func (s *script) lose(parent, start int, typ string) {
	s.fail(s.add(parent, semconv.SpanClose, start, start+1, semconv.WebSocketCloseCompletedKey.Bool(false)), typ)
}

func TestLostConnections(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"both ends tell of it", func(s *script) {
			hello, sender := s.connect()
			s.lose(sender, 11, semconv.ErrorConnectionReset)
			s.as("socket_get").lose(hello, 10, "close_now")
		}, []string{"warning connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close " +
			"frame | socket_get closed it at once (CloseNow); socket_start lost it (connection_reset)."}},
		{"only a CloseNow", func(s *script) {
			hello, _ := s.connect()
			s.as("socket_get").lose(hello, 10, "close_now")
		}, []string{"info connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close frame | " +
			"socket_get closed it at once (CloseNow)."}},
		{"many, alike", func(s *script) {
			for range 2 {
				hello, sender := s.connect()
				s.lose(sender, 11, semconv.ErrorConnectionReset)
				s.as("socket_get").lose(hello, 10, "close_now")
			}
		}, []string{"warning connection-lost ×2 0s: 2 connections of socket_get with socket_start ended without a close frame " +
			"| Of the first: socket_get (127.0.0.1:40002) closed it at once (CloseNow); socket_start lost it " +
			"(connection_reset). They are 127.0.0.1:40002, 127.0.0.1:40008."}},
		{"what came was not read, and a close frame may be in it", func(s *script) {
			hello, _ := s.connect()
			s.at(3).Name = "something else" // its peer is not in the trace
			s.as("socket_get").lose(hello, 10, "close_now")
			s.set(len(s.spans), semconv.WebSocketCloseUnreadKey.Int(48_000))
		}, []string{"info connection-lost ×1 0s: The connection of socket_get ended, and no close frame was read | socket_get closed " +
			"it at once (CloseNow), with 48 kB of its peer's that were never read."}},
		{"all that came was read", func(s *script) {
			hello, _ := s.connect()
			s.as("socket_get").lose(hello, 10, "close_now")
			s.set(len(s.spans), semconv.WebSocketCloseUnreadKey.Int(0))
		}, []string{"info connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close frame | " +
			"socket_get closed it at once (CloseNow)."}},
		{"a reader ended with what another goroutine closed", func(s *script) {
			hello, _ := s.connect()
			s.as("socket_get")
			run, life := s.run(hello, "read", 5, 12, semconv.StateFailed)
			s.fail(life, semconv.ErrorClosed)
			s.fail(s.add(run, semconv.SpanRead, 6, 11), semconv.ErrorClosed)
			s.lose(hello, 10, "close_now")
		}, []string{"info connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close frame | " +
			"socket_get closed it at once (CloseNow), and read ended with it."}},
		{"a reader and a writer ended with what was lost", func(s *script) {
			_, sender := s.connect()
			read, life := s.run(sender, "read", 5, 12, semconv.StateFailed)
			s.fail(life, semconv.ErrorConnectionReset)
			s.fail(s.add(read, semconv.SpanRead, 6, 11), semconv.ErrorConnectionReset)
			write, life := s.run(sender, "write", 5, 12, semconv.StateFailed)
			s.fail(life, semconv.ErrorBrokenPipe)
			s.fail(s.write(write, 11, 12, 0), semconv.ErrorBrokenPipe)
			s.lose(sender, 11, semconv.ErrorConnectionReset)
		}, []string{"warning connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close frame | " +
			"socket_start lost it (connection_reset), and read, write ended with it."}},
		{"a goroutine that failed otherwise is told of by itself", func(s *script) {
			_, sender := s.connect()
			read, life := s.run(sender, "read", 5, 12, semconv.StateFailed)
			s.fail(life, "boom")
			s.fail(s.add(read, semconv.SpanRead, 6, 8), "boom")
			s.lose(sender, 11, semconv.ErrorConnectionReset)
		}, []string{
			"warning connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close frame | " +
				"socket_start lost it (connection_reset).",
			"warning goroutine-ended ×1 7ms: socket_start's read failed: boom | It ended 7 ms after it began. What failed was " +
				"read #5 of socket_start's read.",
		}},
		{"its context ended", func(s *script) {
			_, sender := s.connect()
			s.lose(sender, 10, semconv.ErrorCanceled)
		}, []string{"warning connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close " +
			"frame | socket_start gave it up when its context ended (canceled)."}},
		{"of a connection that is not known", func(s *script) {
			run, _ := s.as("feed").run(0, "send", 0, 20, semconv.StateFinished)
			s.lose(run, 10, semconv.ErrorUnexpectedEOF)
		}, []string{"warning connection-lost ×1 0s: A connection of feed's send ended without a close frame | feed's send " +
			"lost it (unexpected_eof)."}},
		{"a close frame was sent", func(s *script) {
			hello, _ := s.connect()
			s.as("socket_get")
			s.fail(s.add(hello, semconv.SpanClose, 10, 11, closing("local", false)...), "1011")
		}, nil},
		{"it does not say how it was closed", func(s *script) {
			hello, _ := s.connect()
			s.as("socket_get")
			s.fail(s.add(hello, semconv.SpanClose, 10, 11), "boom")
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
