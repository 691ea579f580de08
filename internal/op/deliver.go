package op

import (
	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// event is one call of the sinks.
type event struct {
	kind        kind
	block, wake Edge
	named       bool // WokenBy was called for this wake
	by          oteltrace.SpanContext
	attrs       []attribute.KeyValue
	end         End
	do          func(*Record)
	audience    audience
}

// forget drops references, so that free memory keeps nothing alive. The rest is
// overwritten by the next event: clearing it would take as long as an operation.
func (e *event) forget() {
	e.block.forget()
	e.wake.forget()
	e.attrs, e.do = nil, nil
	e.end.Err, e.end.Attrs, e.end.Facts.Of = nil, nil, nil
}

// audience selects the sinks of an event.
type audience uint8

const (
	allSinks audience = iota
	describersOnly
	plainSinksOnly // those that are no Describers
)

type kind uint8

const (
	nothing kind = iota
	onWake
	onWokenBy
	onLink
	onAttributes
	onEnd
	onDo
)

// next returns a new event to fill in, behind those that are pending. The lock is held.
// [Record.deliver] must follow.
func (r *Record) next(k kind) *event {
	if r.running || r.pending() {
		r.queue = append(r.queue, event{kind: k})
		return &r.queue[len(r.queue)-1]
	}
	r.current.kind, r.current.named, r.current.audience = k, false, allSinks
	return &r.current
}

// pending reports whether there are undelivered events. The lock is held.
func (r *Record) pending() bool { return r.current.kind != nothing || r.first < len(r.queue) }

// maxKept is the largest queue that is kept with a record's memory, in events.
const maxKept = 4

// forgetQueue empties the queue, and keeps its memory if it is small.
func (r *Record) forgetQueue() {
	if cap(r.queue) > maxKept {
		r.queue = nil
	}
	clear(r.queue)
	r.queue, r.first = r.queue[:0], 0
}

// deliver runs the sinks for the event that next returned, unless the operation is
// held. The caller holds the lock; deliver releases it.
func (r *Record) deliver() {
	if r.held {
		r.mu.Unlock()
		return
	}
	r.drain()
}

// drain is deliver for an operation that is not held. If another goroutine is running
// the sinks, that one delivers.
func (r *Record) drain() {
	if r.running {
		r.mu.Unlock()
		return
	}
	r.running = true
	for r.pending() {
		if r.current.kind == nothing {
			r.current = r.queue[r.first]
			if r.first++; r.first == len(r.queue) {
				r.forgetQueue()
			}
		}
		r.mu.Unlock()
		r.run()
		r.mu.Lock()
		r.current.kind = nothing
	}
	r.running = false
	if r.state == ended {
		r.free()
		return
	}
	r.mu.Unlock()
}

// run runs the sinks for the current event, without the lock.
func (r *Record) run() {
	e := &r.current
	switch {
	case e.kind == onDo:
		e.do(r)
		return
	case e.kind == onWake && e.wake.Later != nil:
		e.wake.By, e.wake.Later = e.wake.Later.spanContext(), nil
	}
	for _, s := range r.sinks {
		d, describes := s.(Describer)
		switch {
		case e.audience == describersOnly && !describes, e.audience == plainSinksOnly && describes:
		case e.kind == onWake:
			s.Wake(r, &e.block, &e.wake)
			if describes && e.named {
				d.WokenBy(r, e.wake.By)
			}
		case e.kind == onEnd:
			s.End(r, &e.end)
		case !describes:
		case e.kind == onWokenBy:
			d.WokenBy(r, e.by)
		case e.kind == onLink:
			d.Link(r, e.by)
		case e.kind == onAttributes:
			d.SetAttributes(r, e.attrs)
		}
	}
}

// Do runs f in the order of the edges, like a sink, if the operation is in a block, and
// reports whether it did. It does not wait for a running sink.
func (f Ref) Do(do func(r *Record)) bool {
	r := f.lock()
	if r == nil {
		return false
	}
	if r.state != blocked || r.running {
		r.mu.Unlock()
		return false
	}
	r.stopFolding()
	r.next(onDo).do = do
	r.drain()
	return true
}
