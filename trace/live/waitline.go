package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

func (s *sheet) wait(w *Wait, count int) waitLine {
	l := waitLine{
		Class: class(w.Reason, w.Idle), Operation: name(w.Operation), Why: why(w.Reason, w.Cause, w.Idle),
		Age: s.age(w.Age), Bar: bar(w.Age),
	}
	if l.Oldest = count > 1; !l.Oldest && w.Message > 0 {
		l.Operation += " #" + text.Number(w.Message)
	}
	if w.Operation == w.Reason && w.Cause == "" && !w.Idle {
		l.Why = "" // such as sleep
	}
	if c := s.ends[w.Connection]; c != nil && count == 1 {
		l.Conn, l.To = name(c.ID), shownAddress(c.Remote)
	} else if w.Connection != "" && count == 1 {
		l.Conn = name(w.Connection)
	}
	for i, h := range w.Holders {
		if i == maxHolders {
			l.Notes = append(l.Notes, fmt.Sprintf("and for %d more", len(w.Holders)-maxHolders))
			break
		}
		l.Notes = append(l.Notes, s.holder(&h))
	}
	if w.On != nil {
		if on := s.on(w.On, len(w.Holders) > 0); on != "" {
			l.Notes = append(l.Notes, on)
		}
	}
	if w.TCP != nil {
		l.Notes = append(l.Notes, kernel(w.TCP, w.Age))
	}
	return l
}

func (s *sheet) holder(h *Holder) string {
	note := "for " + s.who(h.Goroutine, h.Name)
	if !h.Strong {
		note = "likely " + note
	}
	if h.What != "" {
		note += ", which " + text.Printable(h.What)
	}
	if h.Ended {
		note += " and has ended"
	}
	if since := s.since(h.Since); since != "" {
		note += ", for " + since
	}
	return note
}

// on describes what a wait is on, or returns "" if that would only repeat the holder.
func (s *sheet) on(on *On, held bool) string {
	note := "on a " + text.Printable(on.Kind)
	if on.Name != "" {
		note += " " + name(on.Name)
	}
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	switch {
	case on.Kind == "channel" && on.Capacity == 0:
		add("not buffered")
	case on.Kind == "channel":
		add("%d of %d in it", on.Length, on.Capacity)
	case on.Size > 0:
		add("%d of %d taken", on.Held, on.Size)
	}
	if on.Waiting > 1 {
		add("%d wait for it", on.Waiting)
	}
	if on.LastSender != "" {
		add("last sent to by %s", s.who(on.LastSender, ""))
	}
	if on.LastReceiver != "" && !held { // the holder is named already
		add("last received from by %s", s.who(on.LastReceiver, ""))
	}
	switch {
	case len(facts) > 0:
		note += ": " + strings.Join(facts, ", ")
	case held && on.Name == "":
		return ""
	}
	return note
}

// kernel describes the kernel's view of a parked write.
func kernel(k *TCP, age time.Duration) string {
	var facts []string
	add := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	if k.RwndLimited > 0 {
		add("the peer's window was closed for %s of %s", text.Duration(min(k.RwndLimited, age), " "), text.Duration(age, " ")) // the counter changes in steps
	}
	if k.SndbufLimited > 0 {
		add("this side's buffer was in the way for %s", text.Duration(k.SndbufLimited, " "))
	}
	add("%s not acknowledged, %s of it not sent", text.Bytes(float64(k.Queued)), text.Bytes(float64(k.NotSent)))
	add("window %s", text.Bytes(float64(k.PeerWindow)))
	if k.RTT > 0 {
		add("rtt %s", text.Duration(k.RTT, " "))
	}
	if k.Retransmits > 0 {
		add("%s retransmitted", text.Counted(k.Retransmits, "segment"))
	}
	return strings.Join(facts, "; ")
}

// why describes what a wait is for.
func why(reason, cause string, idle bool) string {
	all := text.Printable(reason)
	if cause != "" {
		all += " " + text.Printable(cause)
	}
	if idle {
		all += ", idle"
	}
	return all
}

// class returns the class for the color of a wait.
func class(reason string, idle bool) string {
	switch {
	case idle:
		return "idle"
	case strings.HasPrefix(reason, "net.write"):
		return "net"
	case strings.HasPrefix(reason, "net."), reason == "pong":
		return "in"
	default:
		return "sync"
	}
}

// bar returns the length of the bar for an age: 1 for 10 ms or less, 10 for 1,000 s or
// more.
func bar(age time.Duration) int {
	n := 1
	for d := 10 * time.Millisecond; age > d && n < 10; d = d * 36 / 10 {
		n++
	}
	return n
}
