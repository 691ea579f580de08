// Package sequence draws a chain of spans as a sequence diagram: who called
// whom, who was blocked, on what and for how long, and what woke it.
//
//	d := sequence.New(chain.New(spans))
//	err := d.Write(file, sequence.HTML)
//
// A [Diagram] is the model: lifelines side by side, and rows in order of time, each with
// what to draw on or between the lifelines. The formats are views of it: [Mermaid], [JS]
// (js-sequence-diagrams), [PlantUML], [Text] for a terminal, [SVG], and [HTML], which is
// one self-contained file.
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
// A diagram shows only what the spans prove. An arrow has both ends if a link or a parent
// connects them: a read links to its write, a server's span is below the client's, and a
// wake links to the span that caused it. A write whose reader is not in the trace is drawn
// towards the peer, if the handshakes name it, and ends before the peer's lifeline. A wake
// begins like that if only its reason names the peer. A wake by the poller or a timer alone
// comes from outside.
//
// Three or more neighbours that would read the same are one row with their number (×311),
// and so are sequences that repeat. A failure, or a block far longer than similar ones, has
// a row of its own. If a limit leaves rows out, a row counts what is missing. If goroutines
// share a lifeline, overlapping bars are drawn side by side ([SVG], [HTML]).
//
// The chain may come from any program. All its text is escaped for each format.
//
// # Concurrency and cost
//
// A Diagram does not change, and goroutines may write it concurrently. New costs O(n log n)
// for n spans. The output is limited by the number of rows and lifelines, not by n.
package sequence
