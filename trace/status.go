package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Values of [ErrorTypeKey] that [ErrorType] gives. Errors that are none of
// these have the name of their Go type.
const (
	ErrorCanceled          = "canceled"
	ErrorDeadlineExceeded  = "deadline_exceeded"
	ErrorClosed            = "closed"
	ErrorUnexpectedEOF     = "unexpected_eof"
	ErrorConnectionReset   = "connection_reset"
	ErrorConnectionRefused = "connection_refused"
	ErrorBrokenPipe        = "broken_pipe"
	ErrorPanic             = "panic"
	ErrorOther             = "_OTHER" // an error made by errors.New or fmt.Errorf, as the convention spells it
)

var errorTypes = []struct {
	is  error
	typ string
}{
	{context.Canceled, ErrorCanceled},
	{context.DeadlineExceeded, ErrorDeadlineExceeded},
	{os.ErrDeadlineExceeded, ErrorDeadlineExceeded},
	{net.ErrClosed, ErrorClosed},
	{io.ErrClosedPipe, ErrorClosed},
	{io.ErrUnexpectedEOF, ErrorUnexpectedEOF},
	{syscall.ECONNRESET, ErrorConnectionReset},
	{syscall.ECONNREFUSED, ErrorConnectionRefused},
	{syscall.EPIPE, ErrorBrokenPipe},
	{io.EOF, ""},
}

// ErrorType classifies err for [ErrorTypeKey]: a constant of this package where
// errors.Is finds one, else the Go type of the innermost error that has a type
// of its own. It is "" for nil and for io.EOF, which are no errors.
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	for _, t := range errorTypes {
		if errors.Is(err, t.is) {
			return t.typ
		}
	}
	typ := ErrorOther
	for ; err != nil; err = errors.Unwrap(err) {
		if t := reflect.TypeOf(err); !anonymous[t] {
			typ = t.String()
		}
	}
	return typ
}

// anonymous are the types of errors that say nothing by their type.
var anonymous = map[reflect.Type]bool{
	reflect.TypeOf(errors.New("")):                     true,
	reflect.TypeOf(errors.Join(io.EOF)):                true,
	reflect.TypeOf(fmt.Errorf("%w", io.EOF)):           true,
	reflect.TypeOf(fmt.Errorf("%w%w", io.EOF, io.EOF)): true,
}

// canceled reports whether err says that ctx was canceled. A deadline is no
// cancellation: it is a failure that one wants to see.
func canceled(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.Canceled) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}

// finish ends a span with the status that errorType means.
func finish(span oteltrace.Span, end time.Time, errorType string, attrs []attribute.KeyValue) {
	if errorType != "" {
		span.SetStatus(codes.Error, "")
		attrs = append(slices.Clip(attrs), ErrorTypeKey.String(errorType))
	}
	if len(attrs) > 0 {
		span.SetAttributes(attrs...)
	}
	span.End(oteltrace.WithTimestamp(end))
}

// Finish ends a span that [Tracer.Span] began at start. It is an error if
// errorType, the value for [ErrorTypeKey], is not "".
func Finish(span oteltrace.Span, start time.Time, errorType string, attrs ...attribute.KeyValue) {
	finish(span, after(start), errorType, attrs)
}

// epoch is the first day of testing/synctest's clock plus some years: no real
// clock is before it.
var epoch = time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC)

// tick is the least time between two edges. A real clock may read the same
// twice where it is coarse, and backends warn of spans without duration; the
// clock of a testing/synctest bubble is exact, and stays so.
func tick(start time.Time) time.Duration {
	if start.Before(epoch) {
		return 0
	}
	return 1
}

// after is the time now, read on the monotonic clock from start, and at least
// a tick later.
func after(start time.Time) time.Time {
	return start.Add(max(time.Since(start), tick(start)))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
