package trace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/internal/outcome"
	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

var errorTypes = []struct {
	is  error
	typ string
}{
	{context.Canceled, semconv.ErrorCanceled},
	{context.DeadlineExceeded, semconv.ErrorDeadlineExceeded},
	{os.ErrDeadlineExceeded, semconv.ErrorDeadlineExceeded},
	{net.ErrClosed, semconv.ErrorClosed},
	{io.ErrClosedPipe, semconv.ErrorClosed},
	{io.ErrUnexpectedEOF, semconv.ErrorUnexpectedEOF},
	{syscall.ECONNRESET, semconv.ErrorConnectionReset},
	{syscall.ECONNREFUSED, semconv.ErrorConnectionRefused},
	{syscall.EPIPE, semconv.ErrorBrokenPipe},
	{io.EOF, ""},
	{http.ErrServerClosed, ""},
}

// ErrorType classifies err for [semconv.ErrorTypeKey]. It returns a constant of package
// semconv if errors.Is finds one, else the Go type of the innermost error that is not of a
// type of packages errors and fmt. It is "" for nil and for errors that report a normal
// end: io.EOF, http.ErrServerClosed, and the close codes 1000, 1001 and 1005 of the
// WebSocket libraries of package wsconn. Any other close code is its own error.type.
func ErrorType(err error) string {
	if err == nil {
		return ""
	}
	if o, ok := outcome.Of(err); ok {
		return o.Type
	}
	for _, t := range errorTypes {
		if errors.Is(err, t.is) {
			return t.typ
		}
	}
	typ := semconv.ErrorOther
	for ; err != nil; err = errors.Unwrap(err) {
		if t := reflect.TypeOf(err); !anonymous[t] {
			typ = t.String()
		}
	}
	return typ
}

// anonymous are the types of errors that have only a text.
var anonymous = map[reflect.Type]bool{
	reflect.TypeOf(errors.New("")):                     true,
	reflect.TypeOf(errors.Join(io.EOF)):                true,
	reflect.TypeOf(fmt.Errorf("%w", io.EOF)):           true,
	reflect.TypeOf(fmt.Errorf("%w%w", io.EOF, io.EOF)): true,
}

// canceled reports whether err is the cancellation of ctx, or may come from a connection
// that was closed because of it. A deadline is no cancellation, but a failure.
func canceled(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.Canceled) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Cause(ctx)))
}

// maxDescription is the maximum length of a status description, in bytes.
const maxDescription = 256

// description returns the text of err for the status of a span: at most maxDescription
// bytes, cut between two characters, and with control characters escaped. It is "" for
// nil.
func description(err error) string {
	if err == nil {
		return ""
	}
	s := ""
	if o, ok := outcome.Of(err); ok {
		s = o.Text
	} else {
		s = textOf(err)
	}
	const ellipsis = "…"
	if s = text.Printable(s[:min(len(s), 2*maxDescription)]); len(s) > maxDescription {
		end := maxDescription - len(ellipsis)
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		s = s[:end] + ellipsis
	}
	return s
}

// textOf returns err.Error(), or "" if that panics: an error that the program can return
// must not become a crash. A URL in it loses its user, query and fragment, which may be
// secret, as in url.full.
func textOf(err error) (s string) {
	defer func() { _ = recover() }()
	text := err.Error()
	for of := (*url.Error)(nil); errors.As(err, &of); err, of = of.Err, nil {
		text = strings.ReplaceAll(text, strconv.Quote(of.URL), strconv.Quote(bareURL(of.URL)))
	}
	return text
}

func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "…"
	}
	u.User, u.RawQuery, u.Fragment, u.ForceQuery = nil, "", "", false
	return u.String()
}

// finish ends a span. It has failed if errorType is not "", and err, which may be nil,
// describes how.
func finish(span oteltrace.Span, end time.Time, errorType string, err error, attrs []attribute.KeyValue) {
	if errorType != "" {
		span.SetStatus(codes.Error, description(err))
		attrs = append(slices.Clip(attrs), semconv.ErrorTypeKey.String(errorType))
	}
	if len(attrs) > 0 {
		span.SetAttributes(attrs...)
	}
	span.End(oteltrace.WithTimestamp(end))
}

// tick returns the least time between two edges.
func tick(start time.Time) time.Duration { return core.Tick(start) }

// after returns the time now, on the monotonic clock of start, and at least a tick after
// start.
func after(start time.Time) time.Time {
	return start.Add(max(time.Since(start), tick(start)))
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
