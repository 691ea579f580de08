package explain_test

import (
	"testing"

	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// both makes a connection on which each end blocks in a write.
func both(s *script, clientFrom, clientTo, serverFrom, serverTo int) (hello, sender int) {
	hello, sender = s.connect()
	s.block(s.write(sender, serverFrom, serverTo, 1), serverFrom, serverTo, semconv.ReasonNetWrite, semconv.WakePeerReset, cause(semconv.CausePeerWindow))
	s.as("socket_get")
	s.block(s.write(hello, clientFrom, clientTo, 1), clientFrom, clientTo, semconv.ReasonNetWrite, semconv.WakeDeadline, cause(semconv.CausePeerWindow))
	return hello, sender
}

func TestDeadlocks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want string // the text; "" means no finding
	}{
		{
			"both wrote and none read", func(s *script) { both(s, 10, 1010, 20, 1020) },
			"Both ends of the connection were blocked writing at once, and the trace has no read on either in that " +
				"time: socket_get's hello in the write of message 1, socket_start's sen_data in the write of message 1. Each " +
				"waited for the other to read. What ended it for socket_get's hello: its deadline passed.",
		},
		{
			"more than once", func(s *script) {
				hello, sender := both(s, 10, 1010, 20, 1020)
				s.block(s.write(hello, 1011, 1500, 2), 1011, 1500, semconv.ReasonNetWrite, semconv.WakeWritable)
				s.as("socket_start")
				s.block(s.write(sender, 1100, 1400, 2), 1100, 1400, semconv.ReasonNetWrite, "")
			},
			"Both ends of the connection were blocked writing at once 2 times; the longest was for 990 ms, and " +
				"the trace has no read on either in that time: socket_get's hello in the write of message 1, socket_start's " +
				"sen_data in the write of message 1. Each waited for the other to read. What ended it for socket_get's hello: " +
				"its deadline passed.",
		},
		{"a read was in progress on the one end", func(s *script) {
			hello, _ := both(s, 10, 1010, 20, 1020)
			s.add(hello, semconv.SpanRead, 5, 25)
		}, ""},
		{"a read was in progress on the other end", func(s *script) {
			_, sender := both(s, 10, 1010, 20, 1020)
			s.as("socket_start").add(sender, semconv.SpanRead, 900, 2000)
		}, ""},
		{
			"reads before and after", func(s *script) {
				hello, sender := both(s, 10, 1010, 20, 1020)
				s.add(hello, semconv.SpanRead, 5, 20)
				s.as("socket_start").add(sender, semconv.SpanRead, 1010, 2000)
			},
			"Both ends of the connection were blocked writing at once, and the trace has no read on either in that " +
				"time: socket_get's hello in the write of message 1, socket_start's sen_data in the write of message 1. Each " +
				"waited for the other to read. What ended it for socket_get's hello: its deadline passed.",
		},
		{"too short", func(s *script) { both(s, 10, 100, 20, 119) }, ""},
		{"one after the other", func(s *script) { both(s, 10, 500, 500, 1000) }, ""},
		{"one end is not in the trace", func(s *script) {
			both(s, 10, 1010, 20, 1020)
			s.at(3).Name = "something else"
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			got := ""
			for _, f := range s.explain() {
				if f.Rule == explain.Deadlock {
					got += f.Text
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
