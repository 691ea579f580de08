package trace

import (
	"context"
	"io"
	"iter"
	"sync"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Chan is a channel of T whose values carry the operation that sent them. It behaves
// exactly as a Go channel (order, fairness, panics and their messages), but a context can
// end a wait, and a wait is recorded: a blocked Send or Recv is an operation,
// [semconv.SpanSend] or [semconv.SpanRecv]. Its wake links to the other side's operation or,
// if that did not have to wait, to the span in its context. If any of several receivers
// may have freed the slot for a sender, the wake links to the goroutine that ran them all,
// or to nothing.
//
// The zero Chan is an unbuffered channel; a nil *Chan is a nil channel, on which
// all waits last until their context ends. A Chan must not be copied. All methods
// are safe for concurrent use.
//
// An operation that does not wait emits nothing, except with [WithAllOps], and costs some
// ten nanoseconds more than that of a Go channel. A value takes two more words. A Chan
// keeps alive the context that each value in it was sent with, and those with which the
// latest one that was received was sent and received.
type Chan[T any] struct {
	once sync.Once
	ch   chan sent[T] // use raw
	name *named

	handoff
}

// called returns the name; "": it has none.
func (c *Chan[T]) called() string {
	if c == nil {
		return ""
	}
	return c.name.String()
}

// sent is a value in the channel, with its sender's context.
type sent[T any] struct {
	v    T
	from context.Context
}

// NewChan returns a channel with the capacity size, as make does.
func NewChan[T any](size int, opts ...PrimitiveOption) *Chan[T] {
	return &Chan[T]{ch: make(chan sent[T], size), name: newNamed(opts)}
}

// SetName names c as [WithName] does. It is for a Chan that is a field, and must be called
// before any other use.
func (c *Chan[T]) SetName(name string, opts ...PrimitiveOption) {
	c.name = newNamed(append([]PrimitiveOption{WithName(name)}, opts...))
}

// raw returns the channel itself, nil for a nil Chan.
func (c *Chan[T]) raw() chan sent[T] {
	if c == nil {
		return nil
	}
	c.once.Do(func() {
		if c.ch == nil {
			c.ch = make(chan sent[T])
		}
	})
	return c.ch
}

// Send sends v, and waits until it is received or the buffer is not full. If ctx ends
// before, it returns context.Cause(ctx). If it need not wait it sends, even if ctx has
// ended. It panics if the channel is closed.
func (c *Chan[T]) Send(ctx context.Context, v T) error {
	switch {
	case c == nil:
		return Send(ctx, nil, v)
	case !emitsAll(ctx) && c.offer(ctx, v):
		return nil
	default:
		return c.send(ctx, v)
	}
}

// offer sends v if that needs no waiting.
func (c *Chan[T]) offer(ctx context.Context, v T) bool {
	select {
	case c.raw() <- sent[T]{v, ctx}:
		return true
	default:
		return false
	}
}

func (c *Chan[T]) send(ctx context.Context, v T) (err error) {
	own, op := startOn(ctx, semconv.SpanSend, c.name)
	parked, woken := false, semconv.WakeClosed // unless changed below: the send panics
	defer func() {
		if parked {
			op.Wake(woken, CausedBy(c.unparkSender(woken)))
		}
		if woken == semconv.WakeClosed {
			op.EndAs(semconv.ErrorPanic)
		}
		op.End(err)
	}()
	if parked = !c.offerOrPark(own, op, v); !parked {
		woken = semconv.WakeSent
		return nil
	}
	op.waitsFor((*chanWait[T])(c))
	op.Block(semconv.ReasonChanSend)
	select {
	case c.raw() <- sent[T]{v, own}:
		woken = semconv.WakeSent
		return nil
	case <-ctx.Done():
		woken = semconv.WakeCanceled
		return context.Cause(ctx)
	}
}

// offerOrPark is offer and, if that fails, parkSender, as one step: any slot that is free
// afterwards was freed by a suspect.
func (c *Chan[T]) offerOrPark(own context.Context, op Op, v T) bool {
	op.lock(&c.mu)
	defer c.mu.Unlock() // even in a panic
	if c.offer(own, v) {
		return true
	}
	c.parkSender()
	return false
}

// TrySend sends v if that needs no waiting, and reports whether it did, like a select with
// a default. It is no operation. It panics if the channel is closed.
func (c *Chan[T]) TrySend(ctx context.Context, v T) bool { return c.offer(ctx, v) }

// TryRecv receives a value if that needs no waiting, and reports whether it did, like a
// select with a default. It is no operation. If the channel is closed and empty it returns
// true and io.EOF.
func (c *Chan[T]) TryRecv(ctx context.Context) (v T, received bool, err error) {
	if c == nil {
		return v, false, nil
	}
	s, ok, done := c.take(ctx)
	if !done {
		return v, false, nil
	}
	return s.v, true, eof(ok)
}

// Recv receives a value, and waits for one. If the channel is closed and empty it returns
// io.EOF, with which a goroutine or an operation ends without failure. If ctx ends before,
// it returns context.Cause(ctx). If it need not wait it receives, even if ctx has ended.
func (c *Chan[T]) Recv(ctx context.Context) (T, error) {
	if c == nil {
		return Recv[T](ctx, nil)
	}
	if !emitsAll(ctx) {
		if s, ok, done := c.take(ctx); done {
			return s.v, eof(ok)
		}
	}
	return c.recv(ctx)
}

// take receives if that needs no waiting; done: it did.
func (c *Chan[T]) take(ctx context.Context) (s sent[T], ok, done bool) {
	ch := c.raw()
	c.mu.Lock()
	s, ok, done = c.takeLocked(ch, ctx)
	c.mu.Unlock()
	return s, ok, done
}

func (c *Chan[T]) takeLocked(ch chan sent[T], ctx context.Context) (s sent[T], ok, done bool) {
	select {
	case s, ok = <-ch:
		c.received(ctx)
		c.passed(s.from, ctx, ok)
		return s, ok, true
	default:
		return s, false, false
	}
}

func (c *Chan[T]) recv(ctx context.Context) (T, error) {
	own, op := startOn(ctx, semconv.SpanRecv, c.name)
	ch := c.raw()
	op.lock(&c.mu)
	s, ok, done := c.takeLocked(ch, own)
	if !done {
		c.parkReceiver(ctx)
	}
	c.mu.Unlock()
	if !done {
		op.waitsFor((*chanWait[T])(c))
		op.Block(semconv.ReasonChanRecv)
		select {
		case s, ok = <-ch:
			c.unparkReceiver()
			c.passedLater(s.from, own, ok)
			op.Wake(c.receiverWoken(s.from, ok))
		case <-ctx.Done():
			c.unparkReceiver()
			return s.v, op.giveUp(ctx)
		}
	}
	op.End(nil)
	return s.v, eof(ok)
}

// All yields the values until the channel is closed or ctx ends. It does not report which.
func (c *Chan[T]) All(ctx context.Context) iter.Seq[T] {
	return func(yield func(T) bool) {
		for {
			v, err := c.Recv(ctx)
			if err != nil || !yield(v) {
				return
			}
		}
	}
}

// Close closes the channel. Receivers and senders that it wakes link to the span in
// ctx. Values that were sent can still be received; after them Recv returns io.EOF, and
// Send panics. Close panics if the channel is closed or nil.
func (c *Chan[T]) Close(ctx context.Context) {
	if c != nil {
		c.willClose(ctx)
	}
	close(c.raw())
}

// Len returns how many values are in the channel.
func (c *Chan[T]) Len() int { return len(c.raw()) }

// Cap returns the capacity.
func (c *Chan[T]) Cap() int { return cap(c.raw()) }

func eof(ok bool) error {
	if ok {
		return nil
	}
	return io.EOF
}
