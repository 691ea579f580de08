package tracepong_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// example is the trace pong of docs/wire.md.
var example = tracepong.Pong{
	Number: 7,
	Write: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID:    oteltrace.TraceID{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
		SpanID:     oteltrace.SpanID{0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7},
		TraceFlags: oteltrace.FlagsSampled,
		Remote:     true,
	}),
}

// The layout is what docs/wire.md says.
func TestAppend(t *testing.T) {
	const want = "8a21" + "f5776b01" + "00000007" + "4bf92f3577b34da6a3ce929d0e0e4736" + "00f067aa0ba902b7" + "01"
	got := tracepong.Append([]byte("before"), example, false)
	if got, ok := bytes.CutPrefix(got, []byte("before")); !ok || hex.EncodeToString(got) != want {
		t.Errorf("got %x, want %s", got, want)
	}

	page, err := os.ReadFile("../../../docs/wire.md")
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(strings.Fields(string(page)), ""); !strings.Contains(text, want) ||
		!strings.Contains(text, tracepong.Header+":"+tracepong.Version) {
		t.Error("docs/wire.md does not have these bytes, or another header")
	}

	one, two := tracepong.Append(nil, example, true), tracepong.Append(nil, example, true)
	if bytes.Equal(one[2:6], two[2:6]) {
		t.Errorf("two frames have the mask %x", one[2:6])
	}
	for _, b := range [][]byte{one, two} {
		if got, want := len(b), 6+tracepong.PayloadSize; got != want {
			t.Errorf("a client's frame has %d bytes, want %d", got, want)
		}
		var s frame.Scanner
		g, n := s.Next(b)
		if !g.End || !g.Header.Fin || !g.Header.Masked || g.Header.Opcode != frame.Pong || n != len(b) {
			t.Errorf("got %+v", g)
		}
		if got := g.AppendPayload(nil); hex.EncodeToString(got) != want[4:] {
			t.Errorf("unmasked: got %x, want %s", got, want[4:])
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	buf := make([]byte, 0, 64)
	for _, client := range []bool{false, true} {
		if got := testing.AllocsPerRun(100, func() { tracepong.Append(buf, example, client) }); got != 0 {
			t.Errorf("client %t: got %v allocations", client, got)
		}
	}
}

// BenchmarkPong measures a message's trace pong: making it on one side, and removing it on
// the other.
func BenchmarkPong(b *testing.B) {
	for _, client := range []bool{false, true} {
		name := "server"
		if client {
			name = "client"
		}
		b.Run(name+"/append", func(b *testing.B) {
			buf := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				tracepong.Append(buf, example, client)
			}
		})
		message := append([]byte{0x82, 100}, make([]byte, 100)...)
		if client {
			message = append([]byte{0x82, 0x80 | 100}, make([]byte, 104)...)
		}
		for _, mode := range []struct {
			name string
			in   []byte
		}{
			{"/stream/without", message},
			{"/stream/with", append(tracepong.Append(nil, example, client), message...)},
		} {
			b.Run(name+mode.name, func(b *testing.B) {
				s := tracepong.Stream{On: true, Masked: client}
				buf := make([]byte, len(mode.in))
				b.ReportAllocs()
				for b.Loop() {
					copy(buf, mode.in)
					s.Begin(buf)
					var e tracepong.Event
					for s.Next(&e) {
					}
					if got := s.End(); got != len(message) {
						b.Fatalf("%d bytes stay, want %d", got, len(message))
					}
				}
			})
		}
	}
}
