package trace

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Select performs one of the cases, like a select statement over them and the end of ctx,
// and returns its index. It chooses one that can proceed immediately, at random if there
// are several, else the default, if there is one, and else the first that can proceed. If
// ctx ends before, it returns -1 and context.Cause(ctx). It panics if it sends on a closed
// channel.
//
// If it waits it is an operation, [semconv.SpanSelect] with the index as
// [semconv.SelectCaseKey]. Its wake links to the operation of the other side if that is
// known: see [Chan].
//
// A case that can proceed immediately, and the default, cost little more than the channel
// operation. Waiting uses reflect.Select, and costs about a microsecond. For a single
// channel, Send and Recv cost less.
//
// If there are several cases and a default, each case is tried twice, one after the other.
// So a value that moves from one of the channels to another in the meantime may be missed.
func Select(ctx context.Context, cases ...Case) (int, error) {
	all := emitsAll(ctx)
	if !all {
		if i := tryAny(ctx, cases); i >= 0 {
			return i, nil
		}
	}
	own, op := startOn(ctx, semconv.SpanSelect, nil)
	defer op.EndAs(semconv.ErrorPanic) // counts if there was no End before
	if all {
		if i := tryAny(own, cases); i >= 0 {
			endWith(op, cases, i)
			return i, nil
		}
	}
	op.Block(semconv.ReasonSelect)
	i, woken, by := choose(ctx, own, cases)
	if i == len(cases) {
		return -1, op.giveUp(ctx)
	}
	op.Wake(woken, by)
	endWith(op, cases, i)
	return i, nil
}

// endWith ends a select that chose a case.
func endWith(op Op, cases []Case, i int) {
	if !op.Valid() {
		return
	}
	if name := cases[i].on.called(); name != "" {
		op.End(nil, semconv.SelectCaseKey.Int(i), semconv.SelectCaseNameKey.String(name))
		return
	}
	op.End(nil, semconv.SelectCaseKey.Int(i))
}

// tryAny performs a case that needs no waiting, or the default, and returns its index or
// -1. All cases that need no waiting are equally likely.
func tryAny(own context.Context, cases []Case) int {
	var few [8]int
	order, byDefault := few[:0], -1
	for i := range cases {
		if _, ok := cases[i].on.(defaultCase); ok {
			byDefault = i
		} else {
			order = append(order, i)
		}
	}
	for n := len(order); n > 0; n-- {
		at := n - 1
		if n > 1 {
			at = rand.IntN(n)
		}
		i := order[at]
		if cases[i].on.try(own, cases[i]) {
			return i
		}
		order[at], order[n-1] = order[n-1], i
	}
	if byDefault >= 0 && len(order) > 1 { // what was tried first may be ready by now
		for n := range slices.Backward(order) {
			if i := order[n]; cases[i].on.try(own, cases[i]) {
				return i
			}
		}
	}
	return byDefault
}

// choose waits, performs one of the cases, and returns its index; len(cases): ctx has
// ended.
func choose(ctx, own context.Context, cases []Case) (chosen int, woken semconv.WakeReason, by Detail) {
	selects := make([]reflect.SelectCase, len(cases), len(cases)+1)
	for i, c := range cases {
		selects[i] = c.on.park(ctx, own, c)
	}
	var v reflect.Value
	var ok bool
	chosen = -1
	defer func() { // even in a panic
		for i, c := range cases {
			if i == chosen {
				by = c.on.unpark(c, woken, v, ok)
			} else {
				c.on.unpark(c, "", reflect.Value{}, false)
			}
		}
	}()
	selects = append(selects, receives(ctx.Done()))
	chosen, v, ok = reflect.Select(selects)
	switch {
	case selects[chosen].Dir == reflect.SelectSend:
		woken = semconv.WakeSent
	case chosen < len(cases) && cases[chosen].ticks():
		woken = semconv.WakeTimer
	default:
		woken = receiveReason(ok)
	}
	return chosen, woken, by
}
