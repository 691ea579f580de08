package op

import (
	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// event is what sinks are told.
type event struct {
	kind        kind
	block, wake Edge
	by          oteltrace.SpanContext
	attrs       []attribute.KeyValue
	end         End
	do          func(*Record)
}

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

// next is where to write what sinks are told next: that, or behind what they are
// still to be told. The lock is held. [Record.deliver] must follow.
func (r *Record) next(k kind) *event {
	if r.running || r.current.kind != nothing || len(r.queue) > 0 {
		r.queue = append(r.queue, event{kind: k})
		return &r.queue[len(r.queue)-1]
	}
	r.current.kind = k
	return &r.current
}

// deliver tells the sinks of what next has returned, unless somebody is in one: who
// is goes on with it. The caller holds the lock, which deliver releases.
func (r *Record) deliver() {
	if r.running {
		r.mu.Unlock()
		return
	}
	r.running = true
	for {
		if r.current.kind == nothing {
			if len(r.queue) == 0 {
				break
			}
			r.current, r.queue = r.queue[0], r.queue[1:]
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

// run tells the sinks of the current event, without the lock.
func (r *Record) run() {
	e := &r.current
	if e.kind == onDo {
		e.do(r)
		return
	}
	for _, s := range r.sinks {
		switch e.kind {
		case onWake:
			s.Wake(r, &e.block, &e.wake)
			continue
		case onEnd:
			s.End(r, &e.end)
			continue
		}
		d, ok := s.(Describer)
		if !ok {
			continue
		}
		switch e.kind {
		case onWokenBy:
			d.WokenBy(r, e.by)
		case onLink:
			d.Link(r, e.by)
		case onAttributes:
			d.SetAttributes(r, e.attrs)
		}
	}
}

// Do has f run in the order of the edges, as a sink does, while the operation is in a
// block, and reports whether it did. It does not wait for a sink that runs.
func (f Ref) Do(do func(r *Record)) bool {
	r := f.lock()
	if r == nil {
		return false
	}
	if r.state != blocked || r.running {
		r.mu.Unlock()
		return false
	}
	r.next(onDo).do = do
	r.deliver()
	return true
}
