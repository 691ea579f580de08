package explain

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// unread is what a peer waited for because an end does not read.
type unread struct {
	spans      []*chain.Span // of the peer
	unanswered []string
	total      time.Duration
	count      int
}

func (u *unread) add(d time.Duration, spans ...*chain.Span) {
	u.spans = append(u.spans, spans...)
	u.total = chain.Sum(u.total, d)
	u.count++
}

// neverRead finds the ends that wrote, never read according to the trace, and did not
// answer their peer. A reader in the background (wsconn.Conn.CloseRead) has no span, but it
// answers.
func neverRead(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		if e.peer == nil || !e.neverRead() {
			continue
		}
		var u unread
		e.unansweredClose(&u)
		e.unansweredPings(&u)
		if u.count == 0 {
			continue
		}
		who := s.who(e.writes[0].Span, e, "")
		s.report(u.spans...)
		found = append(found, Finding{
			Rule: NeverRead, Severity: Warning,
			Headline: headline("%s wrote and never read, and left %s unanswered for "+duration(u.total), who, e.peer.name()),
			Text: fmt.Sprintf("It made %s on the connection, and the trace has no read there. It did not answer %s.",
				text.Counted(e.written(), "write"), listed(u.unanswered, ", nor ")),
			Advice: readAlways,
			Spans:  append([]*chain.Span{e.Handshake}, u.spans...),
			At:     u.spans[0].Start.Sub(s.start), Count: u.count, Total: u.total,
		})
	}
	return found
}

const readAlways = "Read on every connection, or call CloseRead if no message is expected and the library has it: only a " +
	"reader answers pings and the closing handshake."

// neverRead reports whether the end wrote, and never read according to the trace.
func (e *end) neverRead() bool { return len(e.writes) > 0 && !e.hidden && !e.reader() }

// reader reports whether the end was read: it has a read, an answer to a ping or to a
// close, or a ping whose pong arrived.
func (e *end) reader() bool {
	if len(e.reads) > 0 || len(e.pongs) > 0 {
		return true
	}
	for _, c := range e.closes {
		if done, _ := c.Attr(semconv.WebSocketCloseCompletedKey); done.AsBool() || c.Str(semconv.WebSocketCloseInitiatorKey) == "remote" {
			return true
		}
	}
	for _, b := range e.blocks {
		if b.reason() == semconv.ReasonPong && b.woken() == semconv.WakeReceived {
			return true
		}
	}
	return false
}

// unansweredClose adds the peer's close frames that waited long for an answer while the end
// was open.
func (e *end) unansweredClose(u *unread) {
	for _, c := range e.peer.closes {
		if c.Str(semconv.WebSocketCloseInitiatorKey) != "local" {
			continue
		}
		until := c.End
		if len(e.closes) > 0 {
			until = earliest(until, e.closes[0].Start)
		}
		if waited := until.Sub(c.Start); waited >= long {
			u.add(waited, c)
			u.unanswered = append(u.unanswered, e.peer.name()+"'s close frame in "+duration(waited))
		}
	}
}

// unansweredPings adds the peer's pings that ended without a pong.
func (e *end) unansweredPings(u *unread) {
	var longest time.Duration
	n := 0
	for _, b := range e.peer.blocks {
		if b.reason() != semconv.ReasonPong || b.woken() == semconv.WakeReceived || b.woken() == "" || b.Duration() < noticeable {
			continue
		}
		u.add(b.Duration(), b.spans()...)
		longest = max(longest, b.Duration())
		n++
	}
	if n > 0 {
		u.unanswered = append(u.unanswered, fmt.Sprintf("%s of %s in up to %s", text.Counted(n, "ping"), e.peer.name(), duration(longest)))
	}
}

// written returns how many messages the end wrote, according to the trace.
func (e *end) written() (n int) {
	for _, w := range e.writes {
		n += int(max(w.Messages(), 1))
	}
	return n
}
