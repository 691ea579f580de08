package trace

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// ErrGoexit is the error of a Task whose function ended by runtime.Goexit, as
// testing's FailNow does.
var ErrGoexit = errors.New("trace: the goroutine called runtime.Goexit")

// Task is a goroutine started by [Go]. Methods are safe for concurrent use.
type Task struct {
	name   string
	cancel context.CancelCauseFunc
	done   chan struct{}

	mu    sync.Mutex
	state State
	err   error

	// Totals of the operations under this goroutine's context.
	blocks      atomic.Int64
	blockedTime atomic.Int64
}

// GoOption configures [Go] and [Handle]. The last option of a kind wins.
type GoOption interface{ applyGo(*goConfig) }

type goConfig struct {
	errorType func(error) string
	attrs     []attribute.KeyValue
}

type goOptionFunc func(*goConfig)

func (f goOptionFunc) applyGo(c *goConfig) { f(c) }

// WithErrorType says which errors of the function are failures: it returns the
// value for [ErrorTypeKey], or "" for an error that is none, such as the
// peer's normal closure of a connection. The default is [ErrorType].
func WithErrorType(f func(error) string) GoOption {
	return goOptionFunc(func(c *goConfig) {
		if f != nil {
			c.errorType = f
		}
	})
}

// WithGoAttributes adds attributes to both spans of the goroutine. It appends.
func WithGoAttributes(attrs ...attribute.KeyValue) GoOption {
	return goOptionFunc(func(c *goConfig) { c.attrs = append(c.attrs, attrs...) })
}

// Go runs fn in a new goroutine and returns at once. The span "go NAME" lasts
// from this call to fn's first instruction, and is the parent of what fn does
// with the context it is given. When fn ends, the span "NAME" is exported, a
// child of "go NAME" that covers fn's whole life, with its state
// ([GoroutineStateKey]) and the total of its blocks. So nothing is held open
// by a goroutine that runs for days.
//
// The context that fn gets ends when ctx does or by [Task.Cancel]; and, like
// any context made by context.WithCancel, when fn has returned.
//
// A panic in fn is not recovered: the program crashes as it would without us,
// with the original stack. The span ends as panicked before, and until the end
// nobody who waits for the Task goes on as if fn had returned.
func Go(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) *Task {
	t := &Task{name: name, done: make(chan struct{}), state: StatePending}
	ctx, t.cancel = context.WithCancelCause(ctx)
	life := t.spawn(ctx, opts)
	go func() {
		defer func() {
			if t.State() != StatePanicked { // else the program is about to crash
				close(t.done)
				t.cancel(nil)
			}
		}()
		_ = t.run(life, fn)
	}()
	return t
}

// Handle runs fn on the calling goroutine, with the spans of [Go], and returns
// its error. A panic goes on to the caller.
func Handle(ctx context.Context, name string, fn func(context.Context) error, opts ...GoOption) error {
	if FromContext(ctx).skips(ctx) {
		return fn(ctx)
	}
	t := &Task{name: name, state: StatePending}
	return t.run(t.spawn(ctx, opts), fn)
}

// life is one run of a goroutine's function.
type life struct {
	goConfig
	tracer  *Tracer
	ctx     context.Context // for the function
	called  time.Time
	spawned oteltrace.Span // "go NAME", nil when nothing is recorded
}

func (t *Task) spawn(ctx context.Context, opts []GoOption) *life {
	l := &life{goConfig: goConfig{errorType: ErrorType}, tracer: FromContext(ctx), called: time.Now()}
	for _, o := range opts {
		if o != nil {
			o.applyGo(&l.goConfig)
		}
	}
	l.ctx, l.spawned = l.tracer.Span(ctx, SpanGo+t.name, l.called)
	l.ctx = context.WithValue(l.ctx, scopeKey{}, &scope{l.tracer, t})
	return l
}

// run calls fn and records how it ended. It does not recover: recover would
// replace the stack that a crash prints.
func (t *Task) run(l *life, fn func(context.Context) error) (err error) {
	start := after(l.called)
	if l.spawned != nil {
		l.attrs = append(l.attrs, GoroutineIDKey.Int64(goroutineID()), GoroutineNameKey.String(t.name))
		finish(l.spawned, start, "", l.attrs)
	}
	t.set(StateRunning, nil)

	returned := false
	defer func() {
		state, errorType := StateFinished, ""
		switch {
		case returned:
			state, errorType = l.outcome(err)
		case goexiting():
			err, state, errorType = ErrGoexit, StateFailed, ErrorOther
		default:
			state, errorType = StatePanicked, ErrorPanic
		}
		t.set(state, err)
		t.export(l, start, state, errorType)
	}()
	err = fn(l.ctx)
	returned = true
	return err
}

func (l *life) outcome(err error) (State, string) {
	if err == nil {
		return StateFinished, ""
	}
	switch typ := l.errorType(err); {
	case typ == "":
		return StateFinished, ""
	case canceled(l.ctx, err):
		return StateCancelled, ""
	default:
		return StateFailed, typ
	}
}

// export makes the span "NAME".
func (t *Task) export(l *life, start time.Time, state State, errorType string) {
	if l.spawned == nil {
		return
	}
	attrs := append(l.attrs, GoroutineStateKey.String(string(state)))
	if n := t.blocks.Load(); n > 0 {
		attrs = append(attrs,
			BlockCountKey.Int64(n),
			BlockDurationKey.Float64(time.Duration(t.blockedTime.Load()).Seconds()))
	}
	l.tracer.Record(l.ctx, t.name, start, after(start), errorType, attrs...)
}

// blocked adds the blocks of an operation to the totals.
func (t *Task) blocked(n int, d time.Duration) {
	if t != nil {
		t.blocks.Add(int64(n))
		t.blockedTime.Add(int64(d))
	}
}

func (t *Task) set(s State, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state, t.err = s, err
}

// State returns the state that the goroutine is in.
func (t *Task) State() State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state
}

// Done returns a channel that is closed when the function has ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Wait waits for the function to end and returns its error, or the cause of
// ctx's end if that comes first.
func (t *Task) Wait(ctx context.Context) error {
	select {
	case <-t.done:
	default:
		select {
		case <-t.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// Cancel ends the context of the function, with cause as its context.Cause.
// It does not wait.
func (t *Task) Cancel(cause error) { t.cancel(cause) }

// goroutineID reads the runtime's number of the calling goroutine from the
// first line of its stack, "goroutine 18 [running]:". The runtime offers no
// other way; it takes about a microsecond, once per goroutine.
func goroutineID() int64 {
	var buf [64]byte
	line := string(buf[:runtime.Stack(buf[:], false)])
	line, _, _ = strings.Cut(strings.TrimPrefix(line, "goroutine "), " ")
	id, _ := strconv.ParseInt(line, 10, 64)
	return id
}

// goexiting reports whether the deferred function that calls it runs because
// of runtime.Goexit rather than a panic.
func goexiting() bool {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		switch f.Function {
		case "runtime.Goexit":
			return true
		case "runtime.gopanic":
			return false
		}
		if !more {
			return false
		}
	}
}
