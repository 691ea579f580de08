package trace

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
)

// later is the span of an operation that need not come to have one.
type later struct {
	OpConfig
	name    string
	attrs   []attribute.KeyValue
	refused bool // by the sampler
	begun   atomic.Pointer[begun]
	room    begun
}

// room is the memory of an operation, which is used again for another one.
type room struct {
	op    Op
	later later
	spare spare
	attrs [12]attribute.KeyValue
	used  int // of attrs
}

var rooms = sync.Pool{New: func() any { return new(room) }}

// StartAs is [Tracer.Start] for an operation that is not to be begun like any
// other, and whose [Op.Context] is not needed as a rule. Until it has a span, one
// whose span may come later costs nothing of the SDK's; and no memory, where
// operations end with [Op.Release].
func (t *Tracer) StartAs(ctx context.Context, name string, as OpConfig, attrs ...attribute.KeyValue) *Op {
	recorded := as.Sampled && t.tracer != nil || !t.skips(ctx)
	if !recorded && !t.measures(ctx) {
		return nil
	}
	r := rooms.Get().(*room)
	o := &r.op
	o.tracer, o.task, o.above, o.share, o.room, o.spare = t, scopeOf(ctx).task, ctx, as.Share, r, &r.spare
	o.name, o.on = name, as.On
	switch {
	case !recorded:
		o.start = time.Now()
	case as.Show != ShowAll:
		o.later = &r.later
		o.later.OpConfig, o.later.name, o.later.attrs = as, name, slices.Clone(attrs)
		o.start = time.Now()
	default:
		o.start = o.begin(ctx, t, name, time.Time{}, &as, attrs)
		o.annotate()
		if o.span == nil && !t.measures(ctx) {
			o.state = opEnded
			o.Release()
			return nil
		}
	}
	return o
}

// Release gives back the memory of an operation that [Tracer.StartAs] began and
// that has ended, and with it what it holds of the program's. From then on nobody
// may use the Op. It does nothing to any other, and need not be called.
func (o *Op) Release() {
	if o == nil || o.room == nil || o.state != opEnded || o.held {
		return
	}
	r := o.room
	if o.later != nil {
		r.later = later{}
	}
	if r.spare.edge != nil {
		r.spare = spare{}
	}
	clear(r.attrs[:r.used])
	r.used = 0
	r.op = Op{}
	rooms.Put(r)
}

// SetShow changes what the operation must come to from now on, before it has a
// span. It does nothing to one that was started with [ShowAll] or [ShowNone].
func (o *Op) SetShow(s Show) {
	if o == nil || o.later == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.later.Show != ShowNone {
		o.later.Show = s
	}
}

// reveal begins the operation's span unless it has begun, and reports whether
// there is one. The caller holds o.mu.
func (o *Op) reveal() bool {
	l := o.later
	if l == nil {
		return o.span != nil
	}
	if l.begun.Load() == nil && !l.refused {
		b := &l.room
		b.begin(o.above, o.tracer, l.name, o.start, &l.OpConfig, l.attrs)
		if l.refused = b.span == nil; !l.refused {
			l.begun.Store(b)
		}
	}
	return !l.refused
}

// admit reports whether a block of the operation, and its wake, become spans;
// it counts them where they are left out. The caller holds o.mu.
func (o *Op) admit() bool {
	if l := o.later; l != nil && l.begun.Load() == nil && l.Show > ShowBlocked {
		o.left += 2
		return false
	}
	if !o.reveal() {
		return false
	}
	if !o.share.take(2) {
		o.left += 2
		return false
	}
	return true
}

// settle counts what was left out of the operation, which is over, and reports
// whether it has a span. The caller holds o.mu.
func (o *Op) settle(failed bool) bool {
	if l := o.later; l != nil && l.begun.Load() == nil && !l.refused {
		if !failed || l.Show > ShowFailed {
			o.left++
		} else {
			o.reveal()
		}
	}
	o.share.leave(o.left)
	o.meterLeft()
	return o.current().span != nil
}

// current is the operation's span, nil as long as it has none.
func (o *Op) current() *begun {
	if o.later != nil {
		if b := o.later.begun.Load(); b != nil {
			return b
		}
	}
	return &o.begun
}

// context carries the operation's span, or what is above it as long as it has none.
func (o *Op) context() context.Context {
	b := o.current()
	switch c := b.carried.Load(); {
	case b.ctx != nil:
		return b.ctx
	case b.span == nil:
		return o.above
	case c != nil:
		return c
	}
	b.carried.CompareAndSwap(nil, &carrier{o.above, b.span})
	return b.carried.Load()
}
