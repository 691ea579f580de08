package live

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// maxName is the maximum length of a name in a sentence, in characters.
const maxName = 80

// printable returns a name from a program or a peer, escaped so that it cannot move a
// terminal's cursor, and shortened.
func printable(s string) string { return text.Shorten(text.Printable(s), maxName) }

func age(d time.Duration) string { return text.Duration(max(d, 0), " ") }

// who names a goroutine, with its ID if another one in the view has the same name.
func (v *View) who(g *Goroutine) string {
	switch {
	case g.Name == "":
		return "a goroutine without a name"
	case g.ID != 0 && v.names()[g.Name] > 1:
		return printable(g.Name) + " g" + strconv.FormatInt(g.ID, 10)
	default:
		return printable(g.Name)
	}
}

// Sentence describes what w, a wait of g, waits for, and what the holders do:
//
//	sen_data has been blocked 12 s writing to the client 127.0.0.1:41234, which has
//	not read for 12 s: its reader hello is in sleep, main.go:41
//
// It is one line, and names in it are escaped.
func (v *View) Sentence(g *Goroutine, w *Wait) string {
	if w.Idle {
		return v.who(g) + " has been waiting " + age(w.Age) + " for the next message of " + v.conn(w)
	}
	var b strings.Builder
	b.WriteString(v.short(g, w))
	switch {
	case w.Reason == string(semconv.ReasonNetWrite):
		b.WriteString(v.other(w))
	case w.On != nil && w.On.Kind == "channel":
		b.WriteString(v.channel(w.On))
		for i := range w.Holders {
			if g := v.goroutineOf(w.Holders[i].Goroutine); g != nil {
				b.WriteString(": likely " + v.who(g) + " takes the next, and " + v.state(g))
			}
		}
	default:
		for i := range w.Holders {
			b.WriteString(v.held(&w.Holders[i]))
		}
	}
	return b.String()
}

// short returns the first part of a sentence: who waits, how long, and in what.
func (v *View) short(g *Goroutine, w *Wait) string {
	s := v.who(g) + " has been blocked " + age(w.Age)
	switch w.Reason {
	case string(semconv.ReasonNetWrite):
		if w.Operation == semconv.SpanWrite {
			return s + " writing to " + v.conn(w)
		}
		return s + " in " + printable(w.Operation) + ", writing to " + v.conn(w)
	case string(semconv.ReasonNetRead):
		return s + " in " + printable(w.Operation) + ", reading from " + v.conn(w)
	case string(semconv.ReasonWriteLock):
		return s + " in " + printable(w.Operation) + ", waiting for its turn to write to " + v.conn(w)
	case string(semconv.ReasonPong):
		return s + " waiting for a pong of " + v.conn(w)
	case string(semconv.ReasonSleep):
		return s + " in sleep"
	}
	if w.Reason == string(semconv.ReasonSelect) {
		return s + " in select"
	}
	if w.On != nil && w.On.Kind == "task" {
		return s + " waiting for the end of " + printable(w.On.Name)
	}
	on := strings.ReplaceAll(printable(w.Reason), "_", " ")
	if w.On != nil && w.On.Kind != "" {
		on = w.On.Kind
	}
	article := "a "
	if on == "rwmutex" {
		article = "an "
	}
	if w.On != nil && w.On.Name != "" {
		article, on = "the ", on+" "+printable(w.On.Name)
	}
	return s + " in " + printable(w.Operation) + ", waiting for " + article + on
}

// waitsFor ends a sentence, with the next goroutine of a cycle.
func (v *View) waitsFor(w *Wait, next *Goroutine) string {
	switch h := w.Holders[0]; w.Reason {
	case string(semconv.ReasonNetWrite):
		if !h.Strong {
			return "whose other end nobody has read, and " + v.who(next) + " writes"
		}
		return "whose other end " + v.who(next) + " would read"
	case string(semconv.ReasonChanSend):
		return "from which " + v.who(next) + " received last"
	default:
		if h.What == "is awaited" {
			return "which waits"
		}
		return "that " + v.who(next) + " holds"
	}
}

// conn names the other end of a wait's connection.
func (v *View) conn(w *Wait) string {
	c := v.connectionOf(w.Connection)
	if c == nil {
		return "a connection"
	}
	return "the " + v.far(c)
}

// far names the other end of c.
func (v *View) far(c *Connection) string {
	role := "client"
	if c.Role == "client" {
		role = "server"
	}
	p := v.connectionOf(c.Peer)
	switch {
	case p != nil && p.Process != c.Process && p.Process < len(v.Processes):
		role += " " + printable(v.Processes[p.Process].Name)
	case c.Remote != "":
		role += " " + printable(c.Remote)
	}
	if c.Between {
		role += " behind a middlebox at " + printable(v.middlebox(c))
	}
	return role
}

// middlebox returns the address of the middlebox, as seen from this end.
func (v *View) middlebox(c *Connection) string { return c.Remote }

// other describes what is known about the other end of a parked write.
func (v *View) other(w *Wait) string {
	c := v.connectionOf(w.Connection)
	if c == nil {
		return ""
	}
	p := v.connectionOf(c.Peer)
	if p == nil {
		if w.Cause == string(semconv.CausePeerWindow) {
			return ", whose window is closed: it does not read"
		}
		return ""
	}
	likely := ""
	if w.Cause != string(semconv.CausePeerWindow) || c.Between {
		likely = "likely "
	}
	switch {
	case p.Reading:
		return ", which is reading: what was written is on its way"
	case p.Reader == nil:
		return ", which " + likely + "has never read: nobody has, since the connection was opened " + age(p.Age) + " ago"
	case !p.Reader.Inside && !p.LastRead.IsZero() && !p.PartRead:
		s := ", which " + likely + "has not read for " + age(v.At.Sub(p.LastRead))
		return s + v.reader(p)
	case !p.Reader.Inside && !p.LastRead.IsZero():
		return ", which " + likely + "has read no message for " + age(v.At.Sub(p.LastRead)) + v.reader(p)
	default:
		return ", which " + likely + "is not reading" + v.reader(p)
	}
}

// reader describes what the reader of a connection does.
func (v *View) reader(c *Connection) string {
	r := c.Reader
	switch g := v.goroutineOf(r.Goroutine); {
	case r.Ended:
		return ": its reader " + printable(r.Name) + " has ended"
	case g != nil:
		return ": its reader " + v.who(g) + " " + v.state(g)
	default:
		return ""
	}
}

// does describes what a goroutine does, as a clause of its own.
func (v *View) does(g *Goroutine) string { return "it " + v.state(g) }

func (v *View) state(g *Goroutine) string {
	s := ""
	switch {
	case len(g.Waits) == 0:
		s = "has been running for " + age(v.At.Sub(g.Since))
	case g.Waits[0].Idle:
		s = "waits for the next message of " + v.conn(&g.Waits[0])
	default:
		w := &g.Waits[0]
		s = "is in " + printable(w.Operation)
		if w.Reason != w.Operation {
			s += " (" + printable(w.Reason) + ")"
		}
		s += " for " + age(w.Age)
	}
	if g.Site != "" {
		s += ", " + printable(g.Site)
	}
	return s
}

// absent names a holder that is no goroutine of the view, and describes what it does.
func (v *View) absent(o *other) (who, does string) {
	if o.holder.Ended {
		who = printable(o.holder.Name)
		return who, "it has ended, and " + o.holder.What + " still"
	}
	c := v.connectionOf(o.connection)
	if c == nil {
		return "somebody", o.holder.What
	}
	who = "the " + v.far(c)
	if v.connectionOf(c.Peer) != nil {
		return who, "nobody is known to read there"
	}
	return who, "its window is closed: it does not read"
}

// held describes a holder, and what it does.
func (v *View) held(h *Holder) string {
	what := printable(h.What)
	switch g := v.goroutineOf(h.Goroutine); {
	case h.Ended:
		return ": " + printable(h.Name) + ", which has ended, " + what
	case g != nil:
		return ": " + v.who(g) + " " + what + ", and " + v.state(g)
	case h.Name != "":
		return ": " + printable(h.Name) + " " + what
	default:
		return ": a goroutine that is not followed " + what
	}
}

func (v *View) channel(on *On) string {
	s := ""
	if on.Capacity > 0 {
		s = " with " + plural(on.Length, "value", "values") + " in it"
	}
	if g := v.goroutineOf(on.LastSender); g != nil {
		s += ", to which " + v.who(g) + " sent last"
	}
	if g := v.goroutineOf(on.LastReceiver); g != nil {
		s += ", from which " + v.who(g) + " received last"
	}
	return s
}

// hint describes what ends a wait.
func hint(w *Wait) string {
	switch w.Reason {
	case string(semconv.ReasonNetWrite):
		return "room in the send buffer: the peer reads, or the connection ends"
	case string(semconv.ReasonNetRead):
		return "bytes of the peer, or the connection's end"
	case string(semconv.ReasonWriteLock):
		return "the end of the write that is in progress"
	case string(semconv.ReasonPong):
		return "the peer's pong, which it sends when it reads"
	case string(semconv.ReasonLock):
		return "an unlock"
	case string(semconv.ReasonSemaphore):
		return "a release"
	case string(semconv.ReasonCond):
		return "a signal"
	case string(semconv.ReasonSleep):
		return "its timer"
	case string(semconv.ReasonChanSend):
		return "a receiver"
	case string(semconv.ReasonChanRecv):
		return "a sender, or the channel's close"
	case string(semconv.ReasonFuture):
		if w.On != nil && w.On.Kind == "task" {
			return "the goroutine's end"
		}
		return "the future's value or error"
	case string(semconv.ReasonWaitGroup):
		return "the last that is done"
	case string(semconv.ReasonSelect):
		return "any of its cases"
	default:
		return ""
	}
}

func (v *View) connectionOf(id string) *Connection {
	if id == "" {
		return nil
	}
	if i, ok := v.connectionIndex()[id]; ok {
		return &v.Connections[i]
	}
	return nil
}

func (v *View) goroutineOf(key string) *Goroutine {
	if key == "" {
		return nil
	}
	if i, ok := v.goroutineIndex()[key]; ok {
		return &v.Goroutines[i]
	}
	return nil
}

// indices are indexes of a view. Each is built on first use, because views may also come
// from JSON.
type indices struct {
	goroutines, connections atomic.Pointer[map[string]int]
	names                   atomic.Pointer[map[string]int] // number of goroutines with each name
}

func (v *View) names() map[string]int {
	if n := v.found.names.Load(); n != nil {
		return *n
	}
	n := map[string]int{}
	for i := range v.Goroutines {
		n[v.Goroutines[i].Name]++
	}
	v.found.names.Store(&n)
	return n
}

func (v *View) goroutineIndex() map[string]int {
	return indexed(&v.found.goroutines, v.Goroutines, func(g *Goroutine) string { return g.Key })
}

func (v *View) connectionIndex() map[string]int {
	return indexed(&v.found.connections, v.Connections, func(c *Connection) string { return c.ID })
}

func indexed[T any](made *atomic.Pointer[map[string]int], all []T, key func(*T) string) map[string]int {
	if x := made.Load(); x != nil {
		return *x
	}
	x := make(map[string]int, len(all))
	for i := range all {
		x[key(&all[i])] = i
	}
	made.Store(&x)
	return x
}
