package live

import (
	"encoding/hex"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// wait sets w to the wait raw. If of is not nil, raw is on that connection.
func (b *builder) wait(w *Wait, raw *live.Wait, of *live.Connection) {
	w.Operation, w.Reason, w.Since, w.Age = raw.Operation, raw.Reason, raw.Since, max(b.v.At.Sub(raw.Since), 0)
	if raw.Span.IsSampled() {
		w.Span = b.span(raw)
	}
	switch on := raw.On.(type) {
	case nil:
	case live.Waitable:
		b.on(w, on.DescribeWait())
	case *trace.Task:
		w.On = b.ons.New()
		w.On.Kind, w.On.Name = "task", on.Name()
		w.Holders = b.heldBy(on, "is awaited", true)
	default:
		if of == nil || of.Key != on {
			i, ok := b.conns[on]
			if !ok {
				break
			}
			of = &b.report.Connections[i]
		}
		b.onConnection(w, raw, of)
	}
	w.WakeHint = hint(w)
}

func (b *builder) span(raw *live.Wait) *Span {
	var p [48]byte
	trace, span := raw.Span.TraceID(), raw.Span.SpanID()
	hex.Encode(p[:32], trace[:])
	hex.Encode(p[32:], span[:])
	ids := b.texts.of(p[:])
	s := b.spans.New()
	s.TraceID, s.SpanID = ids[:32], ids[32:]
	return s
}

func (b *builder) on(w *Wait, on live.On) {
	w.On = b.ons.New()
	*w.On = On{Kind: on.Kind, Name: on.Name, Length: on.Length, Capacity: on.Capacity, Held: on.Held, Size: on.Size, Waiting: on.Waiting}
	strong := false
	switch w.Reason {
	case string(semconv.ReasonLock):
		w.On.Kind, w.On.Size, strong = "mutex", 0, true
		if on.Size > 1 {
			w.On.Kind = "rwmutex"
		}
	case string(semconv.ReasonCond):
		w.On.Kind = "cond"
	case string(semconv.ReasonFuture):
		w.On.Kind = "future"
	}
	if on.Known {
		w.Holders = b.heldBy(on.Holder, "holds the "+w.On.Kind, strong)
	}
	w.On.LastSender, w.On.LastReceiver = b.keyOf(on.LastSender), b.keyOf(on.LastReceiver)
	if w.Reason == string(semconv.ReasonChanSend) && on.Length == on.Capacity && w.On.LastReceiver != "" {
		w.Holders = b.heldBy(on.LastReceiver, "received from it last", false)
	}
}

func (b *builder) onConnection(w *Wait, raw *live.Wait, c *live.Connection) {
	w.Connection = c.ID
	switch {
	case c.Reader != nil && c.Reader.Op == raw.Op:
		w.Message = c.MessagesRead + 1
		w.Idle = w.Reason == string(semconv.ReasonNetRead) && !c.Reader.InMessage
	case c.Writer != nil && c.Writer.Op == raw.Op, w.Operation == semconv.SpanWrite:
		w.Message = c.MessagesWritten + 1
	}
	switch w.Reason {
	case string(semconv.ReasonNetWrite):
		if s := c.Socket; s != nil && s.Known {
			w.Cause = s.Cause
			w.TCP = b.tcps.New()
			*w.TCP = TCP{
				Written: s.Written, Queued: s.Queue, NotSent: s.NotSent, Unacked: s.Unacked, PeerWindow: s.Window,
				RTT: s.RTT, RwndLimited: s.RwndLimited, Busy: s.Busy, SndbufLimited: s.SndbufLimited, Retransmits: s.Retransmits,
			}
		}
	case string(semconv.ReasonWriteLock):
		w.On = &On{Kind: "write lock", Waiting: c.WritesWaiting}
		by := c.Turn
		if c.Frame != nil && w.Operation != semconv.SpanWrite {
			by = c.Frame
		}
		if by == nil || by.Op == raw.Op || by.Op == nil {
			return
		}
		w.Holders = b.heldBy(by.Task, "holds the write lock", true)
		h := &w.Holders[0]
		if at, ok := b.seen[by.Op]; ok && h.Goroutine == "" {
			h.Goroutine, h.Ended = b.v.Goroutines[at].Key, false
		}
		h.Since = by.Began
	}
}

// keyOf returns the key of a task's goroutine, or "" if there is none.
func (b *builder) keyOf(task any) string {
	if at, ok := b.goroutine(task); ok {
		return b.v.Goroutines[at].Key
	}
	return ""
}

// heldBy returns the task's goroutine as the only holder.
func (b *builder) heldBy(task any, what string, strong bool) []Holder {
	all := b.holders.Take(1)
	h := &all[0]
	h.Goroutine, h.Name, h.Strong, h.What = b.keyOf(task), taskName(task), strong, what
	h.Ended = h.Goroutine == "" && ended(task)
	return all
}

func ended(task any) bool {
	t, ok := task.(*trace.Task)
	if !ok || t == nil {
		return false
	}
	s := t.State()
	return s != semconv.StateRunning && s != semconv.StatePending
}

// connection sets v to the connection c.
func (b *builder) connection(v *Connection, c *live.Connection) {
	*v = Connection{
		ID: c.ID, PeerID: c.PeerID, Role: c.Role, Local: c.Local, Remote: c.Remote,
		Sampled: c.Sampled, Since: c.Began, Age: max(b.v.At.Sub(c.Began), 0),
		MessagesRead: c.MessagesRead, MessagesWritten: c.MessagesWritten,
		BytesRead: c.BytesRead, BytesWritten: c.BytesWritten,
		LastRead: c.LastRead, LastWrite: c.LastWrite, LastPong: c.LastPong,
		Reading: c.Reading, CloseRead: c.CloseRead, PartRead: c.PartRead,
		WritesWaiting: c.WritesWaiting,
	}
	switch {
	case c.Reader != nil:
		v.Reader = b.inside(c.Reader)
	case c.LastReader != nil:
		v.Reader = b.instead(c.LastReader)
	case c.EverRead:
		v.Reader = b.doings.New()
	}
	if c.Writer != nil {
		v.Writer = b.inside(c.Writer)
	}
}

// inside returns what a call in the library does.
func (b *builder) inside(c *live.Call) *Doing {
	d := b.doings.New()
	*d = Doing{Inside: true, Goroutine: b.keyOf(c.Task), Name: taskName(c.Task), Operation: c.Operation, Since: c.Began, Began: c.Began}
	if at, ok := b.seen[c.Op]; ok && d.Goroutine == "" && c.Op != nil {
		d.Goroutine = b.v.Goroutines[at].Key
	}
	if c.Wait != nil {
		d.Reason, d.Since = c.Wait.Reason, c.Wait.Since
	}
	return d
}

// instead returns what a task's goroutine does while it is not in the library.
func (b *builder) instead(task any) *Doing {
	d := b.doings.New()
	d.Name = taskName(task)
	if at, ok := b.goroutine(task); ok {
		g := &b.v.Goroutines[at]
		d.Goroutine, d.Since, d.Site = g.Key, g.Since, g.Site
		if len(g.Waits) > 0 {
			d.Operation, d.Reason = g.Waits[0].Operation, g.Waits[0].Reason
		}
	} else {
		d.Ended = ended(task)
	}
	return d
}
