package trace_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"testing/slogtest"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// A record has the ids of the span and the name of the goroutine in its context, and
// nothing where there is neither.
func TestSlogHandler(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	var b bytes.Buffer
	log := slog.New(trace.NewSlogHandler(slog.NewTextHandler(&b, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))).With("a", 1)
	log.InfoContext(t.Context(), "outside")
	var sc oteltrace.SpanContext
	_ = trace.Handle(trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context()), "worker", func(ctx context.Context) error {
		sc = oteltrace.SpanContextFromContext(ctx)
		log.WithGroup("g").InfoContext(ctx, "inside")
		return nil
	})
	want := "msg=outside a=1\nmsg=inside a=1 g.trace_id=" + sc.TraceID().String() + " g.span_id=" + sc.SpanID().String() + " g.goroutine=worker\n"
	if got := b.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// It keeps the rules that package slog has for handlers.
func TestSlogHandlerRules(t *testing.T) {
	var b bytes.Buffer
	err := slogtest.TestHandler(trace.NewSlogHandler(slog.NewJSONHandler(&b, nil)), func() (all []map[string]any) {
		for line := range bytes.Lines(b.Bytes()) {
			var m map[string]any
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		return all
	})
	if err != nil {
		t.Error(err)
	}
}
