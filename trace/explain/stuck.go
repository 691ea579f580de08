package explain

import (
	"strings"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// pending are waits at one place that are not over.
type pending struct {
	repeated
	place place
	who   map[agent]bool
}

// stuckAtSites finds waits for others that are not over when the spans end, by their place
// in the program.
func stuckAtSites(s *scene) []Finding {
	places := newGroups[place, pending]()
	for _, b := range s.blocks {
		r := b.reason()
		if b.op == nil || !b.End.IsZero() || code(b.op) == "" || !owed[r] && r != semconv.ReasonForever && r != semconv.ReasonNetWrite {
			continue
		}
		until := *b.Span
		until.End = s.last
		p := place{r, code(b.op)}
		w := places.of(p)
		if w.who == nil {
			w.place, w.who = p, make(map[agent]bool)
		}
		w.who[agentOf(b.op, b.op.Int(semconv.GoroutineIDKey))] = true
		w.add(&block{Span: &until, op: b.op, end: b.end, runner: b.runner})
	}
	var found []Finding
	for _, w := range places.all {
		if w.longest.Duration() >= noticeable || truncated(w.longest.Span) {
			found = append(found, w.finding(s))
		}
	}
	return found
}

func (w *pending) finding(s *scene) Finding {
	b := w.longest
	f := w.repeated.finding(s)
	f.Rule, f.Severity, f.Spans = Stuck, graded(b.Duration()), []*chain.Span{b.op}
	switch w.place.reason {
	case semconv.ReasonWaitGroup, semconv.ReasonCond, semconv.ReasonFuture, semconv.ReasonForever:
		f.Severity = Info // the wait may be intended
	}
	most, since := "for "+duration(b.Duration()), offset(b.Start.Sub(s.start))
	if truncated(b.Span) {
		most, since = "for more than "+duration(b.Duration()), "before the trace began"
	}
	if n := len(w.who); n > 1 {
		f.Headline = headline(text.Counted(n, "goroutine")+" stuck in "+plain(b.op.Name)+" at %s, one "+most, w.place.code)
	} else {
		f.Headline = headline("A goroutine is stuck in "+plain(b.op.Name)+" at %s, "+most, w.place.code)
	}
	name := plain(b.op.Str(semconv.GoroutineNameKey))
	if name == "" {
		name = s.who(b.op, nil, "it")
	}
	f.Text = name + " (" + goroutineOf(b.op) + ") has been blocked since " + since + ", and the trace does not have the end."
	if stack := frames(b.op.Str(semconv.CodeStacktraceKey)); stack != "" {
		f.Text += " Its stack: " + stack + "."
	}
	switch w.place.reason {
	case semconv.ReasonLock, semconv.ReasonWriteLock:
		f.Advice = "Find the goroutine that holds it: it has not been released since. Two that are stuck like this may each hold what the other one waits for."
	case semconv.ReasonChanSend:
		f.Advice = "Find the goroutine that should receive: none has since. A sender that can do without should also select on a context."
	case semconv.ReasonNetWrite:
		f.Advice = "Find out whether the peer reads. Give the write a deadline."
	case semconv.ReasonForever:
		f.Advice = "Nothing ends a select without cases or an operation on a nil channel: look whether that is meant."
	default:
		f.Advice = "Look whether that is meant, and at who should end it."
	}
	return f
}

// truncated reports whether a block began before the recording.
func truncated(block *chain.Span) bool {
	v, _ := block.Attr(semconv.BlockTruncatedKey)
	return v.AsBool()
}

func goroutineOf(op *chain.Span) string {
	if op.Int(semconv.GoroutineIDKey) > 0 {
		return goroutine(op)
	}
	return "a goroutine without a number"
}

// maxFrames is the maximum number of functions of a stack in a sentence.
const maxFrames = 5

// frames returns the first functions of a stack in one line, without those of packages
// runtime, sync and internal.
func frames(stack string) string {
	var all []string
	for line := range strings.Lines(stack) {
		fn := strings.TrimRight(line, "\n")
		if fn == "" || fn[0] == '\t' || strings.HasPrefix(fn, "runtime.") || strings.HasPrefix(fn, "internal/") || strings.HasPrefix(fn, "sync.") {
			continue
		}
		if len(all) == maxFrames {
			all = append(all, "…")
			break
		}
		all = append(all, plain(fn[strings.LastIndexByte(fn, '/')+1:]))
	}
	return strings.Join(all, " ← ")
}
