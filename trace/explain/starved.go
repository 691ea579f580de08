package explain

import (
	"fmt"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// starvation finds goroutines that were ready to run and had no processor. Only execution
// traces have these times.
func starvation(s *scene) []Finding {
	var all repeated
	for _, sp := range s.spans {
		if sp.Is(semconv.SpanWake) && sp.Parent != nil && ofScheduler(sp.Parent) && sp.Duration() > 0 {
			all.add(&block{Span: sp, op: sp.Parent})
		}
	}
	if all.count == 0 || all.total < noticeable || all.longest.Duration() < starved {
		return nil
	}
	b := all.longest
	f := all.finding(s)
	f.Rule, f.Severity = Starved, min(graded(b.Duration()), Warning)
	f.Headline = headline(fmt.Sprintf("Goroutines that could run waited for a processor: %s, %s in all, one for %s",
		text.Counted(all.count, "time"), duration(all.total), duration(b.Duration())))
	f.Text = "The longest was after " + at(b.op) + ", at " + offset(b.Start.Sub(s.start)) + "."
	f.Advice = "Look for goroutines that compute for long, at GOMAXPROCS and at the limit of the container: a processor taken away by the system looks the same."
	return []Finding{f}
}

// starved is the shortest wait for a processor that makes a finding. Shorter ones are
// normal scheduling.
const starved = noticeable / 10

// ofScheduler reports whether an operation is from an execution trace.
func ofScheduler(op *chain.Span) bool {
	for _, c := range op.Children {
		if c.Is(semconv.SpanBlock) {
			return c.Str(semconv.BlockSourceKey) == string(semconv.SourceSched)
		}
	}
	return false
}

// collection finds goroutines that worked for the garbage collector.
func collection(s *scene) []Finding {
	var all repeated
	who := make(map[agent]bool)
	for _, sp := range s.spans {
		if sp.Name == semconv.SpanGC && code(sp) != "" {
			all.add(&block{Span: sp, op: sp})
			who[agentOf(sp, sp.Int(semconv.GoroutineIDKey))] = true
		}
	}
	if all.count == 0 || all.total < noticeable {
		return nil
	}
	b := all.longest
	f := all.finding(s)
	f.Rule, f.Severity = Collector, min(graded(b.Duration()), Warning)
	f.Headline = headline(fmt.Sprintf("%s worked for the garbage collector: %s, %s in all",
		text.Counted(len(who), "goroutine"), text.Counted(all.count, "time"), duration(all.total)))
	f.Text = "The longest was " + duration(b.Duration()) + ", at " + code(b.Span) + ": who allocates faster than the collector frees has to help."
	f.Advice = "Look at what allocates there, and at GOGC and GOMEMLIMIT."
	return []Finding{f}
}
