package schedread

import (
	"strings"

	exptrace "golang.org/x/exp/trace"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// ref is a span that was noted in the trace.
type ref struct {
	trace oteltrace.TraceID
	span  oteltrace.SpanID
}

func (r ref) valid() bool { return r.span.IsValid() }

// goroutine is what is known of one. Times are nanoseconds of the trace's clock; 0 is
// not known, or not yet.
type goroutine struct {
	id      int64
	entry   string // its first function
	called  string // the outermost function of the program that was seen in a stack
	creator int64  // 0: not known
	created *stack // of the go statement
	born    int64
	run     int64 // for the first time
	died    int64

	state exptrace.GoState
	since int64 // of the state
	cur   *park // in progress, or over and not running yet
	sys   *park // a system call in progress
	gc    *park // an assist in progress

	running, runnable, syscall, assist int64
	suppressed                         int // blocks that were left out

	open   []ref  // spans in progress that began here, the innermost last
	base   ref    // the span that it was created in
	local  string // of the connection that the next park is on
	remote string
}

// park is one wait of a goroutine, or a system call, or an assist of the collector.
type park struct {
	g *goroutine
	class
	start, ready, run int64
	stack             *stack
	before            bool // it began before the trace

	waker  int64 // a goroutine; 0: not known
	by     *stack
	nobody bool // no goroutine made it ready

	in            ref  // the span that it was in
	inherited     bool // that is the one which the goroutine was created in
	byIn          ref  // the span that the waker was in
	byInherited   bool // that is the one which the waker was created in
	local, remote string
}

// took is how long it was blocked, of a trace that ends at end.
func (p *park) took(end int64) int64 {
	if p.ready == 0 {
		return end - p.start
	}
	return p.ready - p.start
}

// blocks reports whether the goroutine was parked, and did not work for somebody else.
func (p *park) blocks() bool { return p.reason != "" }

// name is what the goroutine is called: the outermost function of the program, a
// closure by the function that it is in, and else the function that it began with.
func (g *goroutine) name() string {
	switch {
	case g.called != "" && (starts(g.entry) || !standard(g.entry) || g.entry == "runtime.main"):
		return short(g.called)
	case g.entry == "":
		return "unknown"
	default:
		return short(g.entry)
	}
}

// system reports whether a goroutine is the runtime's own.
func (g *goroutine) system() bool {
	return strings.HasPrefix(g.entry, "runtime.") && g.entry != "runtime.main" || strings.HasPrefix(g.entry, "runtime/trace.")
}

// saw notes what a stack of the goroutine shows about it.
func (g *goroutine) saw(s *stack) {
	if s == nil {
		return
	}
	if g.entry == "" {
		g.entry = s.entry()
	}
	if g.called == "" {
		g.called = s.own()
	}
}

// spend counts the time in a state that ends at now.
func (g *goroutine) spend(now int64) {
	took := now - g.since
	switch g.state {
	case exptrace.GoRunning:
		g.running += took
	case exptrace.GoRunnable:
		g.runnable += took
	case exptrace.GoSyscall:
		g.syscall += took
	}
}

// inside is the span that the goroutine is in, and whether it is the one which it was
// created in. spans are those that have not ended.
func (g *goroutine) inside(spans map[oteltrace.SpanID]int64) (in ref, inherited bool) {
	if n := len(g.open); n > 0 {
		return g.open[n-1], false
	}
	if _, goes := spans[g.base.span]; goes && g.base.valid() {
		return g.base, true
	}
	return ref{}, false
}
