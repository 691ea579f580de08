package sequence_test

import (
	"context"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

func ExampleDiagram_Write() {
	var ss spans
	hello, data := ss.connection()
	ss.message("socket_start", semconv.SpanWrite, data, 1, 3, 3.1)
	ss.message("socket_get", semconv.SpanRead, hello, 1, 3, 3.2)
	stuck := ss.message("socket_start", semconv.SpanWrite, data, 2, 4, 3400)
	ss.pause(stuck, 4.1, 3399, semconv.ReasonNetWrite, semconv.WakePeerReset)
	ss.fail(stuck, "connection_reset")

	d := sequence.New(chain.New(ss), sequence.WithWidth(90))
	_ = d.Write(os.Stdout, sequence.Text)
	// Output:
	//             socket_get                  socket_start
	//                hello                      sen_data
	//          0       ├─ go hello
	//    +200 µs       ├─ handshake · 1.8 ms
	//   +1.00 ms       ├──────── handshake ────────▶│
	//   +1.50 ms       │◀╌╌╌╌╌╌ 101 · 500 µs ╌╌╌╌╌╌╌┤
	//   +1.60 ms       │                            ├─ go sen_data
	//   +3.00 ms       │◀────── write · 11 B ───────┤
	//   +4.00 ms       │ ○◀───── write · 11 B ──────┤
	//   +4.10 ms       │                            ┏ blocked 3.39 s · net.write
	//                  │                            ┃
	//                  │                            ┃
	//    +3.40 s       │ ○─── wake · peer_reset ───▶┃
	//                                               ✗─ write · ✗ connection_reset
	//
	//  Open arrow: a message whose other end is not known, or is a row much earlier or later; a
	//  wake by the peer, by which of its spans is not known.
}

func ExampleNewExporter() {
	file, err := os.Create("diagram.html")
	if err != nil {
		return
	}
	defer file.Close()
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(sequence.NewExporter(file, sequence.HTML)))
	defer func() { _ = p.Shutdown(context.Background()) }() // draws it
}
