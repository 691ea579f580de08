package explain_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

func cause(c semconv.Cause) attribute.KeyValue { return semconv.BlockCauseKey.String(string(c)) }

// seed makes the story's spans. socket_get reads three messages and stops. socket_start
// writes until it blocks, and is woken when socket_get ends.
func seed() *script {
	s := &script{}
	hello, sender := s.connect()
	for i := 1; i <= 311; i++ {
		s.write(sender, 4+i, 4+i, i)
	}
	w := s.fail(s.write(sender, 400, 3112, 0), semconv.ErrorConnectionReset)
	s.block(w, 401, 3111, semconv.ReasonNetWrite, semconv.WakePeerReset, cause(semconv.CausePeerWindow),
		semconv.TCPRwndLimitedKey.Float64(2.6), semconv.TCPWrittenKey.Int(4665), semconv.TCPSendQueueKey.Int(2325),
		semconv.TCPNotSentKey.Int(2310), semconv.TCPPeerWindowKey.Int(0))
	s.as("socket_get")
	for i := 1; i <= 3; i++ {
		s.add(hello, semconv.SpanRead, 4+i, 5+i, semconv.WebSocketMessageIndexKey.Int(i))
	}
	return s
}

func TestSeedIsAnswered(t *testing.T) {
	t.Parallel()
	s := seed()
	s.want(t, "problem sender-stalled ×1 2.71s: socket_start's sen_data was blocked 2.71 s writing: socket_get was not "+
		"reading | It was the write after message 311; socket_get's receive window was closed for 2.6 s of that. "+
		"Its reader hello had last read 393 ms before that. By then 4,665 bytes had been handed to the kernel, "+
		"and 2,325 bytes of them were not acknowledged (2,310 bytes not even sent), which is why the 311 writes "+
		"before it did not block. What woke it: socket_get reset the connection; the write failed with "+
		"connection_reset.")
	f := s.explain()[0]
	var names []string
	for _, sp := range f.Spans {
		names = append(names, sp.Name)
	}
	if got, want := len(names), 3; got != want || names[0] != semconv.SpanWrite || names[1] != semconv.SpanBlock || names[2] != semconv.SpanWake {
		t.Errorf("spans: got %v, want write, block and wake", names)
	}
	if got, want := f.At.Milliseconds(), int64(401); got != want {
		t.Errorf("at: got %d ms, want %d", got, want)
	}
}

func TestBlockedWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"nothing blocked", func(s *script) {
			_, sender := s.connect()
			s.write(sender, 5, 900, 1)
		}, nil},
		{"a read may block as long as it likes", func(s *script) {
			_, sender := s.connect()
			s.block(s.add(sender, semconv.SpanRead, 5, 9000), 5, 9000, semconv.ReasonNetRead, semconv.WakeReadable)
		}, nil},
		{"many, folded", func(s *script) {
			_, sender := s.connect()
			for i := range 3 {
				start := 10 + i*1000
				s.block(s.write(sender, start, start+200+i, i+1), start, start+200+i, semconv.ReasonNetWrite,
					semconv.WakePeerRead, cause(semconv.CausePeerWindow), semconv.TCPRwndLimitedKey.Float64(0.25))
			}
		}, []string{"warning sender-stalled ×3 603ms: socket_start's sen_data was blocked 603 ms writing: socket_get was not " +
			"reading | The longest of 3 times took 202 ms, in the write of message 3; socket_get's receive window was " +
			"closed all that time. What woke it: socket_get read again."}},
		{"short ones set the pace, and the last one failed", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 60, 1), 10, 60, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
			s.block(s.fail(s.write(sender, 61, 90, 0), semconv.ErrorBrokenPipe), 61, 90, semconv.ReasonNetWrite,
				semconv.WakePeerClosed, cause(semconv.CausePeerWindow))
		}, []string{"info sender-stalled ×2 79ms: socket_start's sen_data was blocked 79 ms writing: socket_get was not " +
			"reading | The longest of 2 times took 50 ms, in the write of message 1; socket_get's receive window was " +
			"closed. What woke it: socket_get read again. Later: socket_get closed its end; the write failed with " +
			"broken_pipe."}},
		{"the network", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 700, 1), 10, 700, semconv.ReasonNetWrite, semconv.WakeWritable,
				cause(semconv.CauseNetwork), semconv.TCPRetransmitsKey.Int(4))
		}, []string{"warning network-limited ×1 690ms: socket_start's sen_data was blocked 690 ms writing: loss or congestion " +
			"in the network | It was the write of message 1; the kernel sent 4 segments again. What woke it: the send " +
			"buffer had room again."}},
		{"late acknowledgements", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 700, 1), 10, 700, semconv.ReasonNetWrite, semconv.WakeWritable,
				cause(semconv.CauseUnknown), semconv.TCPBusyKey.Float64(0.69))
		}, []string{"info write-blocked ×1 690ms: socket_start's sen_data was blocked 690 ms writing: acknowledgements came " +
			"late | It was the write of message 1; it waited for acknowledgements, without a sign that the network " +
			"lost anything. What woke it: the send buffer had room again."}},
		{"the send buffer", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 30, 1), 10, 30, semconv.ReasonNetWrite, semconv.WakeWritable, cause(semconv.CauseLocalBuffer))
		}, []string{"info buffer-limited ×1 20ms: socket_start's sen_data was blocked 20 ms writing: its send buffer was full " +
			"| It was the write of message 1; the kernel's send buffer was full. That may well be because socket_get " +
			"was not reading: the kernel does not tell. What woke it: the send buffer had room again."}},
		{"the send buffer, full of bookkeeping", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 50, 1), 10, 50, semconv.ReasonNetWrite, semconv.WakeWritable, cause(semconv.CauseLocalBuffer),
				semconv.TCPSendQueueKey.Int(507), semconv.TCPUnackedKey.Int(39), semconv.TCPSendMemoryKey.Int(33_300),
				semconv.TCPSendBufferKey.Int(32_768))
		}, []string{"info buffer-limited ×1 40ms: socket_start's sen_data was blocked 40 ms writing: its send buffer was full " +
			"| It was the write of message 1; the kernel's send buffer was full: 507 bytes took 33.3 kB of memory, with the " +
			"bookkeeping of each segment, of 32.8 kB that it may take; 39 segments that socket_get had not acknowledged. That may " +
			"well be because socket_get was not reading: the kernel does not tell. What woke it: the send buffer had room again."}},
		{"the send buffer, of a size that is not known", func(s *script) {
			_, sender := s.connect()
			s.at(2).Name = "something else" // the goroutine that dialed is not in the trace
			s.block(s.write(sender, 10, 50, 1), 10, 50, semconv.ReasonNetWrite, semconv.WakeWritable, cause(semconv.CauseLocalBuffer),
				semconv.TCPSendQueueKey.Int(507), semconv.TCPSendMemoryKey.Int(33_300))
		}, []string{"info buffer-limited ×1 40ms: socket_start's sen_data was blocked 40 ms writing: its send buffer was full " +
			"| It was the write of message 1; the kernel's send buffer was full: 507 bytes took 33.3 kB of memory, with the " +
			"bookkeeping of each segment. That may well be because the peer was not reading: the kernel does not tell. What woke " +
			"it: the send buffer had room again."}},
		{"without evidence, long", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 5000, 1), 10, 5000, semconv.ReasonNetWrite, semconv.WakeWritable,
				semconv.BlockSourceKey.String(string(semconv.SourceTimed)))
		}, []string{"info write-blocked ×1 4.99s: socket_start's sen_data was blocked 4.99 s writing: the trace does not say " +
			"why | It was the write of message 1; the trace does not say why it was blocked (it was timed). What woke " +
			"it: the send buffer had room again."}},
		{"without evidence, short", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 50, 1), 10, 50, semconv.ReasonNetWrite, semconv.WakeWritable, cause(semconv.CauseUnknown))
		}, nil},
		{"on a connection of which the trace has no handshake", func(s *script) {
			s.service = "feed"
			run, _ := s.run(0, "send", 0, 3000, semconv.StateFinished)
			s.block(s.add(run, "publish", 10, 2000), 10, 2000, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow))
		}, []string{"problem sender-stalled ×1 1.99s: feed's send was blocked 1.99 s writing: the peer was not reading | It " +
			"was a publish; the receive window of the peer was closed."}},
		{"nobody has a name", func(s *script) {
			s.block(s.fail(s.add(0, "publish", 10, 2000), "boom"), 10, 2000, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow))
		}, []string{"problem sender-stalled ×1 1.99s: A writer was blocked 1.99 s writing: the peer was not reading | It was " +
			"a publish; the receive window of the peer was closed. The publish failed with boom."}},
		{"closed by this side, for a reason", func(s *script) {
			_, sender := s.connect()
			w := s.fail(s.write(sender, 10, 2010, 0), semconv.ErrorClosed)
			_, wake := s.block(w, 10, 2010, semconv.ReasonNetWrite, semconv.WakeClosed, cause(semconv.CausePeerWindow))
			s.set(wake, semconv.WakeCauseKey.String("tired\x1b[2J"))
			closer, _ := s.run(0, "janitor", 5, 2020, semconv.StateFinished)
			s.link(wake, s.add(closer, "shut", 2000, 2015))
		}, []string{"problem sender-stalled ×1 2s: socket_start's sen_data was blocked 2 s writing: socket_get was not " +
			"reading | It was a write; socket_get's receive window was closed. What woke it: this side closed the " +
			`connection (tired\x1b[2J), by shut #7 of socket_start's janitor; the write failed with closed.`}},
		{"a wake that is not in the vocabulary", func(s *script) {
			_, sender := s.connect()
			s.block(s.write(sender, 10, 2010, 1), 10, 2010, semconv.ReasonNetWrite, "magic", cause(semconv.CausePeerWindow))
		}, []string{"problem sender-stalled ×1 2s: socket_start's sen_data was blocked 2 s writing: socket_get was not " +
			"reading | It was the write of message 1; socket_get's receive window was closed. What woke it: magic."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}

// What the ledger says of the writes before it says of all of them, or not at all.
func TestLedgerClaimsNoMoreThanItSaw(t *testing.T) {
	t.Parallel()
	block := func(s *script, from, to int) {
		for w := from; w < to; w++ {
			s.block(w, w, w+1, semconv.ReasonNetWrite, semconv.WakeWritable)
		}
	}
	for _, tt := range []struct {
		name string
		edit func(*script)
		want string
	}{
		{"all are there", func(*script) {}, ", which is why the 311 writes before it did not block"},
		{"a few blocked", func(s *script) { block(s, 50, 52) }, ", which is why of the 311 writes before it only 2 blocked"},
		{"many blocked", func(s *script) { block(s, 50, 100) }, ""},
		{"one is missing", func(s *script) { s.at(50).Name = "gone" }, ""},
	} {
		s := seed()
		tt.edit(s)
		_, got, _ := strings.Cut(s.explain()[0].Text, "not even sent)")
		if got, _, _ = strings.Cut(got, ". What woke it"); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}
