// Package schedread turns an execution trace of the Go runtime into spans: what each
// goroutine waited for, and who woke it, including code that is not wrapped.
//
//	f, err := os.Open("slow.trace") // of package sched, runtime/trace or net/http/pprof
//	…
//	t, err := schedread.Read(f)
//	…
//	c := chain.New(t.Spans())
//	err = explain.Print(os.Stdout, c, explain.Explain(c))
//
//	go worker                  until its first instruction
//	├─ worker                  its life
//	├─ lock                    code.function.name, code.line.number: where
//	│  ├─ block                from the park until it is made ready to run
//	│  └─ wake                 until it runs; links to the goroutine that woke it
//	└─ chan.recv …
//
// One operation is one park, because that is all the runtime knows: an operation that
// parks twice is two here, and the time of a whole call is missing. A block that began
// before the trace has `block.truncated`, and lasted longer; one that is not over has
// no end. A `wake` is the wait for a processor. What the runtime does not record is
// absent: what ended a wait for the network, and whose timer fired.
//
// # Below other spans
//
// [Trace.Join] puts the waits below spans of OpenTelemetry: those that package
// trace/sched/annotator, or wakechain's own operations, noted in the trace.
//
// # What it reads
//
// Traces of Go 1.22 to 1.26. Traces of Go before 1.25 lack the time of day, which then
// counts from 1970. A newer Go's trace is an error that says so. The package uses
// golang.org/x/exp/trace, which promises no compatibility: import it where traces are
// read, not where they are recorded.
//
// # Cost
//
// A million events take about a second. Memory holds the blocks that are kept, by
// default the 20,000 longest ([WithMaxBlocks]), the goroutines that are alive, and the
// part of the trace that is being read, about a second of it.
package schedread
