package explain_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

// A connection that continues in another trace is the same connection, with the same
// goroutines.
func TestSegments(t *testing.T) {
	t.Parallel()
	peerWindow := semconv.BlockCauseKey.String(string(semconv.CausePeerWindow))
	suppressed := semconv.SpansSuppressedKey.Int(40)
	goesOn := func(attrs ...attribute.KeyValue) (s *script, handshake, sender, segment int) {
		s = new(script)
		_, sender = s.connect()
		handshake = 3
		s.write(sender, 4, 5, 1)
		segment = s.add(0, semconv.SpanSegment, 6, 6, attrs...)
		s.link(segment, handshake)
		return s, handshake, sender, segment
	}
	for _, tt := range []struct {
		name string
		make func() *script
		want string
	}{
		{"in a segment", func() *script {
			s, _, sender, segment := goesOn()
			w := s.write(segment, 10, 2010, 0)
			s.link(w, sender)
			s.block(w, 10, 2000, semconv.ReasonNetWrite, semconv.WakePeerRead, peerWindow)
			return s
		}, "socket_start's sen_data was blocked 1.99 s writing: socket_get was not reading | It was the write after message 1; socket_get's receive window was closed. What woke it: " +
			"socket_get read again."},
		{"a message's own trace", func() *script {
			s, handshake, sender, _ := goesOn()
			w := s.write(0, 10, 2010, 0)
			s.link(w, handshake)
			s.link(w, sender)
			s.block(w, 10, 2000, semconv.ReasonNetWrite, semconv.WakePeerRead, peerWindow)
			return s
		}, "socket_start's sen_data was blocked 1.99 s writing: socket_get was not reading | It was the write after message 1; socket_get's receive window was closed. What woke it: " +
			"socket_get read again."},
		{"after what was left out", func() *script {
			s, _, sender, segment := goesOn()
			w := s.write(segment, 10, 2010, 0)
			s.set(w, suppressed)
			s.link(w, sender)
			s.block(w, 10, 2000, semconv.ReasonNetWrite, semconv.WakePeerRead, peerWindow)
			return s
		}, "socket_start's sen_data was blocked 1.99 s writing: socket_get was not reading | It was a write; socket_get's receive window was closed. What woke it: socket_get read again."},
		{"after a segment that says so", func() *script {
			s, _, _, segment := goesOn(suppressed)
			w := s.write(segment, 10, 2010, 0)
			s.block(w, 10, 2000, semconv.ReasonNetWrite, semconv.WakePeerRead, peerWindow)
			return s
		}, "socket_start was blocked 1.99 s writing: socket_get was not reading | It was a write; socket_get's receive window was closed. What woke it: socket_get read again."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.make().want(t, "problem sender-stalled ×1 1.99s: "+tt.want)
		})
	}
}
