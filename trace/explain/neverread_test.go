package explain_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

// closing returns the attributes of a close whose frame initiator sent first.
func closing(initiator string, completed bool) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.WebSocketCloseCodeKey.Int(1000), semconv.WebSocketCloseInitiatorKey.String(initiator),
		semconv.WebSocketCloseCompletedKey.Bool(completed),
	}
}

func TestNeverRead(t *testing.T) {
	t.Parallel()
	// unanswered makes a client whose pings and close stay unanswered.
	unanswered := func(s *script) (hello, sender int) {
		hello, sender = s.connect()
		s.write(sender, 5, 6, 1)
		s.as("socket_get")
		s.add(hello, semconv.SpanRead, 5, 7)
		s.block(s.fail(s.add(hello, semconv.SpanPing, 10, 310), semconv.ErrorDeadlineExceeded), 10, 310, semconv.ReasonPong, semconv.WakeDeadline)
		s.add(hello, semconv.SpanClose, 400, 5400, closing("local", false)...)
		return hello, sender
	}
	const told = "warning never-read ×2 5.3s: socket_start's sen_data wrote and never read, and left socket_get unanswered " +
		"for 5.3 s | It made 1 write on the connection, and the trace has no read there. It did not answer " +
		"socket_get's close frame in 5 s, nor 1 ping of socket_get in up to 300 ms."
	const unansweredClose = "warning close-unanswered ×1 5s: socket_get's hello waited 5 s for socket_start to answer its close " +
		"frame, in vain | It sent the code 1000, and gave up. The trace has no read of socket_start in that time."
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"nothing was answered", func(s *script) { unanswered(s) }, []string{told}},
		{"nobody asked", func(s *script) {
			hello, sender := s.connect()
			s.write(sender, 5, 6, 1)
			s.as("socket_get").add(hello, semconv.SpanClose, 400, 401, closing("local", true)...)
		}, nil},
		{"it read", func(s *script) {
			_, sender := unanswered(s)
			s.as("socket_start").add(sender, semconv.SpanRead, 7, 8)
		}, []string{unansweredClose}},
		{"it answered a ping", func(s *script) {
			_, sender := unanswered(s)
			s.as("socket_start").add(sender, semconv.SpanPong, 7, 8)
		}, []string{unansweredClose}},
		{"it saw a close frame", func(s *script) {
			_, sender := unanswered(s)
			s.as("socket_start").add(sender, semconv.SpanClose, 5000, 5001, closing("remote", false)...)
		}, []string{strings.Replace(strings.Replace(unansweredClose, "×1 5s", "×1 4.6s", 1), "waited 5 s", "waited 4.6 s", 1)}},
		{"it got a pong", func(s *script) {
			_, sender := unanswered(s)
			s.as("socket_start")
			s.block(s.add(sender, semconv.SpanPing, 7, 9), 7, 8, semconv.ReasonPong, semconv.WakeReceived)
		}, []string{unansweredClose}},
		{"it was gone before long", func(s *script) {
			hello, sender := s.connect()
			s.write(sender, 5, 6, 1)
			s.as("socket_get").add(hello, semconv.SpanClose, 400, 5400, closing("local", false)...)
			s.as("socket_start").add(sender, semconv.SpanClose, 500, 501, closing("local", true)...)
		}, nil},
		{"it did not write either", func(s *script) {
			hello, _ := s.connect()
			s.as("socket_get").add(hello, semconv.SpanClose, 400, 5400, closing("local", false)...)
		}, []string{unansweredClose}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}
