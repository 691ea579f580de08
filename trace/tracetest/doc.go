// Package tracetest asserts the order and the shape of spans in tests, of any
// program that uses OpenTelemetry.
//
//	rec := tracetest.NewRecorder(t)
//	client := NewClient(rec.TracerProvider())
//	…
//	tracetest.AssertTree(t, rec.Chain(), `
//		GET /orders
//			authorize
//			query ×3 {db.system.name=postgresql}
//			render ~20ms
//	`)
//
// A [Recorder] is the tests' own TracerProvider, or several, of one service each
// ([Recorder.Service]); it fails the test for spans that never end, and says
// where they were started. [Recorder.Wait] waits for a span that is still to
// come, without sleeping. What it recorded is a [chain.Chain], as are spans from
// files of OTLP/JSON or from Jaeger; the assertions take any.
//
// # Assertions
//
//   - [AssertTree] and [AssertGolden]: all spans, as the indented text that a
//     person would write, with no more in it than matters.
//   - [AssertOrder]: some spans, one after the other.
//   - [AssertBefore], [AssertLinked]: what caused what.
//   - [AssertBlocked], [AssertTiled]: the block and wake spans of an operation.
//   - [AssertNone], [One]: how many there are.
//
// Spans are named by a [Matcher], or by a string: a [Line] in the language of the
// trees. A failure is an Errorf that shows what was recorded; only what leaves
// nothing to assert is a Fatalf.
//
// # Order
//
// Clocks tie, in a [testing/synctest] bubble nearly always. Where two spans
// started at the same time, the assertions accept any order that causes do not
// exclude: parents, links, and what one goroutine does after another. The
// recorder sees which goroutine starts and ends each span, so that two spans of
// one goroutine are in order even then.
//
// # Concurrency and cost
//
// Everything is safe for concurrent use, but an assertion that ends the test
// (Fatalf) must be called by the test's own goroutine. Nothing here starts a
// goroutine or a timer. The recorder looks at the stack of every start, which
// costs some microseconds.
package tracetest
