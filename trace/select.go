package trace

import (
	"context"
	"math/rand/v2"
	"reflect"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Select does one of the cases, like a select statement over them and the end of
// ctx, and returns its index: one that can be done at once, by chance if there
// are several, else the default, if there is one, and else the first that can be
// done. When ctx ends before, it returns -1 and context.Cause(ctx). It panics if
// it comes to send on a closed channel.
//
// Where it waits it is an operation, [semconv.SpanSelect] with the index as
// [semconv.SelectCaseKey], whose wake links to the operation of the other side if that
// is known: see [Chan].
//
// A case that can be done at once costs little more than the operation alone. To
// wait, and to choose the default, takes reflect.Select, and about a microsecond;
// a single channel is better served by Send or Recv.
func Select(ctx context.Context, cases ...Case) (int, error) {
	all, waits := emitsAll(ctx), !hasDefault(cases)
	if !all {
		if i := tryAny(ctx, cases); i >= 0 {
			return i, nil
		}
	}
	own, op := ctx, Op{}
	if all || waits {
		own, op = startOn(ctx, semconv.SpanSelect, nil)
	}
	defer op.EndAs(semconv.ErrorPanic) // counts if there was no End before
	if all {
		if i := tryAny(own, cases); i >= 0 {
			endWith(op, cases, i)
			return i, nil
		}
	}
	if waits {
		op.Block(semconv.ReasonSelect)
	}
	i, woken, by := choose(ctx, own, cases, waits)
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
	if name := cases[i].called(); name != "" {
		op.End(nil, semconv.SelectCaseKey.Int(i), semconv.SelectCaseNameKey.String(name))
		return
	}
	op.End(nil, semconv.SelectCaseKey.Int(i))
}

func hasDefault(cases []Case) bool {
	for _, c := range cases {
		if _, ok := c.(defaultCase); ok {
			return true
		}
	}
	return false
}

// tryAny does a case that needs no waiting, and returns its index or -1. Any of
// those is as likely as the others.
func tryAny(own context.Context, cases []Case) int {
	var few [8]int
	order := few[:0]
	for i := range cases {
		order = append(order, i)
	}
	for n := len(order); n > 0; n-- {
		at := rand.IntN(n)
		if i := order[at]; cases[i].try(own) {
			return i
		}
		order[at] = order[n-1]
	}
	return -1
}

// choose does one of the cases, or where it waits and ctx ends, returns
// len(cases). That no case could be done one after the other does not mean that
// none can: the default, too, is left to the runtime.
func choose(ctx, own context.Context, cases []Case, waits bool) (chosen int, woken semconv.WakeReason, by Detail) {
	selects := make([]reflect.SelectCase, len(cases), len(cases)+1)
	for i, c := range cases {
		selects[i] = c.park(ctx, own)
	}
	var v reflect.Value
	var ok bool
	chosen = -1
	defer func() { // even in a panic
		for i, c := range cases {
			if i == chosen {
				by = c.unpark(woken, v, ok)
			} else {
				c.unpark("", reflect.Value{}, false)
			}
		}
	}()
	if waits {
		selects = append(selects, receives(ctx.Done()))
	}
	chosen, v, ok = reflect.Select(selects)
	switch selects[chosen].Dir {
	case reflect.SelectSend:
		woken = semconv.WakeSent
	case reflect.SelectRecv:
		woken = receiveReason(ok)
	}
	return chosen, woken, by
}
