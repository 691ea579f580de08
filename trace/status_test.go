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

	"github.com/wakechain/wakechain/trace"
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
		{context.Canceled, trace.ErrorCanceled},
		{fmt.Errorf("read: %w", context.Canceled), trace.ErrorCanceled},
		{errors.Join(io.EOF, context.Canceled), trace.ErrorCanceled},
		{context.DeadlineExceeded, trace.ErrorDeadlineExceeded},
		{os.ErrDeadlineExceeded, trace.ErrorDeadlineExceeded},
		{&net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, trace.ErrorDeadlineExceeded},
		{likeTimeout{}, trace.ErrorDeadlineExceeded},
		{net.ErrClosed, trace.ErrorClosed},
		{&net.OpError{Op: "read", Err: net.ErrClosed}, trace.ErrorClosed},
		{io.ErrClosedPipe, trace.ErrorClosed},
		{io.ErrUnexpectedEOF, trace.ErrorUnexpectedEOF},
		{opError(syscall.ECONNRESET), trace.ErrorConnectionReset},
		{opError(syscall.ECONNREFUSED), trace.ErrorConnectionRefused},
		{opError(syscall.EPIPE), trace.ErrorBrokenPipe},
		{opError(syscall.EHOSTUNREACH), "syscall.Errno"},
		{errors.New("x"), trace.ErrorOther},
		{fmt.Errorf("x"), trace.ErrorOther},
		{fmt.Errorf("x: %w", errors.New("y")), trace.ErrorOther},
		{fmt.Errorf("x: %w, %w", errors.New("y"), errors.New("z")), trace.ErrorOther},
		{errors.Join(errors.New("x")), trace.ErrorOther},
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
		_, span := trace.FromContext(ctx).Span(ctx, "step", start)
		trace.Finish(span, start, typ, nil, attrs...)
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
