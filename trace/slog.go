package trace

import (
	"context"
	"log/slog"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// NewSlogHandler returns a handler that adds to each record what its context carries:
// trace_id and span_id, as hexadecimal text, if there is a span, and goroutine, the name
// that [Go] or [Handle] was given, if there is one. So a line of the log leads to the
// spans, and the other way round.
//
//	slog.SetDefault(slog.New(trace.NewSlogHandler(slog.NewJSONHandler(os.Stderr, nil))))
//
// Only the calls of slog that take a context have one, as slog.InfoContext. What is added
// belongs to the groups that the logger has begun. It is safe for concurrent use if h is.
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
