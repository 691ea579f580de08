package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

type ownError struct{ error }

func (e ownError) Unwrap() error { return e.error }

type likeTimeout struct{}

func (likeTimeout) Error() string        { return "like a timeout" }
func (likeTimeout) Is(target error) bool { return target == context.DeadlineExceeded }

func TestErrorType(t *testing.T) {
	opError := func(err error) error {
		return &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", err)}
	}
	tests := []struct {
		err  error
		want string
	}{
		{nil, ""},
		{io.EOF, ""},
		{fmt.Errorf("read: %w", io.EOF), ""},
		{context.Canceled, semconv.ErrorCanceled},
		{fmt.Errorf("read: %w", context.Canceled), semconv.ErrorCanceled},
		{errors.Join(io.EOF, context.Canceled), semconv.ErrorCanceled},
		{context.DeadlineExceeded, semconv.ErrorDeadlineExceeded},
		{os.ErrDeadlineExceeded, semconv.ErrorDeadlineExceeded},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, semconv.ErrorDeadlineExceeded},
		{likeTimeout{}, semconv.ErrorDeadlineExceeded},
		{net.ErrClosed, semconv.ErrorClosed},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, semconv.ErrorClosed},
		{io.ErrClosedPipe, semconv.ErrorClosed},
		{io.ErrUnexpectedEOF, semconv.ErrorUnexpectedEOF},
		{opError(syscall.ECONNRESET), semconv.ErrorConnectionReset},
		{opError(syscall.ECONNREFUSED), semconv.ErrorConnectionRefused},
		{opError(syscall.EPIPE), semconv.ErrorBrokenPipe},
		{opError(syscall.EHOSTUNREACH), "syscall.Errno"},
		{errors.New("x"), semconv.ErrorOther},
		{fmt.Errorf("x"), semconv.ErrorOther},
		{fmt.Errorf("x: %w", errors.New("y")), semconv.ErrorOther},
		{fmt.Errorf("x: %w, %w", errors.New("y"), errors.New("z")), semconv.ErrorOther},
		{errors.Join(errors.New("x")), semconv.ErrorOther},
		{ownError{errors.New("x")}, "trace_test.ownError"},
		{fmt.Errorf("x: %w", ownError{fmt.Errorf("y: %w", errors.New("z"))}), "trace_test.ownError"},
		{fmt.Errorf("x: %w", &ownError{io.EOF}), ""},
		{ownError{manyErrors{}}, "trace_test.manyErrors"},
		{&net.DNSError{}, "*net.DNSError"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{}}, "*net.DNSError"},
		{&strconv.NumError{Err: strconv.ErrSyntax}, "*strconv.NumError"},
	}
	for _, tt := range tests {
		if got := trace.ErrorType(tt.err); got != tt.want {
			t.Errorf("%T %v: got %q, want %q", tt.err, tt.err, got, tt.want)
		}
	}
}

func TestFinish(t *testing.T) {
	ctx, rec := record(t)
	attrs := make([]attribute.KeyValue, 1, 4)
	attrs[0] = attribute.Int("n", 1)
	for i, typ := range []string{"", "refused"} {
		start := time.Now()
		_, span := core.Of(trace.FromContext(ctx)).Span(ctx, "step", start)
		core.Of(trace.FromContext(ctx)).Finish(span, start, typ, nil, attrs...)
		ended := rec.Chain().Spans[i]
		wantStatus(t, ended, typ)
		if got := ended.Int("n"); got != 1 {
			t.Errorf("n: got %d, want 1", got)
		}
		if d := ended.Duration(); d < 1 {
			t.Errorf("lasts %v, want 1ns at least", d)
		}
	}
	if attrs[:2][1].Valid() {
		t.Error("an attribute was written into the caller's array")
	}
}
