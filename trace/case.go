package trace

import (
	"context"
	"reflect"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Case is an operation that [Select] chooses from. It is made by [CaseSend],
// [CaseRecv], [CaseTimer], [CaseDefault], [Chan.CaseSend], [Chan.CaseRecv] or
// [Ticker.CaseTick], and used once. Making and trying a case that receives does not
// allocate.
type Case struct {
	on caseOn
	v  any   // the value to send, or a pointer for the received one
	ok *bool // for whether it was sent; may be nil
}

// caseOn is the channel of a case. A Case is passed by value, so that it need not be
// allocated.
type caseOn interface {
	// try performs the case, as the operation in own, if that needs no waiting.
	try(own context.Context, c Case) bool

	// park notes that ctx's goroutine is about to wait, and returns the case for
	// package reflect. The operation is in own.
	park(ctx, own context.Context, c Case) reflect.SelectCase

	// unpark undoes park. If the case was chosen, woken is not "", and v and ok are
	// what it received.
	unpark(c Case, woken semconv.WakeReason, v reflect.Value, ok bool) Detail

	// called returns the name of the channel; "": it has none.
	called() string
}

// ticks reports whether a timer wakes the case.
func (c Case) ticks() bool {
	switch c.on.(type) {
	case timerRecv, *tickerRecv:
		return true
	default:
		return false
	}
}

var (
	_ caseOn = defaultCase{}
	_ caseOn = plainSend[int](nil)
	_ caseOn = plainRecv[int](nil)
	_ caseOn = timerRecv(nil)
	_ caseOn = (*tickerRecv)(nil)
	_ caseOn = (*chanSend[int])(nil)
	_ caseOn = (*chanRecv[int])(nil)
)

// CaseDefault is chosen if no other case can proceed immediately.
func CaseDefault() Case { return Case{on: defaultCase{}} }

type defaultCase struct{}

func (defaultCase) try(context.Context, Case) bool { return false }

func (defaultCase) park(_, _ context.Context, _ Case) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectDefault}
}

func (defaultCase) unpark(Case, semconv.WakeReason, reflect.Value, bool) Detail { return Detail{} }
func (defaultCase) called() string                                              { return "default" }

// CaseSend sends v on a plain channel; a nil one is never chosen.
func CaseSend[T any](ch chan<- T, v T) Case { return Case{on: plainSend[T](ch), v: v} }

type plainSend[T any] chan<- T

func (ch plainSend[T]) try(_ context.Context, c Case) bool {
	v, _ := c.v.(T) // fails for a nil interface: v is nil, too
	return offer((chan<- T)(ch), v)
}

func (ch plainSend[T]) park(_, _ context.Context, c Case) reflect.SelectCase {
	v, _ := c.v.(T)
	return sends((chan<- T)(ch), v)
}

func (plainSend[T]) unpark(Case, semconv.WakeReason, reflect.Value, bool) Detail { return Detail{} }
func (plainSend[T]) called() string                                              { return "" }

// CaseRecv receives from a plain channel; a nil one is never chosen. If it is chosen, *v
// becomes the value, and *ok true if it was sent, or false if the channel is closed.
// Either pointer may be nil. For the channel of a timer see [CaseTimer].
func CaseRecv[T any](ch <-chan T, v *T, ok *bool) Case {
	return Case{on: plainRecv[T](ch), v: v, ok: ok}
}

type plainRecv[T any] <-chan T

func (ch plainRecv[T]) try(_ context.Context, c Case) bool {
	v, ok, done := take((<-chan T)(ch))
	if done {
		store(c, v, ok)
	}
	return done
}

func (ch plainRecv[T]) park(_, _ context.Context, _ Case) reflect.SelectCase {
	return receives((<-chan T)(ch))
}

func (plainRecv[T]) unpark(c Case, woken semconv.WakeReason, v reflect.Value, ok bool) Detail {
	if woken != "" {
		store(c, loaded[T](v), ok)
	}
	return Detail{}
}

func (plainRecv[T]) called() string { return "" }

// CaseTimer is chosen when t fires; the wake's reason is [semconv.WakeTimer]. *at becomes
// the time, unless at is nil. A timer of time.AfterFunc is never chosen.
func CaseTimer(t *time.Timer, at *time.Time) Case { return Case{on: timerRecv(t.C), v: at} }

// tickerRecv is a ticker that is received from.
type tickerRecv Ticker

func (t *tickerRecv) try(own context.Context, c Case) bool { return timerRecv(t.t.C).try(own, c) }

func (t *tickerRecv) park(ctx, own context.Context, c Case) reflect.SelectCase {
	return timerRecv(t.t.C).park(ctx, own, c)
}

func (t *tickerRecv) unpark(c Case, woken semconv.WakeReason, v reflect.Value, ok bool) Detail {
	return timerRecv(t.t.C).unpark(c, woken, v, ok)
}

func (t *tickerRecv) called() string { return t.name.String() }

// timerRecv is the channel of a timer.
type timerRecv <-chan time.Time

func (ch timerRecv) try(own context.Context, c Case) bool {
	return plainRecv[time.Time](ch).try(own, c)
}

func (ch timerRecv) park(ctx, own context.Context, c Case) reflect.SelectCase {
	return plainRecv[time.Time](ch).park(ctx, own, c)
}

func (ch timerRecv) unpark(c Case, woken semconv.WakeReason, v reflect.Value, ok bool) Detail {
	return plainRecv[time.Time](ch).unpark(c, woken, v, ok)
}

func (timerRecv) called() string { return "" }

// CaseSend sends v on c; a nil Chan is never chosen.
func (c *Chan[T]) CaseSend(v T) Case { return Case{on: (*chanSend[T])(c), v: v} }

type chanSend[T any] Chan[T]

func (s *chanSend[T]) try(own context.Context, c Case) bool {
	v, _ := c.v.(T)
	return (*Chan[T])(s).offer(own, v)
}

func (s *chanSend[T]) park(_, own context.Context, c Case) reflect.SelectCase {
	ch := (*Chan[T])(s)
	if ch != nil {
		ch.mu.Lock()
		ch.parkSender()
		if ch.Len() < ch.Cap() {
			ch.receivedBefore()
		}
		ch.mu.Unlock()
	}
	v, _ := c.v.(T)
	return sends(ch.raw(), sent[T]{v, own})
}

func (s *chanSend[T]) unpark(_ Case, woken semconv.WakeReason, _ reflect.Value, _ bool) Detail {
	if s == nil {
		return Detail{}
	}
	return CausedBy(s.unparkSender(woken))
}

func (s *chanSend[T]) called() string { return (*Chan[T])(s).called() }

// CaseRecv receives from c; a nil Chan is never chosen. If it is chosen, *v becomes the
// value, and *ok true if it was sent, or false if the channel is closed. Either pointer
// may be nil.
func (c *Chan[T]) CaseRecv(v *T, ok *bool) Case { return Case{on: (*chanRecv[T])(c), v: v, ok: ok} }

type chanRecv[T any] Chan[T]

func (r *chanRecv[T]) try(own context.Context, c Case) bool {
	if r == nil {
		return false
	}
	s, ok, done := (*Chan[T])(r).take(own)
	if done {
		store(c, s.v, ok)
	}
	return done
}

func (r *chanRecv[T]) park(ctx, _ context.Context, _ Case) reflect.SelectCase {
	if r != nil {
		r.mu.Lock()
		r.parkReceiver(ctx)
		r.mu.Unlock()
	}
	return receives((*Chan[T])(r).raw())
}

func (r *chanRecv[T]) unpark(c Case, woken semconv.WakeReason, v reflect.Value, ok bool) Detail {
	if r == nil {
		return Detail{}
	}
	r.unparkReceiver()
	if woken == "" {
		return Detail{}
	}
	s := loaded[sent[T]](v)
	r.passedLater(s.from, nil, ok) // the receiver's context is not known here
	store(c, s.v, ok)
	_, by := r.receiverWoken(s.from, ok)
	return by
}

func (r *chanRecv[T]) called() string { return (*Chan[T])(r).called() }

// store stores what a case received.
func store[T any](c Case, v T, ok bool) {
	if to, _ := c.v.(*T); to != nil {
		*to = v
	}
	if c.ok != nil {
		*c.ok = ok
	}
}

func sends[T any](ch chan<- T, v T) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(ch), Send: reflect.ValueOf(&v).Elem()}
}

func receives[T any](ch <-chan T) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ch)}
}

// loaded returns the value that package reflect received, which may be a nil interface.
func loaded[T any](v reflect.Value) T {
	t, _ := v.Interface().(T)
	return t
}
