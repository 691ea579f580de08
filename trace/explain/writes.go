package explain

import (
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// concurrentWrites finds the writes that began while another one was in progress on their
// connection, which their library forbids, and where in the code both began.
func concurrentWrites(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		for _, w := range e.writes {
			if _, two := w.Attr(semconv.WebSocketOtherWriteFunctionKey); !two || s.reported[w.Span] {
				continue
			}
			second, first := w.Span, linked(w.Span, semconv.SpanWrite)
			if first != nil && (!second.Failed() && first.Failed() || second.Failed() == first.Failed() && first.Start.After(second.Start)) {
				second, first = first, second
			}
			s.report(second, first)
			f := Finding{
				Rule: ConcurrentWrites, Severity: Problem, At: second.Start.Sub(s.start), Count: 1, Spans: []*chain.Span{second},
				Advice: "One goroutine at a time may write messages. Have one that writes what the others send it, or hold a lock for each message.",
			}
			did := " wrote"
			if second.Str(semconv.ErrorTypeKey) == semconv.ErrorPanic {
				did = " panicked: it wrote"
			}
			f.Headline = headline("%s"+did+" while another write was in progress", s.who(second, e, "a goroutine"))
			f.Text = "It began to write in " + began(second, semconv.CodeFunctionNameKey, semconv.CodeLineNumberKey) +
				"; the other write had begun in " + began(second, semconv.WebSocketOtherWriteFunctionKey, semconv.WebSocketOtherWriteLineKey)
			if first != nil {
				f.Spans = append(f.Spans, first)
				f.Text += ", " + duration(second.Start.Sub(first.Start)) + " before: " + s.ref(first)
				if d := first.Blocked(); d >= brief {
					f.Text += ", which was blocked for " + duration(d)
				}
			}
			f.Text += "."
			found = append(found, f)
		}
	}
	return found
}

// linked returns the span with the name that sp links to, or nil.
func linked(sp *chain.Span, name string) *chain.Span {
	for _, l := range sp.Links {
		if l.Span != nil && l.Span.Name == name {
			return l.Span
		}
	}
	return nil
}

func began(sp *chain.Span, function, line attribute.Key) string {
	return fmt.Sprintf("%s, line %d", plain(sp.Str(function)), sp.Int(line))
}

// starvedPongs finds the pings that were not answered in time because a write had the
// connection.
func starvedPongs(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		var pong, write *chain.Span
		count, total := 0, time.Duration(0)
		for _, p := range e.pongs {
			holder := p.Str(semconv.BlockHolderKey)
			if holder == "" || !p.Failed() {
				continue
			}
			count++
			total = chain.Sum(total, p.Duration())
			if pong == nil {
				pong, write = p, e.writeOf(holder)
			}
			s.report(p)
			s.reportWait(p)
		}
		if pong == nil {
			continue
		}
		f := Finding{
			Rule: PongStarved, Severity: Warning, At: pong.Start.Sub(s.start), Count: count, Total: total, Spans: []*chain.Span{pong},
			Headline: headline("%s did not answer a ping for "+duration(pong.Duration())+": its own write was in progress", e.name()),
			Advice: "Give writes a deadline (SetWriteDeadline) that is shorter than the peer waits for its pong: a peer that is not " +
				"answered hangs up, as if the connection were dead.",
		}
		if count > 1 {
			f.Headline = headline("%s did not answer "+text.Counted(count, "ping")+": its own write was in progress", e.name())
		}
		f.Text = "Its reader gave the pong up after " + duration(pong.Duration()) + ", and read on"
		if write != nil {
			f.Spans = append(f.Spans, write)
			f.Text += ". " + sentence(s.ref(write)) + " had the connection for " + duration(write.Duration())
			if d := write.Blocked(); d >= brief {
				f.Text += ", and was blocked for " + duration(d) + " of that"
			}
		}
		f.Text += "."
		if len(e.closes) > 0 {
			if c := e.closes[0]; c.Start.After(pong.Start) && c.Str(semconv.WebSocketCloseInitiatorKey) == "remote" {
				f.Text += " " + sentence(e.peerName()) + " closed the connection " + duration(c.Start.Sub(pong.Start)) + " after the ping, with " +
					plain(c.Str(semconv.WebSocketCloseCodeKey)) + "."
				f.Spans = append(f.Spans, c)
			}
		}
		found = append(found, f)
	}
	return found
}

// writeOf returns the write with the span id, or nil.
func (e *end) writeOf(id string) *chain.Span {
	for _, w := range e.writes {
		if w.SpanID.String() == id {
			return w.Span
		}
	}
	return nil
}

// reportWait marks as reported the block of the read that waited together with the pong.
func (s *scene) reportWait(pong *chain.Span) {
	if pong.Parent == nil {
		return
	}
	for _, b := range pong.Parent.Children {
		if b.Name != pong.Name && b.Start.Equal(pong.Start) {
			s.report(b)
		}
	}
}

// failedAfterwards finds the writes that failed because an earlier one had failed.
func failedAfterwards(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		var spans []*chain.Span
		for _, w := range e.writes {
			if before, _ := w.Attr(semconv.WebSocketFailedBeforeKey); before.AsBool() && !s.reported[w.Span] {
				spans = append(spans, w.Span)
			}
		}
		if len(spans) == 0 {
			continue
		}
		s.report(spans...)
		last := spans[len(spans)-1]
		f := Finding{
			Rule: FailedAfterwards, Severity: Warning, At: spans[0].Start.Sub(s.start), Count: len(spans), Spans: spans,
			Headline: headline("%s wrote "+text.Counted(len(spans), "time")+" more after a write had failed", s.who(last, e, "a writer")),
			Text:     "Each failed at once with the error of the first, which broke the connection for writing",
			Advice:   "Give a connection up at the first error of a write, and look at that one.",
		}
		if first := linked(last, semconv.SpanWrite); first != nil {
			f.Text += ": " + s.ref(first) + ", " + duration(last.Start.Sub(first.End)) + " before the last of them (" + failure(first) + ")"
			f.Spans = append([]*chain.Span{first}, spans...)
		}
		f.Text += "."
		found = append(found, f)
	}
	return found
}

// timeLimit describes the deadline of a blocked write, if the trace has it: as a sentence
// with a space before it, or "".
func (b *block) timeLimit() string {
	if b.op == nil {
		return ""
	}
	limit, known := b.op.Attr(semconv.WebSocketWriteTimeoutKey)
	switch {
	case !known:
		return ""
	case limit.AsFloat64() == 0:
		return " The write had no deadline: nothing on this side would have ended it."
	default:
		return " It had a deadline, after " + duration(time.Duration(limit.AsFloat64()*float64(time.Second))) + "."
	}
}
