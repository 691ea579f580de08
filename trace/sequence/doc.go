// Package sequence draws a chain of spans as a sequence diagram: who called
// whom, who was blocked, on what and for how long, and what woke it.
//
//	d := sequence.New(chain.New(spans))
//	err := d.Write(file, sequence.HTML)
//
// A [Diagram] is the model: lifelines side by side, and rows in the order of
// time, each with what to draw on or between them. The formats are views of it:
// [Mermaid], [JS] (js-sequence-diagrams), [PlantUML], [Text] for a terminal,
// [SVG], and [HTML], one file with everything in it.
//
//	         socket_get                         socket_start
//	           hello                              sen_data
//	 +828µs      ├────────── handshake ────────────▶│
//	+1.00ms      │◀─ ─ ─ ─ ─ ─  101 ─ ─ ─ ─ ─ ─ ─ ─ ┤
//	+1.08ms      │   ○◀──── write ×2,401 ───────────┤
//	+92.4ms      │                                  ┃ blocked 3.41 s · net.write · peer_window
//	 +3.50s      │   ○─────── wake · peer_reset ───▶┃
//
// # What is drawn
//
// A diagram shows only what the spans say. An arrow has both ends if a link or a parent
// proves them: the read that links to its write, the server's span below the client's,
// the span that a wake links to. A write whose reader is not in the trace is drawn
// towards the peer, if the handshakes name it, and ends open before the peer's
// lifeline. A wake begins like that if only its reason says that the peer caused it. A
// wake by the poller or a timer alone comes from outside.
//
// At least three neighbours that would read the same are one row with their number
// (×311), and so are sequences that repeat. A failure or a block far longer than that
// of its like stands alone. If a limit leaves rows out, a row says what is missing and
// how much. If goroutines share a lifeline, overlapping bars stand side by side ([SVG],
// [HTML]).
//
// The chain may be of any program. All its text is escaped, in the way of each
// format.
//
// # Concurrency and cost
//
// A Diagram does not change, and any number of goroutines may write it. New
// costs O(n log n) for n spans; what a format writes is bounded by the limit of
// rows and of lifelines, not by n.
package sequence
