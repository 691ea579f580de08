package trace

import (
	"context"
	"io"
	"iter"
	"sync"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Chan is a channel of T whose values carry the operation that sent them. It is
// a Go channel in all it does (order, fairness, panics and their messages), but
// that each wait ends with a context and shows: a blocked Send or Recv is an
// operation, [semconv.SpanSend] or [semconv.SpanRecv], and its wake links to the operation of
// the other side, or to the span in the context of that one's call if that did
// not have to wait. Where several receivers could have made room for a sender at
// once, it links to the goroutine that they are of, or to nothing.
//
// The zero Chan is an unbuffered channel; a nil *Chan is a nil channel, on which
// all waits last until their context ends. A Chan must not be copied. All methods
// are safe for concurrent use.
//
// Where it does not wait, an operation emits nothing unless [WithAllOps] says so,
// and costs some ten nanoseconds more than the bare one. A value takes two words
// more, and keeps its sender's context alive until it is received.
type Chan[T any] struct {
	once sync.Once
	ch   chan sent[T] // use raw
	name *named

	handoff
}

// called returns the name, "" for none.
func (c *Chan[T]) called() string {
	if c == nil {
		return ""
	}
	return c.name.String()
}

// sent is a value on its way.
type sent[T any] struct {
	v    T
	from context.Context
}

// NewChan returns a channel with the capacity size, as make does.
func NewChan[T any](size int, opts ...PrimitiveOption) *Chan[T] {
	return &Chan[T]{ch: make(chan sent[T], size), name: newNamed(opts)}
}

// SetName names c as [WithName] does. It is for a Chan that is a part of something else,
// and that nobody uses yet.
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

// Send sends v, and waits until it is received or there is room for it. When ctx
// ends before, it returns context.Cause(ctx); where it need not wait it sends, be
// ctx alive or not. It panics if the channel is closed.
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
	parked, woken := false, semconv.WakeClosed // so it is if the channel is, and this panics
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

// offerOrPark is offer, and where that fails parkSender, in one step: what room
// there is afterwards was made by a suspect.
func (c *Chan[T]) offerOrPark(own context.Context, op Op, v T) bool {
	op.lock(&c.mu)
	defer c.mu.Unlock() // even in a panic
	if c.offer(own, v) {
		return true
	}
	c.parkSender()
	return false
}

// TrySend sends v if that needs no waiting, and reports whether it did: a select with a
// default. It is no operation. It panics if the channel is closed.
func (c *Chan[T]) TrySend(ctx context.Context, v T) bool { return c.offer(ctx, v) }

// TryRecv receives a value if that needs no waiting, and reports whether it did: a
// select with a default. It is no operation. Where the channel is closed and empty it
// returns io.EOF, and true.
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

// Recv receives a value, and waits for one. Where the channel is closed and
// empty it returns io.EOF, which ends a goroutine or an operation as no failure.
// When ctx ends before, it returns context.Cause(ctx); where it need not wait it
// receives, be ctx alive or not.
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

// take receives if that needs no waiting; done says whether.
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

// All yields the values until the channel is closed or ctx ends, which one does
// not learn.
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

// Len returns how many values wait in the channel.
func (c *Chan[T]) Len() int { return len(c.raw()) }

// Cap returns the capacity.
func (c *Chan[T]) Cap() int { return cap(c.raw()) }

func eof(ok bool) error {
	if ok {
		return nil
	}
	return io.EOF
}
