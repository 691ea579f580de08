package trace

import (
	"context"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/semconv"
)

// What package live asks for. None of it runs unless it is asked.

// waitsFor notes what the operation is about to wait for.
func (o Op) waitsFor(x any) { core.Ref(o).SetOn(x) }

// liveTask is a Task that describes itself.
type liveTask Task

func (l *liveTask) Describe(r *live.Report) {
	t := (*Task)(l)
	r.Tasks = append(r.Tasks, live.Task{})
	d := &r.Tasks[len(r.Tasks)-1]
	d.Key, d.Name, d.ID, d.Began, d.Span = t, t.name, t.id, t.began, t.span
	if t.outer != nil {
		d.Outer = t.outer
	}
	t.mu.Lock()
	if t.parent != nil {
		d.Parent = t.parent
	}
	d.Ended = t.state != semconv.StateRunning && t.state != semconv.StatePending
	d.Ran = t.ran
	d.Waits = r.NewWaits(len(t.waits))
	for i := range t.waits {
		w, of := &d.Waits[i], &t.waits[i]
		w.Op, w.Operation, w.Reason, w.Since, w.On = of.ref, of.name, of.reason, of.since, of.on
	}
	t.mu.Unlock()
	// Not with t.mu held, since that is locked while an operation's lock is held.
	for i := range d.Waits {
		d.Waits[i].Span = d.Waits[i].Op.(core.Ref).SpanContext()
	}
}

// taskOf returns the goroutine of ctx as its key for package live; nil: none.
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

func (q *queue) inMetrics() string          { return q.name.inMetrics() }
func (q *queueWait) inMetrics() string      { return q.name.inMetrics() }
func (wg *waitGroupWait) inMetrics() string { return wg.name.inMetrics() }
func (w *chanWait[T]) inMetrics() string    { return w.name.inMetrics() }

// DescribeWait describes the wait for a Mutex, an RWMutex or a Semaphore.
func (s *sema) DescribeWait() live.On {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := live.On{Kind: "semaphore", Name: s.name.String(), Held: s.held, Size: s.size, Waiting: s.waiters.Len()}
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
	return live.On{Name: q.name.String(), Waiting: q.waiters.Len()}
}

type waitGroupWait WaitGroup

func (wg *waitGroupWait) DescribeWait() live.On {
	wg.mu.Lock()
	defer wg.mu.Unlock()
	return live.On{Kind: "waitgroup", Name: wg.name.String(), Held: int64(wg.n), Waiting: wg.waiters.Len()}
}

type chanWait[T any] Chan[T]

func (w *chanWait[T]) DescribeWait() live.On {
	c := (*Chan[T])(w)
	on := live.On{Kind: "channel", Name: c.name.String(), Length: c.Len(), Capacity: c.Cap()}
	c.mu.Lock()
	defer c.mu.Unlock()
	on.LastSender, on.LastReceiver = taskOf(c.sender), taskOf(c.receiver)
	return on
}
