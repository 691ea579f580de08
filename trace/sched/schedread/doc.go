// Package schedread converts an execution trace of the Go runtime into spans: what each
// goroutine waited for, and what woke it, including code that is not wrapped.
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
// One operation is one park, because the runtime records only that: an operation that parks
// twice becomes two, and the time of a whole call is missing. A block that began before the
// trace has `block.truncated`, and lasted longer. One that is not over has no end. A `wake`
// is the wait for a processor. The runtime does not record what ended a wait for the
// network, or whose timer fired.
//
// # Below other spans
//
// [Trace.Join] puts the waits below spans of OpenTelemetry whose begin and end are in the
// trace, from package trace/sched/annotator or from wakechain's own operations.
//
// # What it reads
//
// It reads traces of Go 1.22 to 1.26. Those of Go before 1.25 have no time of day, so their
// times count from 1970. For a newer Go, Read returns an error. The package uses
// golang.org/x/exp/trace, which promises no compatibility: import schedread in programs
// that read traces, not in those that record them.
//
// # Cost
//
// A million events take about a second. The memory is for the blocks that are kept, by
// default the 20,000 longest ([WithMaxBlocks]), for the goroutines that are alive, and for
// the part of the trace that is being read, about a second of it.
package schedread
