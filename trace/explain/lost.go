package explain

import (
	"strings"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
)

// loss is a connection that ended without a close frame, as its ends tell it.
type loss struct {
	told     []string
	spans    []*chain.Span
	severity Severity
}

// lostConnections finds the connections that ended without a close frame.
func lostConnections(s *scene) []Finding {
	var found []Finding
	for _, e := range s.ends {
		if e.peer != nil && e.server() {
			continue // told with the client's end
		}
		var l loss
		for _, side := range []*end{e, e.peer} {
			if side != nil {
				for _, c := range side.closes {
					l.add(side.name(), c)
				}
			}
		}
		found = l.appendTo(found, s)
	}
	for _, c := range s.strays {
		var l loss
		l.add(s.who(c, nil, "this side"), c)
		found = l.appendTo(found, s)
	}
	return found
}

// add adds the close of the end called name, unless it has a code.
func (l *loss) add(name string, c *chain.Span) {
	typ := c.Str(trace.ErrorTypeKey)
	completed, ok := c.Attr(trace.WebSocketCloseCompletedKey)
	if _, coded := c.Attr(trace.WebSocketCloseCodeKey); coded || !ok || completed.AsBool() || typ == "" {
		return
	}
	severity, text := Warning, name+" lost it ("+plain(typ)+")"
	switch typ {
	case "close_now":
		severity, text = Info, name+" closed it at once (CloseNow)"
	case trace.ErrorCanceled, trace.ErrorDeadlineExceeded:
		text = name + " gave it up when its context ended (" + typ + ")"
	}
	l.told, l.spans, l.severity = append(l.told, text), append(l.spans, c), max(l.severity, severity)
}

func (l *loss) appendTo(found []Finding, s *scene) []Finding {
	if len(l.spans) == 0 {
		return found
	}
	return append(found, Finding{
		Rule: ConnectionLost, Severity: l.severity,
		Text: "A connection ended without a close frame: " + strings.Join(l.told, ", and ") + ".",
		Advice: "Close with a status (Close), so that the other end can tell an end from a failure. A connection that was " +
			"lost is for the client to make again.",
		Spans: l.spans, At: l.spans[0].Start.Sub(s.start), Count: 1,
	})
}
