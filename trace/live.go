package trace

import (
	"context"
	"time"

	"github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// What package live asks: nothing here is done unless somebody looks.

func init() {
	live.DescribeOp = func(r *live.Report, op any) *live.Call {
		o, _ := op.(*Op)
		return o.describe(r)
	}
}

// Task returns the goroutine that the operation was started in, nil where package
// trace did not start it, and for a nil Op.
func (o *Op) Task() *Task {
	if o == nil {
		return nil
	}
	return o.task
}

// Last returns when the operation, its latest block or its latest wake began or,
// after End, when it ended. It is the zero Time for a nil Op.
func (o *Op) Last() time.Time {
	if o == nil {
		return time.Time{}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.start.Add(o.last)
}

// waitsFor says what the operation is about to wait for.
func (o *Op) waitsFor(x any) {
	if o != nil {
		o.on = x
	}
}

// looks is how often describe tries to look at an operation that changes.
const looks = 8

// describe returns what the operation does now. Where that is busy for long, it
// makes the span of a block that is over: it runs. The caller knows that the
// operation is not released meanwhile.
func (o *Op) describe(r *live.Report) *live.Call {
	if o == nil {
		return nil
	}
	c := r.NewCall()
	c.Op, c.Operation, c.Began = o, o.name, o.start
	if o.task != nil {
		c.Task = o.task
	}
	for range looks {
		if o.mu.TryLock() {
			if o.state == opBlocked {
				c.Wait = &r.NewWaits(1)[0]
				o.waiting(c.Wait, semconv.Reason(o.block.reason), o.start.Add(o.block.at))
			}
			o.mu.Unlock()
			break
		}
	}
	return c
}

// waiting fills in w.
func (o *Op) waiting(w *live.Wait, r semconv.Reason, since time.Time) {
	w.Op, w.Operation, w.Reason, w.Since, w.Span, w.On = o, o.name, string(r), since, o.SpanContext(), o.on
}

// liveTask is a Task that describes itself.
type liveTask Task

func (l *liveTask) Describe(r *live.Report) {
	t := (*Task)(l)
	r.Tasks = append(r.Tasks, live.Task{})
	d := &r.Tasks[len(r.Tasks)-1]
	d.Key, d.Name, d.ID, d.Began, d.Span = t, t.name, t.id, t.began, t.spawned
	if t.outer != nil {
		d.Outer = t.outer
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.parent != nil {
		d.Parent = t.parent
	}
	d.Ended = t.state != semconv.StateRunning && t.state != semconv.StatePending
	d.Ran = t.ran
	d.Waits = r.NewWaits(len(t.waits))
	for i, w := range t.waits {
		w.op.waiting(&d.Waits[i], w.r, w.since)
	}
}

// taskOf is the goroutine that ctx is of, for its identity; nil: none.
func taskOf(ctx context.Context) any {
	if ctx != nil {
		if t := scopeOf(ctx).task; t != nil {
			return t
		}
	}
	return nil
}

var (
	_ live.Waitable = (*sema)(nil)
	_ live.Waitable = (*queueWait)(nil)
	_ live.Waitable = (*waitGroupWait)(nil)
	_ live.Waitable = (*chanWait[int])(nil)
)

// DescribeWait is that of a Mutex, an RWMutex or a Semaphore.
func (s *sema) DescribeWait() live.On {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := live.On{Kind: "semaphore", Held: s.held, Size: s.size, Waiting: s.waiters.Len()}
	if s.holder.ctx != nil {
		on.Holder, on.Known = taskOf(s.holder.ctx), true
	}
	return on
}

// queueWait describes the wait for a Cond or a Future.
type queueWait queue

func (q *queueWait) DescribeWait() live.On {
	q.mu.Lock()
	defer q.mu.Unlock()
	return live.On{Waiting: q.waiters.Len()}
}

type waitGroupWait WaitGroup

func (wg *waitGroupWait) DescribeWait() live.On {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	return live.On{Kind: "waitgroup", Held: int64(wg.n), Waiting: wg.waiters.Len()}
}

type chanWait[T any] Chan[T]

func (w *chanWait[T]) DescribeWait() live.On {
	c := (*Chan[T])(w)
	on := live.On{Kind: "channel", Length: c.Len(), Capacity: c.Cap()}
	c.mu.Lock()
	defer c.mu.Unlock()
	on.LastSender, on.LastReceiver = taskOf(c.sender), taskOf(c.receiver)
	return on
}
