package annotate_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"

	rtrace "runtime/trace"

	exptrace "golang.org/x/exp/trace"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/internal/annotate"
)

// TestMessages: what is written is what is parsed.
func TestMessages(t *testing.T) {
	cfg := oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1, 2, 255}, SpanID: oteltrace.SpanID{3, 4, 254}}
	unsampled := oteltrace.NewSpanContext(cfg)
	sc := unsampled.WithTraceFlags(oteltrace.FlagsSampled)
	addr := &net.TCPAddr{IP: net.IPv6loopback, Port: 80}

	if annotate.On() {
		t.Skip("a tracer runs")
	}
	var buf bytes.Buffer
	if err := rtrace.Start(&buf); err != nil {
		t.Fatal(err)
	}
	if !annotate.On() {
		t.Error("it is off while a tracer runs")
	}
	annotate.Begin(sc)
	annotate.Begin(unsampled) // not recorded by anybody
	annotate.Park(addr, &net.UnixAddr{Name: "@>", Net: "unix"})
	annotate.Park(nil, addr)
	annotate.End(sc)
	rtrace.Stop()

	r, err := exptrace.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	var got []annotate.Message
	for {
		ev, err := r.ReadEvent()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if ev.Kind() == exptrace.EventLog && ev.Log().Category == annotate.Category {
			m, ok := annotate.Parse(ev.Log().Message)
			if !ok {
				t.Errorf("not parsed: %q", ev.Log().Message)
			}
			got = append(got, m)
		}
	}
	want := []annotate.Message{
		{Begin: true, Trace: sc.TraceID(), Span: sc.SpanID()},
		{Local: "[::1]:80", Remote: "@>"},
		{End: true, Trace: sc.TraceID(), Span: sc.SpanID()},
	}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}

// FuzzParse: a message is of a trace file that anybody may have written.
func FuzzParse(f *testing.F) {
	f.Add("@127.0.0.1:1>127.0.0.1:2")
	f.Add("+0102ff00000000000000000000000000/0304fe0000000000")
	f.Add("-0102ff00000000000000000000000000/zz")
	f.Fuzz(func(t *testing.T, s string) {
		m, ok := annotate.Parse(s)
		if !ok {
			return
		}
		if park, span := m.Local != "", m.Begin || m.End; park == span || span && (m.Begin == m.End || !m.Span.IsValid()) {
			t.Errorf("%q: got %+v", s, m)
		}
	})
}
