package explain

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
)

// ending is a way in which a goroutine ends and of which there is a finding.
type ending struct {
	severity     Severity
	text, advice string
}

var endings = map[trace.State]ending{
	trace.StatePanicked: {
		Problem, "panicked",
		"The stack is in the program's output, and what the goroutine did last in its spans.",
	},
	trace.StateFailed: {
		Warning, "failed",
		"The operation that failed is among its last spans.",
	},
	trace.StateCancelled: {
		Info, "was canceled",
		"If that was not meant, give cancellations a cause (context.WithCancelCause): the trace shows it.",
	},
}

// exits are goroutines that ended alike.
type exits struct {
	first *chain.Span // its life
	spans []*chain.Span
	why   string
	count int
	total time.Duration
}

// endedGoroutines finds the goroutines that panicked, failed or were canceled,
// and why.
func endedGoroutines(s *scene) []Finding {
	type key struct {
		who, why string
		state    trace.State
	}
	canceled := s.canceled()
	ended := newGroups[key, exits]()
	for _, run := range s.launches {
		life := run.Life()
		if life == nil {
			continue
		}
		state := trace.State(life.Str(trace.GoroutineStateKey))
		if _, ok := endings[state]; !ok {
			continue
		}
		why, spans := "", []*chain.Span{life}
		if state == trace.StateCancelled {
			if b := canceled[run]; b != nil {
				why = s.canceledBy(b)
				spans = append(spans, b.spans()...)
			}
		} else if typ := life.Str(trace.ErrorTypeKey); typ != "" && state == trace.StateFailed {
			why = " with " + plain(typ)
			if op := lastFailed(run, typ); op != nil {
				spans = append(spans, op)
			}
		}
		x := ended.of(key{s.who(life, nil, ""), why, state})
		if x.first == nil {
			x.first, x.why, x.spans = life, why, spans
		}
		x.count++
		x.total = saturated(x.total, life.Duration())
	}
	var found []Finding
	for _, x := range ended.all {
		how := endings[trace.State(x.first.Str(trace.GoroutineStateKey))]
		text := fmt.Sprintf("%s %s%s", sentence(s.who(x.first, nil, "a goroutine")), how.text, x.why)
		if x.count == 1 {
			text += ", " + duration(x.total) + " after it began."
		} else {
			text += ", " + counted(x.count, "time") + "."
		}
		found = append(found, Finding{
			Rule: GoroutineEnded, Severity: how.severity, Text: text, Advice: how.advice, Spans: x.spans,
			At: x.first.Start.Sub(s.start), Count: x.count, Total: x.total,
		})
	}
	return found
}

// canceled returns for each goroutine the last block that a cancellation ended.
func (s *scene) canceled() map[*chain.Span]*block {
	last := make(map[*chain.Span]*block)
	for _, b := range s.blocks {
		if b.runner != nil && b.woken() == trace.WakeCanceled {
			last[b.runner] = b
		}
	}
	return last
}

// canceledBy says what a cancellation's cause was, and who it was.
func (s *scene) canceledBy(b *block) string {
	text := ""
	if cause := b.wake.Str(trace.WakeCauseKey); cause != "" {
		text = " (" + plain(cause) + ")"
	}
	if by := b.waker(); by != nil {
		text += " by " + s.ref(by)
	}
	return text
}

// lastFailed returns the goroutine's last operation that failed with typ, nil if
// there is none.
func lastFailed(run *chain.Span, typ string) *chain.Span {
	life := run.Life()
	for i := len(run.Children) - 1; i >= 0; i-- {
		if c := run.Children[i]; c != life && c.Failed() && c.Str(trace.ErrorTypeKey) == typ {
			return c
		}
	}
	return nil
}
