package trace

import (
	"context"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Send sends v on a plain channel, as [Chan.Send] does. The wake has no link: a plain
// channel does not reveal the receiver.
func Send[T any](ctx context.Context, ch chan<- T, v T) (err error) {
	if !emitsAll(ctx) && offer(ch, v) {
		return nil
	}
	_, op := startOn(ctx, semconv.SpanSend, nil)
	woken := semconv.WakeClosed // unless changed below: the send panics
	defer func() {
		op.Wake(woken)
		if woken == semconv.WakeClosed {
			op.EndAs(semconv.ErrorPanic)
		}
		op.End(err)
	}()
	if offer(ch, v) {
		woken = semconv.WakeSent
		return nil
	}
	op.Block(semconv.ReasonChanSend)
	select {
	case ch <- v:
		woken = semconv.WakeSent
		return nil
	case <-ctx.Done():
		woken = semconv.WakeCanceled
		return context.Cause(ctx)
	}
}

func offer[T any](ch chan<- T, v T) bool {
	select {
	case ch <- v:
		return true
	default:
		return false
	}
}

// Recv receives from a plain channel, as [Chan.Recv] does. The wake has no link: a
// plain channel does not reveal the sender.
func Recv[T any](ctx context.Context, ch <-chan T) (T, error) {
	if !emitsAll(ctx) {
		if v, ok, done := take(ch); done {
			return v, eof(ok)
		}
	}
	_, op := startOn(ctx, semconv.SpanRecv, nil)
	v, ok, done := take(ch)
	if !done {
		op.Block(semconv.ReasonChanRecv)
		select {
		case v, ok = <-ch:
			op.Wake(receiveReason(ok))
		case <-ctx.Done():
			return v, op.giveUp(ctx)
		}
	}
	op.End(nil)
	return v, eof(ok)
}

func take[T any](ch <-chan T) (v T, ok, done bool) {
	select {
	case v, ok = <-ch:
		return v, ok, true
	default:
		return v, false, false
	}
}

func receiveReason(ok bool) semconv.WakeReason {
	if ok {
		return semconv.WakeReceived
	}
	return semconv.WakeClosed
}
