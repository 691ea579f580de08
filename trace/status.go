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

// ErrorType classifies err for [semconv.ErrorTypeKey]: a constant of this package where
// errors.Is finds one, else the Go type of the innermost error that has a type of its
// own. It is "" for nil and for errors that report a normal end: io.EOF,
// http.ErrServerClosed, and of the WebSocket libraries that package wsconn wraps the
// close codes 1000, 1001 and 1005. Another close code is its own error.type.
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

// anonymous are the types of errors that say nothing by their type.
var anonymous = map[reflect.Type]bool{
	reflect.TypeOf(errors.New("")):                     true,
	reflect.TypeOf(errors.Join(io.EOF)):                true,
	reflect.TypeOf(fmt.Errorf("%w", io.EOF)):           true,
	reflect.TypeOf(fmt.Errorf("%w%w", io.EOF, io.EOF)): true,
}

// canceled reports whether err says that ctx was canceled, or may come from a
// connection that was closed for it. A deadline is no cancellation: it is a failure
// that one wants to see.
func canceled(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.Canceled) &&
		(errors.Is(err, context.Canceled) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Cause(ctx)))
}

// maxDescription is the most bytes of an error's text that a status has.
const maxDescription = 256

// description is the text of err for the status of a span: cut after 256 bytes,
// between two characters, and with control characters escaped. It is "" for nil.
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

// textOf is err.Error(), or nothing where that panics: an error that could be
// returned must not become a crash. A URL in it loses its user, query and fragment,
// which may hold a secret, as url.full does.
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

// finish ends a span with the status that errorType and err, which may be nil,
// mean.
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

// tick is the least time between two edges.
func tick(start time.Time) time.Duration { return core.Tick(start) }

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
