package schedread

import (
	"strings"

	exptrace "golang.org/x/exp/trace"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// ref identifies a span that was annotated in the trace.
type ref struct {
	trace oteltrace.TraceID
	span  oteltrace.SpanID
}

func (r ref) valid() bool { return r.span.IsValid() }

// goroutine is what is known about a goroutine. Times are nanoseconds of the trace's clock;
// 0 means unknown, or not yet.
type goroutine struct {
	id      int64
	entry   string // the function that it began with
	called  string // the program's outermost function in any stack
	creator int64  // the goroutine that started it; 0: unknown
	created *stack // of the go statement
	born    int64
	run     int64 // when it first ran
	died    int64

	state exptrace.GoState
	since int64 // of the state
	cur   *park // the park in progress, or one that is over while the goroutine does not run yet
	sys   *park // a system call in progress
	gc    *park // the assist in progress

	running, runnable, syscall, assist int64
	suppressed                         int // blocks that were left out

	open   []ref  // open spans that began on it, the innermost last
	base   ref    // the span in which it was started
	local  string // addresses of the connection of the next park
	remote string
}

// park is a wait of a goroutine, or a system call, or an assist of the collector.
type park struct {
	g *goroutine
	class
	start, ready, run int64
	stack             *stack
	before            bool // it began before the trace

	waker  int64 // the goroutine that ended it; 0: unknown
	by     *stack
	nobody bool // it was ended, but by no goroutine

	in            ref  // the innermost span of the goroutine
	inherited     bool // in is the span in which the goroutine was started
	byIn          ref  // the innermost span of the waker
	byInherited   bool // byIn is the span in which the waker was started
	local, remote string
}

// took returns how long the park lasted, in a trace that ends at end.
func (p *park) took(end int64) int64 {
	if p.ready == 0 {
		return end - p.start
	}
	return p.ready - p.start
}

// blocks reports whether the goroutine was parked, not working.
func (p *park) blocks() bool { return p.reason != "" }

// name returns the goroutine's name: the outermost function of the program, or else the
// function that it began with. A closure is run.func1 or the like.
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

// system reports whether the goroutine belongs to the runtime.
func (g *goroutine) system() bool {
	return strings.HasPrefix(g.entry, "runtime.") && g.entry != "runtime.main" || strings.HasPrefix(g.entry, "runtime/trace.")
}

// saw records what a stack of the goroutine shows about it.
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

// spend adds the time in the state that ends at now.
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

// inside returns the innermost open span of the goroutine. inherited is true if it is the
// one in which the goroutine was started. spans are those that have not ended.
func (g *goroutine) inside(spans map[oteltrace.SpanID]int64) (in ref, inherited bool) {
	if n := len(g.open); n > 0 {
		return g.open[n-1], false
	}
	if _, goes := spans[g.base.span]; goes && g.base.valid() {
		return g.base, true
	}
	return ref{}, false
}
