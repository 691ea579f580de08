package chain_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// call makes a client's span of 10 ms and below it the server's of 4 ms, which starts at
// this time on the server's clock.
func call(at float64) *script {
	s := &script{service: "client"}
	s.at(s.add(0, semconv.SpanHandshake, 0, 10_000)).Kind = oteltrace.SpanKindClient
	s.service = "server"
	s.at(s.add(1, semconv.SpanHandshake, at, at+4_000)).Kind = oteltrace.SpanKindServer
	s.add(2, semconv.StepProcessRequest, at+1_000, at+2_000)
	return s
}

func TestSkew(t *testing.T) {
	t.Parallel()
	const second = 1_000_000.0
	message := func(read, write float64) *script {
		s := &script{service: "reader"}
		s.add(0, semconv.SpanRead, read, read+10)
		s.service = "writer"
		s.add(0, semconv.SpanWrite, write, write+2)
		s.link(1, 2)
		return s
	}
	for _, tt := range []struct {
		name  string
		make  func() *script
		opts  []chain.Option
		shift time.Duration // of the last span
		text  string        // the text of Skews
	}{
		{"inside", func() *script { return call(3_000) }, nil, 0, ""},
		{
			"behind", func() *script { return call(-5 * second) }, nil, 5 * time.Second,
			"clock of server corrected by +5s: handshake #1 (server) starts after its parent handshake #0 (client)",
		},
		{
			"ahead", func() *script { return call(5 * second) }, nil, -(5*time.Second - 6*time.Millisecond),
			"clock of server corrected by -4.99s: handshake #1 (server) ends before handshake #0 (client), its client",
		},
		{"switched off", func() *script { return call(-5 * second) }, []chain.Option{chain.WithoutSkewCorrection()}, 0, ""},
		{"ahead by a scheduler's delay", func() *script { return call(6_900) }, nil, 0, ""},
		{"less than a microsecond's rounding", func() *script { return call(-2) }, nil, 0, ""},
		{"the server takes longer than the client waits", func() *script {
			s := call(3_000)
			s.at(2).End = s.at(2).End.Add(time.Second)
			return s
		}, nil, 0, ""},
		{"the client gave up", func() *script {
			s := call(9_000)
			s.fail(1, "deadline_exceeded", "")
			return s
		}, nil, 0, ""},
		{"a consumer may be late", func() *script {
			s := call(5 * second)
			s.at(2).Kind = oteltrace.SpanKindConsumer
			return s
		}, nil, 0, ""},
		{"one machine", func() *script {
			s := call(-5 * second)
			for i := range s.spans {
				s.spans[i].Resource = []attribute.KeyValue{attribute.String("host.name", "box")}
			}
			return s
		}, nil, 0, ""},
		{"two machines", func() *script {
			s := call(-5 * second)
			s.at(1).Resource = []attribute.KeyValue{attribute.String("host.name", "box"), attribute.Int("process.pid", 7)}
			for i := 2; i <= 3; i++ {
				s.at(i).Resource = []attribute.KeyValue{attribute.String("host.name", "bax"), attribute.Int("process.pid", 7)}
			}
			return s
		}, nil, 5 * time.Second, "clock of server@bax#7 corrected by +5s"},
		{"one service, two instances", func() *script {
			s := call(-5 * second)
			for i := range s.spans {
				s.spans[i].Service = "both"
				s.spans[i].Resource = []attribute.KeyValue{attribute.Int("service.instance.id", min(i, 1))}
			}
			return s
		}, nil, 5 * time.Second, "clock of both@1 corrected by +5s"},
		{"one service", func() *script {
			s := call(-5 * second)
			for i := range s.spans {
				s.spans[i].Service = "both"
			}
			return s
		}, nil, 0, ""},
		{
			"more than a minute", func() *script { return call(-90 * second) }, nil, 0,
			"clock of server is off by -1m30s and left alone (more than 1m00s), though handshake #1",
		},
		{
			"more than what the option allows", func() *script { return call(-5 * second) },
			[]chain.Option{chain.WithMaxSkew(time.Second), chain.WithMaxSkew(-1)},
			0, "left alone (more than 1s)",
		},
		{
			"as much as the option allows", func() *script { return call(-90 * second) },
			[]chain.Option{chain.WithMaxSkew(math.MaxInt64)},
			90 * time.Second, "corrected by +1m30s",
		},
		{
			"a message read before it was written", func() *script { return message(0, 2*second) }, nil, -(2*time.Second - 10*time.Microsecond),
			"clock of writer corrected by -2s: read #0 (reader) ends after write #1 (writer) starts, to which it links",
		},
		{"a message read after it was written", func() *script { return message(2*second, 0) }, nil, 0, ""},
		{"a message read while it was written", func() *script { return message(0, 5) }, nil, 0, ""},
		{
			"messages both ways, and no span below one of the other's", func() *script {
				s := message(10*second, 5*second)
				s.add(0, semconv.SpanRead, 9*second, 9*second+10)
				s.service = "reader"
				s.add(0, semconv.SpanWrite, 12*second, 12*second+2)
				s.link(3, 4)
				return s
			}, nil, -(3*time.Second - 10*time.Microsecond),
			"clock of reader corrected by -3s: read #",
		},
		{"spans contradict", func() *script {
			s := message(0, 2*second)
			s.service = "reader"
			s.add(0, semconv.SpanWrite, 100*second, 100*second+2)
			s.service = "writer"
			s.add(0, semconv.SpanRead, 0, 10)
			s.link(4, 3)
			return s
		}, nil, 0, "left alone (other spans contradict)"},
		{"times that no one knows", func() *script {
			s := call(-5 * second)
			s.at(1).Start, s.at(2).End = time.Time{}, time.Time{}
			return s
		}, nil, 0, ""},
		{"no service", func() *script {
			s := call(-5 * second)
			s.at(2).Service, s.at(3).Service = "", ""
			return s
		}, nil, 5 * time.Second, "clock of an unnamed process corrected by +5s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.make()
			c := chain.New(s.spans, tt.opts...)
			last := s.at(len(s.spans))
			got := c.Lookup(last.TraceID, last.SpanID)
			if d := got.Start.Sub(last.Start); d != tt.shift {
				t.Errorf("start moved by %v, want %v", d, tt.shift)
			}
			if d := got.End.Sub(last.End); d != tt.shift && !last.End.IsZero() {
				t.Errorf("end moved by %v, want %v", d, tt.shift)
			}
			var text string
			for _, k := range c.Skews {
				text += k.String() + "\n"
				if !strings.Contains(c.String(), "⚠ "+k.String()) {
					t.Errorf("the tree does not say %q:\n%v", k, c)
				}
			}
			if !strings.Contains(text, tt.text) || tt.text == "" && text != "" {
				t.Errorf("got %q, want %q", text, tt.text)
			}
		})
	}
}

func TestSkewGoesFromProcessToProcess(t *testing.T) {
	t.Parallel()
	s := &script{service: "a"}
	s.add(0, "a", 0, 100)
	s.service = "b"
	s.add(1, "b", -1000, 100)
	s.service = "c"
	s.add(2, "c", -3000, 100)
	s.service = "d"
	s.add(3, "d", 0, 100)
	c := chain.New(s.spans)
	if got, want := c.Spans[2].Start, epoch; !got.Equal(want) {
		t.Errorf("c starts at %v, want %v\n%v", got, want, c)
	}
	if len(c.Skews) != 2 {
		t.Errorf("got %d skews, want those of b and c: %v", len(c.Skews), c.Skews)
	}
	for _, k := range c.Skews {
		if k.Shift != k.Needed || k.Left != "" || k.Before == nil || k.After == nil {
			t.Errorf("got %+v", k)
		}
	}
}
