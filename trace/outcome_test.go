package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestOpStatus(t *testing.T) {
	own := errors.New("own cause")
	background := func(ctx context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }
	canceled := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx, cancel
	}
	caused := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		cancel(own)
		return ctx, func() {}
	}
	expired := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, time.Now().Add(-time.Second))
	}
	tests := []struct {
		name string
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		err  error
		want string
	}{
		{"nil", background, nil, ""},
		{"EOF", background, fmt.Errorf("x: %w", io.EOF), ""},
		{"own cancel", canceled, context.Canceled, ""},
		{"own cancel, wrapped", canceled, fmt.Errorf("x: %w", context.Canceled), ""},
		{"own cause", caused, fmt.Errorf("x: %w", own), ""},
		{"canceled with a cause", caused, context.Canceled, ""},
		{"foreign cancel", background, context.Canceled, semconv.ErrorCanceled},
		{"foreign cause", background, own, semconv.ErrorOther},
		{"canceled, but failed", canceled, io.ErrUnexpectedEOF, semconv.ErrorUnexpectedEOF},
		{"own deadline", expired, context.DeadlineExceeded, semconv.ErrorDeadlineExceeded},
		{"foreign deadline", background, context.DeadlineExceeded, semconv.ErrorDeadlineExceeded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t)
			ctx, cancel := tt.ctx(ctx)
			defer cancel()
			_, op := trace.Start(ctx, "op")
			op.End(tt.err)
			wantStatus(t, tracetest.One(t, rec.Chain(), "op"), tt.want)
		})
	}
	t.Run("EndAs", func(t *testing.T) {
		ctx, rec := record(t)
		_, op := trace.Start(ctx, "op")
		op.EndAs("1011")
		wantStatus(t, tracetest.One(t, rec.Chain(), "op"), "1011")
	})
}

// If the operation's own context has ended, that is the reason of a wake which the libraries
// report as closed.
func TestOpWakeReason(t *testing.T) {
	never := func(ctx context.Context) (context.Context, context.CancelFunc) { return context.WithCancel(ctx) }
	cancel := func(cause error) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(cause)
			return ctx, func() {}
		}
	}
	expire := func(cause error) func(context.Context) (context.Context, context.CancelFunc) {
		return func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithDeadlineCause(ctx, time.Now().Add(-time.Second), cause)
		}
	}
	tests := []struct {
		name       string
		ctx        func(context.Context) (context.Context, context.CancelFunc)
		wake, want semconv.WakeReason
		cause      string
	}{
		{"alive, closed", never, semconv.WakeClosed, semconv.WakeClosed, ""},
		{"alive, deadline", never, semconv.WakeDeadline, semconv.WakeDeadline, ""},
		{"alive, canceled", never, semconv.WakeCanceled, semconv.WakeCanceled, ""},
		{"canceled, closed", cancel(nil), semconv.WakeClosed, semconv.WakeCanceled, ""},
		{"canceled, deadline", cancel(nil), semconv.WakeDeadline, semconv.WakeCanceled, ""},
		{"canceled for a cause", cancel(errors.New("shutdown")), semconv.WakeClosed, semconv.WakeCanceled, "shutdown"},
		{"canceled, readable", cancel(errors.New("shutdown")), semconv.WakeReadable, semconv.WakeReadable, ""},
		{"canceled, peer closed", cancel(nil), semconv.WakePeerClosed, semconv.WakePeerClosed, ""},
		{"expired, closed", expire(nil), semconv.WakeClosed, semconv.WakeDeadline, ""},
		{"expired, canceled", expire(nil), semconv.WakeCanceled, semconv.WakeDeadline, ""},
		{"expired for a cause", expire(errors.New("too slow")), semconv.WakeClosed, semconv.WakeDeadline, "too slow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t)
			ctx, cancel := tt.ctx(ctx)
			defer cancel()
			_, op := trace.Start(ctx, "op")
			op.Block(semconv.ReasonNetRead)
			op.Wake(tt.wake)
			op.End(nil)
			wake := tracetest.One(t, rec.Chain(), "wake")
			if got := semconv.WakeReason(wake.Str(semconv.WakeReasonKey)); got != tt.want {
				t.Errorf("wake.reason: got %s, want %s", got, tt.want)
			}
			if got := wake.Str(semconv.WakeCauseKey); got != tt.cause {
				t.Errorf("wake.cause: got %q, want %q", got, tt.cause)
			}
		})
	}
}

// A context with an error that cannot be compared causes no panic.
func TestOpWakeUncomparable(t *testing.T) {
	ctx, rec := record(t)
	ctx, op := trace.Start(uncomparable{ctx}, "op")
	_ = ctx
	op.Block(semconv.ReasonNetRead)
	op.Wake(semconv.WakeClosed)
	op.End(nil)
	tracetest.One(t, rec.Chain(), "wake {wake.reason=canceled}")
}

type uncomparable struct{ context.Context }

func (uncomparable) Err() error { return manyErrors{io.EOF} }

type manyErrors []error

func (manyErrors) Error() string { return "many" }
