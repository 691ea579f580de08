package trace

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
)

// later is the span of an operation that need not come to have one.
type later struct {
	OpConfig
	name    string
	attrs   []attribute.KeyValue
	refused bool // by the sampler
	begun   atomic.Pointer[begun]
}

// deferred is an operation of that kind, in one piece.
type deferred struct {
	Op
	late later
}

// StartAs is [Tracer.Start] for an operation that is not to be begun like any
// other. Until it has a span, one whose span may come later costs an allocation
// and nothing of the SDK's.
func (t *Tracer) StartAs(ctx context.Context, name string, as OpConfig, attrs ...attribute.KeyValue) (context.Context, *Op) {
	return t.start(ctx, scopeOf(ctx).task, name, &as, attrs)
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
		b := new(begun)
		b.begin(o.ctx, o.tracer, l.name, o.start, &l.OpConfig, l.attrs)
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

// current is the operation's span, nil as long as it has none, and the context
// of what is below it.
func (o *Op) current() *begun {
	if o.later != nil {
		if b := o.later.begun.Load(); b != nil {
			return b
		}
	}
	return &o.begun
}
