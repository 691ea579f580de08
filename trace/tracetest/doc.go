// Package tracetest asserts the order and the shape of spans in the tests of any program
// that uses OpenTelemetry.
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
// A [Recorder] has a TracerProvider for tests, or several, each for one service
// ([Recorder.Service]). It fails the test for spans that never end, and reports where they
// were started. [Recorder.Wait] waits for a span to end, without sleeping. The recorded
// spans are a [chain.Chain], like spans from files of OTLP/JSON or from Jaeger. The
// assertions accept any chain.
//
// # Assertions
//
//   - [AssertTree] and [AssertGolden]: all spans, as indented text, with no more
//     in it than matters.
//   - [AssertOrder]: some spans, one after the other.
//   - [AssertBefore], [AssertLinked]: what caused what.
//   - [AssertBlocked], [AssertTiled]: the block and wake spans of an operation.
//   - [AssertNone], [One]: that no span matches, or exactly one.
//
// Spans are selected by a [Matcher], or by a string: a [Line] in the language of the trees.
// A failure is an Errorf that shows what was recorded. If it leaves nothing to assert, it
// is a Fatalf.
//
// # Order
//
// Spans often start at the same time, in a [testing/synctest] bubble nearly always. The
// assertions then accept any order that causes do not exclude: parents, links, and the
// sequence on one goroutine. The recorder records which goroutine starts and ends each
// span, so that two spans of one goroutine are in order even then.
//
// # Concurrency and cost
//
// Everything is safe for concurrent use, but an assertion that ends the test (Fatalf) must
// be called on the test's own goroutine. Nothing here starts a goroutine or a timer. The
// recorder reads the stack at the start of each span, which costs some microseconds.
package tracetest
