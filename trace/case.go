package trace

import (
	"context"
	"reflect"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Case is an operation that [Select] chooses from. It is made by [CaseSend],
// [CaseRecv], [CaseDefault], [Chan.CaseSend] or [Chan.CaseRecv], and used once.
type Case interface {
	// try does the operation for own if that needs no waiting.
	try(own context.Context) bool

	// park announces that ctx's goroutine is about to wait, and returns what for,
	// if it is done for own.
	park(ctx, own context.Context) reflect.SelectCase

	// unpark takes back park. A case that was chosen has a reason, and received
	// v and ok if it receives.
	unpark(woken semconv.WakeReason, v reflect.Value, ok bool) Detail

	// called is the name of the channel, "" for none.
	called() string
}

var (
	_ Case = defaultCase{}
	_ Case = sendCase[int]{}
	_ Case = recvCase[int]{}
	_ Case = chanSendCase[int]{}
	_ Case = chanRecvCase[int]{}
)

// CaseDefault is chosen where no other case can be done at once.
func CaseDefault() Case { return defaultCase{} }

type defaultCase struct{}

func (defaultCase) try(context.Context) bool { return false }

func (defaultCase) park(_, _ context.Context) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectDefault}
}

func (defaultCase) unpark(semconv.WakeReason, reflect.Value, bool) Detail { return Detail{} }

func (defaultCase) called() string { return "default" }

// CaseSend sends v on a plain channel; a nil one is never chosen.
func CaseSend[T any](ch chan<- T, v T) Case { return sendCase[T]{ch, v} }

type sendCase[T any] struct {
	ch chan<- T
	v  T
}

func (c sendCase[T]) try(context.Context) bool { return offer(c.ch, c.v) }

func (c sendCase[T]) park(_, _ context.Context) reflect.SelectCase { return sends(c.ch, c.v) }

func (c sendCase[T]) unpark(semconv.WakeReason, reflect.Value, bool) Detail { return Detail{} }

func (c sendCase[T]) called() string { return "" }

// CaseRecv receives from a plain channel; a nil one is never chosen. Where it is
// chosen, *v becomes the value and *ok whether it was sent, or the channel is
// closed. Either may be nil.
func CaseRecv[T any](ch <-chan T, v *T, ok *bool) Case { return recvCase[T]{ch, v, ok} }

type recvCase[T any] struct {
	ch <-chan T
	v  *T
	ok *bool
}

func (c recvCase[T]) try(context.Context) bool {
	v, ok, done := take(c.ch)
	if done {
		store(c.v, v, c.ok, ok)
	}
	return done
}

func (c recvCase[T]) park(_, _ context.Context) reflect.SelectCase { return receives(c.ch) }

func (c recvCase[T]) unpark(woken semconv.WakeReason, v reflect.Value, ok bool) Detail {
	if woken != "" {
		store(c.v, loaded[T](v), c.ok, ok)
	}
	return Detail{}
}

func (c recvCase[T]) called() string { return "" }

// CaseSend sends v on c; a nil Chan is never chosen.
func (c *Chan[T]) CaseSend(v T) Case { return chanSendCase[T]{c, v} }

type chanSendCase[T any] struct {
	c *Chan[T]
	v T
}

func (c chanSendCase[T]) try(own context.Context) bool { return c.c.offer(own, c.v) }

func (c chanSendCase[T]) park(_, own context.Context) reflect.SelectCase {
	if c.c != nil {
		c.c.mu.Lock()
		c.c.parkSender()
		if c.c.Len() < c.c.Cap() {
			c.c.receivedBefore()
		}
		c.c.mu.Unlock()
	}
	return sends(c.c.raw(), sent[T]{c.v, own})
}

func (c chanSendCase[T]) unpark(woken semconv.WakeReason, _ reflect.Value, _ bool) Detail {
	if c.c == nil {
		return Detail{}
	}
	return CausedBy(c.c.unparkSender(woken))
}

func (c chanSendCase[T]) called() string { return c.c.called() }

// CaseRecv receives from c; a nil Chan is never chosen. Where it is chosen, *v
// becomes the value and *ok whether it was sent, or the channel is closed. Either
// may be nil.
func (c *Chan[T]) CaseRecv(v *T, ok *bool) Case { return chanRecvCase[T]{c, v, ok} }

type chanRecvCase[T any] struct {
	c  *Chan[T]
	v  *T
	ok *bool
}

func (c chanRecvCase[T]) try(own context.Context) bool {
	if c.c == nil {
		return false
	}
	s, ok, done := c.c.take(own)
	if done {
		store(c.v, s.v, c.ok, ok)
	}
	return done
}

func (c chanRecvCase[T]) park(ctx, _ context.Context) reflect.SelectCase {
	if c.c != nil {
		c.c.mu.Lock()
		c.c.parkReceiver(ctx)
		c.c.mu.Unlock()
	}
	return receives(c.c.raw())
}

func (c chanRecvCase[T]) unpark(woken semconv.WakeReason, v reflect.Value, ok bool) Detail {
	if c.c == nil {
		return Detail{}
	}
	c.c.unparkReceiver()
	if woken == "" {
		return Detail{}
	}
	s := loaded[sent[T]](v)
	c.c.passedLater(s.from, nil, ok) // by whom is not known here
	store(c.v, s.v, c.ok, ok)
	_, by := c.c.receiverWoken(s.from, ok)
	return by
}

func (c chanRecvCase[T]) called() string { return c.c.called() }

func store[T any](to *T, v T, toOK *bool, ok bool) {
	if to != nil {
		*to = v
	}
	if toOK != nil {
		*toOK = ok
	}
}

func sends[T any](ch chan<- T, v T) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectSend, Chan: reflect.ValueOf(ch), Send: reflect.ValueOf(&v).Elem()}
}

func receives[T any](ch <-chan T) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ch)}
}

// loaded returns what reflection received, an interface's nil included.
func loaded[T any](v reflect.Value) T {
	t, _ := v.Interface().(T)
	return t
}
