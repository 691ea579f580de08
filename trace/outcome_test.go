package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
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
		{"foreign cancel", background, context.Canceled, trace.ErrorCanceled},
		{"foreign cause", background, own, trace.ErrorOther},
		{"canceled, but failed", canceled, io.ErrUnexpectedEOF, trace.ErrorUnexpectedEOF},
		{"own deadline", expired, context.DeadlineExceeded, trace.ErrorDeadlineExceeded},
		{"foreign deadline", background, context.DeadlineExceeded, trace.ErrorDeadlineExceeded},
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

// What the libraries report as closed was, where the operation's own context
// ended, that end.
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
		wake, want trace.WakeReason
		cause      string
	}{
		{"alive, closed", never, trace.WakeClosed, trace.WakeClosed, ""},
		{"alive, deadline", never, trace.WakeDeadline, trace.WakeDeadline, ""},
		{"alive, canceled", never, trace.WakeCanceled, trace.WakeCanceled, ""},
		{"canceled, closed", cancel(nil), trace.WakeClosed, trace.WakeCanceled, ""},
		{"canceled, deadline", cancel(nil), trace.WakeDeadline, trace.WakeCanceled, ""},
		{"canceled for a cause", cancel(errors.New("shutdown")), trace.WakeClosed, trace.WakeCanceled, "shutdown"},
		{"canceled, readable", cancel(errors.New("shutdown")), trace.WakeReadable, trace.WakeReadable, ""},
		{"canceled, peer closed", cancel(nil), trace.WakePeerClosed, trace.WakePeerClosed, ""},
		{"expired, closed", expire(nil), trace.WakeClosed, trace.WakeDeadline, ""},
		{"expired, canceled", expire(nil), trace.WakeCanceled, trace.WakeDeadline, ""},
		{"expired for a cause", expire(errors.New("too slow")), trace.WakeClosed, trace.WakeDeadline, "too slow"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t)
			ctx, cancel := tt.ctx(ctx)
			defer cancel()
			_, op := trace.Start(ctx, "op")
			op.Block(trace.ReasonNetRead)
			op.Wake(tt.wake)
			op.End(nil)
			wake := tracetest.One(t, rec.Chain(), "wake")
			if got := trace.WakeReason(wake.Str(trace.WakeReasonKey)); got != tt.want {
				t.Errorf("wake.reason: got %s, want %s", got, tt.want)
			}
			if got := wake.Str(trace.WakeCauseKey); got != tt.cause {
				t.Errorf("wake.cause: got %q, want %q", got, tt.cause)
			}
		})
	}
}

// A context whose own error cannot be compared is no reason to panic.
func TestOpWakeUncomparable(t *testing.T) {
	ctx, rec := record(t)
	ctx, op := trace.Start(uncomparable{ctx}, "op")
	_ = ctx
	op.Block(trace.ReasonNetRead)
	op.Wake(trace.WakeClosed)
	op.End(nil)
	tracetest.One(t, rec.Chain(), "wake {wake.reason=canceled}")
}

type uncomparable struct{ context.Context }

func (uncomparable) Err() error { return manyErrors{io.EOF} }

type manyErrors []error

func (manyErrors) Error() string { return "many" }
