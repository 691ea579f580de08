package explain

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// ending is a way in which a goroutine ends that is worth a finding.
type ending struct {
	severity Severity
	text     string
}

var endings = map[semconv.State]ending{
	semconv.StatePanicked: {Problem, "panicked"},
	semconv.StateFailed:   {Warning, "failed"},
	semconv.StateCanceled: {Info, "was canceled"},
}

// exits are goroutines that ended in the same way.
type exits struct {
	ending
	first *chain.Span // its life
	op    *chain.Span // the operation that failed with the first one; nil if unknown
	spans []*chain.Span
	who   []string // the names of the first maxNamed
	why   string
	count int
	total time.Duration
}

// endedGoroutines finds goroutines that panicked, failed, or were canceled with a cause
// that the program gave; other cancellations are a normal end. It skips goroutines whose
// end another finding reports.
func endedGoroutines(s *scene) []Finding {
	type key struct {
		who, why string
		state    semconv.State
	}
	canceled := s.canceled()
	s.passedOn()
	ended := newGroups[key, exits]()
	for _, run := range s.launches {
		life := run.Life()
		if life == nil || s.reported[life] {
			continue
		}
		state := semconv.State(life.Str(semconv.GoroutineStateKey))
		how, ok := endings[state]
		if !ok {
			continue
		}
		why, spans := "", []*chain.Span{life}
		var op *chain.Span
		switch state {
		case semconv.StateCanceled:
			b := canceled[run]
			if b == nil || b.wake.Str(semconv.WakeCauseKey) == "" {
				continue
			}
			why = s.canceledBy(b)
			spans = append(spans, b.spans()...)
		case semconv.StateFailed, semconv.StatePanicked:
			if f := failureOf(life); f != "" && f != semconv.ErrorPanic {
				why = ": " + f
			}
			if op = s.lastFailed(run); op != nil {
				if s.reported[op] {
					continue
				}
				spans = append(spans, op)
			}
		}
		x := ended.of(key{s.who(life, nil, ""), why, state})
		if x.first == nil {
			x.ending, x.first, x.op, x.why, x.spans = how, life, op, why, spans
		}
		if len(x.who) < maxNamed {
			x.who = append(x.who, goroutine(life))
		}
		x.count++
		x.total = chain.Sum(x.total, run.Lived())
	}
	var found []Finding
	for _, x := range ended.all {
		found = append(found, x.finding(s))
	}
	return found
}

func (x *exits) finding(s *scene) Finding {
	f := Finding{
		Rule: GoroutineEnded, Severity: x.severity, Spans: x.spans,
		At: x.first.Start.Sub(s.start), Count: x.count, Total: x.total,
	}
	times := ""
	if x.count == 1 {
		f.Text = "It ended " + duration(x.total) + " after it began."
	} else {
		times = " " + text.Counted(x.count, "time")
		f.Text = "They were " + strings.Join(x.who, ", ")
		if more := x.count - len(x.who); more > 0 {
			f.Text += ", and " + text.Number(more) + " more"
		}
		f.Text += "."
	}
	f.Headline = headline("%s "+x.text+times+"%s", s.who(x.first, nil, "a goroutine"), x.why)
	if utf8.RuneCountInString(x.why) > 14 && !strings.HasSuffix(f.Headline, x.why) {
		f.Text += " In full" + x.why + "."
	}
	switch state := semconv.State(x.first.Str(semconv.GoroutineStateKey)); {
	case state == semconv.StatePanicked:
		f.Advice = "The stack is in the program's output, and in the span's code.stacktrace."
	case state == semconv.StateCanceled:
		f.Advice = "Look at what canceled it with that cause, if that was not intended."
	case x.op != nil:
		f.Text += " What failed was " + s.ref(x.op) + "."
		f.Advice = "Look at " + s.ref(x.op) + "."
	default:
		f.Advice = "No operation in the trace failed with that: look at what the function of " + s.exactly(x.first, nil, "the goroutine") + " returns."
	}
	return f
}

// passedOn marks as reported the goroutines that only returned the error of one that they
// started.
func (s *scene) passedOn() {
	for _, run := range s.launches {
		life := run.Life()
		if life == nil || !life.Failed() {
			continue
		}
		above := run.Goroutine()
		for n := 0; above != nil && n < maxSteps; n++ {
			its := above.Life()
			if its == nil || !its.Failed() || failureOf(its) != failureOf(life) || its.End.Before(life.End) {
				break
			}
			s.report(its)
			above = above.Goroutine()
		}
	}
}

// endedWith returns the part of a sentence that names the goroutine that ended with the
// operation's error, or "". It marks the goroutine as reported.
func (s *scene) endedWith(op *chain.Span) string {
	name := s.endedBy(op)
	if name == "" {
		return ""
	}
	return ", and " + name + " ended with it"
}

// endedBy returns the goroutine's name for endedWith, or "".
func (s *scene) endedBy(op *chain.Span) string {
	run := op.Goroutine()
	if run == nil || run.Life() == nil || s.lastFailed(run) != op {
		return ""
	}
	s.report(op)
	if s.reported[run.Life()] {
		return ""
	}
	s.report(run.Life())
	return runnerName(run)
}

// canceled returns the last block of each goroutine that a cancellation ended.
func (s *scene) canceled() map[*chain.Span]*block {
	last := make(map[*chain.Span]*block)
	for _, b := range s.blocks {
		if b.runner != nil && b.woken() == semconv.WakeCanceled {
			last[b.runner] = b
		}
	}
	return last
}

// canceledBy names the cause of a cancellation, and the span that canceled.
func (s *scene) canceledBy(b *block) string {
	said := ""
	if cause := b.wake.Str(semconv.WakeCauseKey); cause != "" {
		said = " (" + plain(cause) + ")"
	}
	if by := b.Waker(); by != nil {
		said += " by " + s.ref(by)
	}
	return said
}

// lastFailed returns the goroutine's last operation that failed with the goroutine's kind
// of error, or nil. Closes are considered last, because a close fails if the connection was
// lost before. A call whose context ends closes its connection, so later errors may only be
// that it is closed. In that case lastFailed returns the call.
func (s *scene) lastFailed(run *chain.Span) *chain.Span {
	life := run.Life()
	if life == nil || !life.Failed() {
		return nil
	}
	var last, expired *chain.Span
	for _, op := range slices.Backward(s.failed[run]) {
		typ := op.Str(semconv.ErrorTypeKey)
		if expired == nil && (typ == semconv.ErrorDeadlineExceeded || typ == semconv.ErrorCanceled) && op.OnConnection() && op.Name != semconv.SpanClose {
			expired = op
		}
		if typ != life.Str(semconv.ErrorTypeKey) {
			continue
		}
		if op.Name != semconv.SpanClose {
			return op
		}
		if last == nil {
			last = op
		}
	}
	if last == nil && life.Str(semconv.ErrorTypeKey) == semconv.ErrorClosed {
		return expired
	}
	return last
}
