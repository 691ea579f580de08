package tracepong_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// Frames that a server sends.
const (
	text    = "\x81\x02hi"
	more    = "\x01\x01h"
	last    = "\x80\x01i"
	ping    = "\x89\x04ping"
	pong    = "\x8a\x04pong"
	empty   = "\x8a\x00"
	short   = "\x8a\x03\xf5wk"             // the magic without its last byte
	nearly  = "\x8a\x05\xf5wk\x02x"        // another version
	number  = "\x8a\x06123456"             // as in both libraries' answer to a ping
	garbage = "\x8a\x05\xf5wk\x01x"        // begins as a trace pong
	long    = "\x8a\x7e\x00\x7d\xf5wk\x01" // with its length in two bytes, and 121 more
)

var (
	good     = string(tracepong.Append(nil, example, false))
	masked   = string(tracepong.Append(nil, example, true))
	oversize = long + strings.Repeat("x", 121)
)

// changed is good with one byte of the payload changed.
func changed(at int, to byte) string {
	b := []byte(good)
	b[2+at] = to
	return string(b)
}

// strain passes the stream in chunks of these lengths, repeated, each into a buffer of its
// own. It returns the bytes that stay, and the events.
func strain(t *testing.T, s *tracepong.Stream, stream []byte, lengths ...int) (stays string, events []string) {
	t.Helper()
	if len(lengths) == 0 {
		lengths = []int{len(stream)}
	}
	data := 0 // of the frame in progress
	note := func(e tracepong.Event) {
		switch e.Kind {
		case tracepong.Data:
			data += len(e.Segment.Payload)
			if e.Segment.End {
				events = append(events, fmt.Sprintf("%v of %d", e.Segment.Header.Opcode, data))
				data = 0
			}
		case tracepong.Control:
			events = append(events, fmt.Sprintf("%v %q", e.Segment.Header.Opcode, e.Payload))
		case tracepong.Trace:
			events = append(events, fmt.Sprintf("trace %d %v", e.Pong.Number, e.Pong.Write.SpanID()))
		case tracepong.Malformed:
			events = append(events, "malformed")
		case tracepong.Stop:
			events = append(events, "stop")
		}
	}
	var out []byte
	for i := 0; len(stream) > 0; i++ {
		n := min(max(lengths[i%len(lengths)], 1), len(stream))
		held := s.Held()
		if held > tracepong.MaxHeld {
			t.Fatalf("%d bytes are held back", held)
		}
		buf := make([]byte, held+n)
		copy(buf[held:], stream[:n])
		stream = stream[n:]
		s.Begin(buf)
		var e tracepong.Event
		for s.Next(&e) {
			note(e)
		}
		out = append(out, buf[:s.End()]...)
	}
	buf := make([]byte, s.Held())
	s.Begin(buf)
	out = append(out, buf[:s.Release()]...)
	return string(out), events
}

func TestStream(t *testing.T) {
	const trace = "trace 7 00f067aa0ba902b7"
	for _, tt := range []struct {
		name   string
		s      tracepong.Stream
		in     string
		stays  string
		events []string
	}{
		{"a message", tracepong.Stream{On: true}, good + text, text, []string{trace, "text of 2"}},
		{"a client's", tracepong.Stream{On: true, Masked: true}, masked, "", []string{trace}},
		{
			"between others",
			tracepong.Stream{On: true},
			text + good + more + good + last + ping + good + good + pong, text + more + last + ping + pong,
			[]string{"text of 2", trace, "text of 1", trace, "continuation of 1", `ping "ping"`, trace, trace, `pong "pong"`},
		},
		{
			"the program's pongs",
			tracepong.Stream{On: true},
			pong + empty + short + nearly + number, pong + empty + short + nearly + number,
			[]string{`pong "pong"`, `pong ""`, `pong "\xf5wk"`, `pong "\xf5wk\x02x"`, `pong "123456"`},
		},
		{"too short", tracepong.Stream{On: true}, garbage + text, text, []string{"malformed", "text of 2"}},
		{"too long", tracepong.Stream{On: true}, oversize + text, text, []string{"malformed", "text of 2"}},
		{"no trace id", tracepong.Stream{On: true}, strings.ReplaceAll(good, good[10:26], strings.Repeat("\x00", 16)), "", []string{"malformed"}},
		{"no span id", tracepong.Stream{On: true}, strings.ReplaceAll(good, good[26:34], strings.Repeat("\x00", 8)), "", []string{"malformed"}},
		{"not sampled", tracepong.Stream{On: true}, changed(32, 0), "", []string{"malformed"}},
		{"flags to come", tracepong.Stream{On: true}, changed(32, 0xFF), "", []string{trace}},
		{"an extension's", tracepong.Stream{On: true}, "\xca" + good[1:], "\xca" + good[1:], []string{fmt.Sprintf("pong %q", good[2:])}},
		{"masked by a server", tracepong.Stream{On: true}, masked, masked, []string{fmt.Sprintf("pong %q", good[2:])}},
		{"not masked by a client", tracepong.Stream{On: true, Masked: true}, good, good, []string{fmt.Sprintf("pong %q", good[2:])}},
		{"a ping", tracepong.Stream{On: true}, "\x89" + good[1:], "\x89" + good[1:], []string{fmt.Sprintf("ping %q", good[2:])}},
		{"not announced", tracepong.Stream{}, good + text, good + text, []string{fmt.Sprintf("pong %q", good[2:]), "text of 2"}},
		{"behind what nobody may accept", tracepong.Stream{On: true}, "\x83" + good, "\x83" + good, []string{"stop"}},
		{"a fragment", tracepong.Stream{On: true}, "\x0a" + good[1:], "\x0a" + good[1:], []string{"stop"}},
		{"longer than a control frame", tracepong.Stream{On: true}, "\x8a\x7e\x00\x7e\xf5wk\x01", "\x8a\x7e\x00\x7e\xf5wk\x01", []string{"stop"}},
		{"cut before it shows", tracepong.Stream{On: true}, text + good[:5], text + good[:5], []string{"text of 2"}},
		{"cut after", tracepong.Stream{On: true}, text + good[:6], text, []string{"text of 2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, lengths := range [][]int{nil, {1}, {2}, {3}, {5}, {7, 1}, {34}, {36, 3}} {
				s := tt.s
				stays, events := strain(t, &s, []byte(tt.in), lengths...)
				if stays != tt.stays || !slices.Equal(events, tt.events) {
					t.Errorf("chunks of %v:\ngot  %q, %q\nwant %q, %q", lengths, stays, events, tt.stays, tt.events)
				}
			}
		})
	}
}

// A frame is held back only until it is known what it is.
func TestStreamHoldsNoMoreThanNeeded(t *testing.T) {
	for _, tt := range []struct {
		pong string
		held int // so many bytes are held back; the next one decides
	}{
		{empty, 1}, {short, 1}, {pong, 2}, {nearly, 5}, {number, 2}, {good, 5}, {oversize, 7},
	} {
		s := tracepong.Stream{On: true}
		for i := range len(tt.pong) {
			buf := append(make([]byte, s.Held()), tt.pong[i])
			s.Begin(buf)
			var e tracepong.Event
			for s.Next(&e) {
			}
			want := 0
			if i < tt.held {
				want = i + 1
			}
			if got := s.Held(); got != want {
				t.Errorf("%q: %d bytes are held back after %d, want %d", tt.pong, got, i+1, want)
			}
		}
	}
}

// When the connection fails, held bytes are passed on. Later ones stay, too.
func TestStreamRelease(t *testing.T) {
	s := tracepong.Stream{On: true}
	if got, _ := strain(t, &s, []byte(text+good[:4])); got != text+good[:4] {
		t.Errorf("got %q", got)
	}
	if got, _ := strain(t, &s, []byte(good[4:]+text)); got != good[4:]+text {
		t.Errorf("afterwards: got %q", got)
	}
}

func TestStreamAllocatesNothing(t *testing.T) {
	stream := []byte(strings.Repeat(good+text+pong+garbage, 10))
	buf := make([]byte, len(stream))
	s := tracepong.Stream{On: true}
	if got := testing.AllocsPerRun(100, func() {
		copy(buf, stream)
		s.Begin(buf)
		var e tracepong.Event
		for s.Next(&e) {
		}
		s.End()
	}); got != 0 {
		t.Errorf("got %v allocations", got)
	}
}
