package explain

import (
	"slices"
	"strings"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// loss is a connection that ended without a close frame, as reported by its ends.
type loss struct {
	between   string   // the services of the connection
	kinds     string   // the kinds of loss, to group equal ones
	sentences []string // one for each end
	spans     []*chain.Span
	unread    bool // a close frame may have arrived unread
	silent    bool // an end never read, although bytes had arrived
	severity  Severity
}

// losses are connections that were lost in the same way.
type losses struct {
	loss
	names []string
	count int
}

// lostConnections finds the connections that ended without a close frame, unless another
// finding reports their end.
func lostConnections(s *scene) []Finding {
	lost := newGroups[string, losses]()
	add := func(l *loss, name string) {
		if len(l.spans) == 0 {
			return
		}
		all := lost.of(l.between + "\x00" + l.kinds)
		if all.count == 0 {
			all.loss = *l
		}
		if all.count++; len(all.names) < maxNamed {
			all.names = append(all.names, name)
		}
	}
	for _, e := range s.ends {
		if e.peer != nil && e.Server() {
			continue // reported with the client's end
		}
		var l loss
		l.between = "the connection of " + e.service()
		if e.peer != nil {
			l.between += " with " + e.peer.service()
		}
		for _, side := range []*end{e, e.peer} {
			if side != nil {
				for _, c := range side.closes[:min(len(side.closes), maxCloses)] {
					s.addLoss(&l, side, side.name(), c)
				}
			}
		}
		name := e.Handshake.LocalAddress()
		if e.Server() {
			name = e.Handshake.PeerAddress()
		}
		if name == "" {
			name = "#" + text.Number(e.Handshake.Seq)
		}
		add(&l, plain(name))
	}
	for _, c := range s.strays {
		who := s.who(c, nil, "this side")
		l := loss{between: "a connection of " + who}
		s.addLoss(&l, nil, who, c)
		add(&l, "#"+text.Number(c.Seq))
	}
	var found []Finding
	for _, l := range lost.all {
		found = append(found, l.finding(s))
	}
	return found
}

// maxCloses is how many closes of an end are considered. Usually an end has one.
const maxCloses = 8

// service returns the end's name, without the address that distinguishes several ends.
func (e *end) service() string {
	one := *e
	one.several = false
	return one.name()
}

// addLoss adds the close of the end called name, unless a closing handshake took place, or
// another finding reports the close.
func (s *scene) addLoss(l *loss, e *end, name string, c *chain.Span) {
	typ := c.Str(semconv.ErrorTypeKey)
	completed, ok := c.Attr(semconv.WebSocketCloseCompletedKey)
	if !ok || completed.AsBool() || s.reported[c] {
		return
	}
	severity, said := Warning, ""
	_, coded := c.Attr(semconv.WebSocketCloseCodeKey)
	switch {
	case coded:
		op := e.lostBefore(c)
		if op == nil {
			return
		}
		said = name + " lost it (" + s.ref(op) + " failed)"
		if typ = op.Str(semconv.ErrorTypeKey); typ == "" {
			typ, said = "end", name+" read its end ("+s.ref(op)+")"
		}
		said += ", and only then closed with " + plain(c.Str(semconv.WebSocketCloseCodeKey))
		s.report(op)
	case typ == "":
		return
	case typ == "close_now":
		severity, said = Info, name+" closed it at once (CloseNow)"
	case typ == semconv.ErrorCanceled || typ == semconv.ErrorDeadlineExceeded:
		said = name + " gave it up when its context ended (" + typ + ")"
	default:
		said = name + " lost it (" + failureOf(c) + ")"
	}
	if n := c.Int(semconv.WebSocketCloseUnreadKey); n > 0 {
		said += ", with " + size(n) + " of its peer's that were never read"
		if e != nil && e.neverRead() {
			said += " (the trace has no read there, and only a reader answers pings)"
			l.silent = true
		}
	}
	s.report(c)
	if e != nil && e.mayHoldFrame(c) {
		l.unread = true
	}
	l.kinds += typ + "\x00"
	l.sentences, l.spans, l.severity = append(l.sentences, said+s.endedWithClose(e, c, typ)), append(l.spans, c), max(l.severity, severity)
}

// endedWithClose is endedWith for all goroutines whose operations failed because the
// connection was lost.
func (s *scene) endedWithClose(e *end, c *chain.Span, typ string) string {
	var names []string
	more := 0
	seen := map[*chain.Span]bool{}
	add := func(op *chain.Span) {
		run := op.Goroutine()
		if run == nil || seen[run] || s.lastFailed(run) != op {
			return
		}
		seen[run] = true
		switch name := s.endedBy(op); {
		case name == "":
		case len(names) < maxNamed:
			names = append(names, name)
		default:
			more++
		}
	}
	if run := c.Goroutine(); run != nil {
		if op := s.lastFailed(run); op != nil {
			add(op)
		}
	}
	if e != nil {
		lost := func(op *chain.Span) bool {
			its := op.Str(semconv.ErrorTypeKey)
			return goneErrors[its] || its != "" && its == typ
		}
		for _, r := range e.reads {
			if lost(r) {
				add(r)
			}
		}
		for _, w := range e.writes {
			if lost(w.Span) {
				add(w.Span)
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	said := ", and " + strings.Join(names, ", ")
	if more > 0 {
		said += " and " + text.Number(more) + " more"
	}
	return said + " ended with it"
}

// lostBefore returns the operation that found the connection gone before this side sent its
// close frame, or nil. A handler may send a close frame whatever error its reads ended
// with.
func (e *end) lostBefore(c *chain.Span) *chain.Span {
	if e == nil || c.Str(semconv.WebSocketCloseInitiatorKey) != "local" {
		return nil
	}
	last := e.lastOver(c)
	if last == nil {
		return nil
	}
	switch last.Str(semconv.ErrorTypeKey) {
	case semconv.ErrorConnectionReset, semconv.ErrorBrokenPipe, semconv.ErrorUnexpectedEOF:
		return last
	case "":
	default:
		return nil
	}
	if last.Name != semconv.SpanRead || last.Failed() || last.Int(semconv.WebSocketMessageIndexKey) > 0 {
		return nil
	}
	for _, t := range slices.Backward(last.Children) {
		if t.Is(semconv.SpanWake) {
			switch semconv.WakeReason(t.Str(semconv.WakeReasonKey)) {
			case semconv.WakePeerClosed, semconv.WakePeerReset:
				return last
			default:
				return nil
			}
		}
	}
	if c.Str(semconv.WebSocketCloseCodeKey) == "1011" { // the read did not wait, and got no message
		return last
	}
	return nil
}

// lastOver returns the last read or write of the end that was over before c began.
func (e *end) lastOver(c *chain.Span) (last *chain.Span) {
	for _, op := range e.reads {
		if !op.End.After(c.Start) && (last == nil || op.End.After(last.End)) {
			last = op
		}
	}
	for _, w := range e.writes {
		if !w.End.After(c.Start) && (last == nil || w.End.After(last.End)) {
			last = w.Span
		}
	}
	return last
}

// mayHoldFrame reports whether a close frame may have been unread when the end was closed:
// its peer sent one before or, if the peer is not in the chain, no read reached the end of
// the stream.
func (e *end) mayHoldFrame(ended *chain.Span) bool {
	if e.peer != nil {
		return slices.ContainsFunc(e.peer.closes[:min(len(e.peer.closes), maxCloses)], func(c *chain.Span) bool {
			return c.Str(semconv.WebSocketCloseInitiatorKey) == "local" && c.Start.Before(ended.Start) && e.peer.lostBefore(c) == nil
		})
	}
	for _, r := range e.reads {
		if r.Str(semconv.ErrorTypeKey) == semconv.ErrorUnexpectedEOF {
			return false
		}
	}
	return true
}

func (l *losses) finding(s *scene) Finding {
	how := " ended without a close frame"
	if l.unread {
		how = " ended, and no close frame was read"
	}
	line, said := headline("%s"+how, l.between), sentence(listed(l.sentences, "; "))+"."
	if l.count > 1 {
		_, of, _ := strings.Cut(l.between, "connection ")
		line = headline(text.Counted(l.count, "connection")+" %s"+how, of)
		said = "Of the first: " + said + " They are " + strings.Join(l.names, ", ")
		if more := l.count - len(l.names); more > 0 {
			said += ", and " + text.Number(more) + " more"
		}
		said += "."
	}
	advice := "Close with a status (Close), so that the other end can tell an end from a failure. A connection that was " +
		"lost is for the client to make again."
	if l.silent {
		advice = readAlways
	}
	return Finding{
		Rule: ConnectionLost, Severity: l.severity, Headline: line, Text: said, Advice: advice,
		Spans: l.spans, At: l.spans[0].Start.Sub(s.start), Count: l.count,
	}
}
