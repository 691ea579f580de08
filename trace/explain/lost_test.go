package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
)

// lose ends a connection of the goroutine without a close frame.
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
