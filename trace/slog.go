package trace

import (
	"context"
	"log/slog"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// NewSlogHandler returns a handler that adds to each record, from its context, the
// attributes trace_id and span_id in hexadecimal, if there is a span, and goroutine, the
// name passed to [Go] or [Handle], if there is one. They lead from a log line to the spans,
// and back.
//
//	slog.SetDefault(slog.New(trace.NewSlogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//
// Only functions of slog that take a context have one, such as slog.InfoContext. The
// attributes are in the logger's current group. The handler is safe for concurrent use if h
// is.
func NewSlogHandler(h slog.Handler) slog.Handler { return slogHandler{h} }

type slogHandler struct{ slog.Handler }

func (h slogHandler) Handle(ctx context.Context, r slog.Record) error {
	attrs := make([]slog.Attr, 0, 3)
	if sc := oteltrace.SpanContextFromContext(ctx); sc.IsValid() {
		attrs = append(attrs, slog.String("trace_id", sc.TraceID().String()), slog.String("span_id", sc.SpanID().String()))
	}
	if task := scopeOf(ctx).task; task != nil && task.name != "" {
		attrs = append(attrs, slog.String("goroutine", task.name))
	}
	if len(attrs) > 0 {
		r = r.Clone() // the caller's may share its memory
		r.AddAttrs(attrs...)
	}
	return h.Handler.Handle(ctx, r)
}

func (h slogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return slogHandler{h.Handler.WithAttrs(attrs)}
}

func (h slogHandler) WithGroup(name string) slog.Handler {
	return slogHandler{h.Handler.WithGroup(name)}
}
