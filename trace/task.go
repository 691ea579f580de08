package trace

import (
	"context"
	"errors"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/internal/annotate"
	"github.com/wakechain/wakechain/trace/semconv"
)

// ErrGoexit is the error of a Task whose function ended by runtime.Goexit, as
// testing's FailNow does.
var ErrGoexit = errors.New("trace: the goroutine called runtime.Goexit")

// Task is a goroutine started by [Go]. Methods are safe for concurrent use.
type Task struct {
	name    string
	cancel  context.CancelCauseFunc
	done    chan struct{}
	outer   *Task                 // of Handle: the one that it runs in; nil: none
	span    oteltrace.SpanContext // of NAME, the first if there are two
	excused atomic.Bool           // see [Excuse]
	life    atomic.Pointer[life]  // while its span is open

	mu    sync.Mutex
	state semconv.State
	err   error
	totals

	entry  live.Entry
	parent *Task     // that started it; nil once this one has ended
	id     int64     // of its goroutine; set when it is registered
	began  time.Time // likewise
	one    [1]wait   // the memory of waits, if there is only one
}

// GoOption configures [Go] and [Handle]. The last option of a kind wins.
type GoOption interface{ applyGo(*goConfig) }

type goConfig struct {
	errorType func(error) string
	attrs     []attribute.KeyValue
}

type goOptionFunc func(*goConfig)

func (f goOptionFunc) applyGo(c *goConfig) { f(c) }

// WithErrorType sets which errors of the function are failures: f returns the value for
// [semconv.ErrorTypeKey], or "" for an error that is no failure, such as the peer's normal
// closure of a connection. The default is [ErrorType].
func WithErrorType(f func(error) string) GoOption {
	return goOptionFunc(func(c *goConfig) {
		if f != nil {
			c.errorType = f
		}
	})
}

// WithGoAttributes adds attributes to the goroutine's span, and to the second one if there
// are two. It appends.
func WithGoAttributes(attrs ...attribute.KeyValue) GoOption {
	return goOptionFunc(func(c *goConfig) { c.attrs = append(c.attrs, attrs...) })
}

// Go runs fn in a new goroutine and returns immediately. The span NAME lasts from this call
// to the end of fn. It is in fn's context: fn may set its attributes and status, and it is
// the parent of fn's operations. It records the time from this call to fn's first
// instruction ([semconv.GoroutineStartDelayKey]) and fn's state
// ([semconv.GoroutineStateKey]). If one of fn's operations was blocked, it also records the
// totals [semconv.BlockCountKey] and [semconv.BlockDurationKey], the total for each reason
// ([semconv.GoroutineBlockedKey]), and the time without a block
// ([semconv.GoroutineRunningKey]). The label goroutine.name of runtime/pprof has the name,
// too.
//
// A goroutine that lives longer than [WithMaxOpen] has two spans, so that no span is open
// for days. The first is exported after that time, or when package live reports a stall
// below it, with the state running and the totals so far. The second is its child, links to
// it, and covers the rest; what fn sets through its context from then on is set there.
// Operations are children of the first.
//
// The context of fn ends when ctx does, by [Task.Cancel], and when fn has returned.
//
// A panic in fn is not recovered, since that would replace the stack that the crash
// prints: the program crashes as it would without this package. The span ends before that,
// as panicked, with the stack down to fn ([semconv.CodeStacktraceKey]; never the panic's
// value). Nothing that waits for the Task continues as if fn had returned.
func Go(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) *Task {
	return spawn(ctx, name, fn, opts, nil)
}

// spawn is Go. When the function has ended other than by a panic, it calls ended, unless
// that is nil, with the function's context and error.
func spawn(ctx context.Context, name string, fn func(context.Context) error, opts []GoOption, ended func(context.Context, error)) *Task {
	t := &Task{name: name, done: make(chan struct{}), state: semconv.StatePending}
	ctx, t.cancel = context.WithCancelCause(ctx)
	life := t.begin(ctx, opts, true)
	go func() {
		defer func() {
			if t.State() == semconv.StatePanicked {
				return // the program is about to crash
			}
			close(t.done)
			t.cancel(nil)
			if ended != nil {
				ended(life.ctx, t.Err())
			}
		}()
		life.label()
		_ = t.run(life, fn)
	}()
	return t
}

// Handle runs fn on the calling goroutine, with the spans of [Go], and returns its error. A
// panic reaches the caller. The blocks in fn count for the goroutine of ctx, too.
// Afterwards the labels of runtime/pprof are those of ctx again.
func Handle(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) error {
	return handle(ctx, name, fn, opts, scopeOf(ctx).task)
}

// handle is Handle on a goroutine that runs the task outer; nil: none.
func handle(ctx context.Context, name string, fn func(context.Context) error, opts []GoOption, outer *Task) error {
	if t := FromContext(ctx); t.skips(ctx) && !t.live {
		return fn(ctx)
	}
	t := &Task{name: name, state: semconv.StatePending, outer: outer}
	life := t.begin(ctx, opts, false)
	if life.label() {
		defer pprof.SetGoroutineLabels(ctx)
	}
	return t.run(life, fn)
}

// run calls fn and records how it ended. It does not recover.
func (t *Task) run(l *life, fn func(context.Context) error) (err error) {
	l.start = l.called
	if l.spawned {
		l.start = after(l.called)
	}
	if l.span != nil || l.tracer.live {
		t.id, t.began = core.GoroutineID(), l.start
		t.entry.Add((*liveTask)(t))
		defer t.entry.Remove()
	}
	if l.span != nil {
		l.running()
		t.life.Store(l)
		if annotate.On() {
			annotate.Begin(t.span)
			defer annotate.End(t.span)
		}
	}
	t.set(semconv.StateRunning, nil)

	returned := false
	defer func() {
		state, errorType := semconv.StateFinished, ""
		var stack []attribute.KeyValue
		if returned {
			state, errorType = t.outcome(l, err)
		} else if exits, calls := unwinding(); exits {
			err, state, errorType = ErrGoexit, semconv.StateFailed, semconv.ErrorOther
		} else {
			state, errorType = semconv.StatePanicked, semconv.ErrorPanic
			stack = []attribute.KeyValue{semconv.CodeStacktraceKey.String(calls)}
		}
		t.set(state, err)
		t.life.Store(nil)
		t.orphan()
		if l.span != nil {
			l.end(state, errorType, err, stack)
		}
	}()
	err = fn(l.ctx)
	returned = true
	return err
}

// orphan drops the reference to the parent, which is only needed while this one runs.
func (t *Task) orphan() {
	t.mu.Lock()
	t.parent = nil
	t.mu.Unlock()
}

// Excuse notes that a context below that of ctx's goroutine has ended normally, such as the
// one with which a connection is read until the peer closes it. The goroutine has not
// failed then if it ends with context.Canceled.
func Excuse(ctx context.Context) {
	for t := scopeOf(ctx).task; t != nil; t = t.outer {
		t.excused.Store(true)
	}
}

func (t *Task) outcome(l *life, err error) (semconv.State, string) {
	if err == nil {
		return semconv.StateFinished, ""
	}
	switch typ := l.errorType(err); {
	case typ == "":
		return semconv.StateFinished, ""
	case canceled(l.ctx, err):
		return semconv.StateCanceled, ""
	case t.excused.Load() && errors.Is(err, context.Canceled):
		return semconv.StateFinished, ""
	default:
		return semconv.StateFailed, typ
	}
}

func (t *Task) set(s semconv.State, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.err = s, err
}

// State returns the goroutine's state. It is blocked while one of the operations below its
// context is, as far as they are recorded.
func (t *Task) State() semconv.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state == semconv.StateRunning && t.parked > 0 {
		return semconv.StateBlocked
	}
	return t.state
}

// Done returns a channel that is closed when the function has ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Err returns the error of the function; nil as long as it has not ended.
func (t *Task) Err() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Wait waits for the function to end and returns its error. If ctx ends before, it returns
// context.Cause(ctx). If it has to wait it is an operation, [semconv.SpanAwait], whose wake
// links to the task's span.
func (t *Task) Wait(ctx context.Context) error {
	ended := t.ended()
	if ended && !emitsAll(ctx) {
		return t.Err()
	}
	_, op := Start(ctx, semconv.SpanAwait)
	if ended {
		op.End(nil)
		return t.Err()
	}
	op.waitsFor(t)
	op.Block(semconv.ReasonFuture)
	select {
	case <-t.done:
	case <-ctx.Done():
		return op.giveUp(ctx)
	}
	op.Wake(semconv.WakeDone, CausedBy(t.span))
	op.End(nil) // the task's error is not the waiter's
	return t.Err()
}

func (t *Task) ended() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// Name returns the name that the goroutine was started with.
func (t *Task) Name() string { return t.name }

// Cancel ends the context of the function, with cause as its context.Cause.
// It does not wait.
func (t *Task) Cancel(cause error) { t.cancel(cause) }
