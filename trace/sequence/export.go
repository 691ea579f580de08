package sequence

import (
	"context"
	"fmt"
	"io"
	"sync"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// Exporter keeps the spans that it is given, up to a limit ([WithMaxSpans]), and
// draws their diagram: when it is shut down, which the provider does at the
// program's end, and on demand.
//
//	e := sequence.NewExporter(file, sequence.HTML)
//	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(e))
//	defer p.Shutdown(ctx)
//
// It may serve several providers. Its methods are safe for concurrent use.
type Exporter struct {
	w      io.Writer
	format Format
	opts   []Option
	limit  int

	mu      sync.Mutex
	spans   []sdktrace.ReadOnlySpan
	dropped int
	done    bool
}

var _ sdktrace.SpanExporter = (*Exporter)(nil)

// NewExporter returns an exporter that writes to w, which it does not close, in
// a format. An unknown format is an error when it draws.
func NewExporter(w io.Writer, f Format, opts ...Option) *Exporter {
	return &Exporter{w: w, format: f, opts: opts, limit: newConfig(opts).spans}
}

// ExportSpans keeps spans.
func (e *Exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := max(min(len(spans), e.limit-len(e.spans)), 0)
	e.spans = append(e.spans, spans[:kept]...)
	e.dropped += len(spans) - kept
	return nil
}

// Shutdown writes the diagram of all spans to the exporter's writer. Further
// calls do nothing.
func (e *Exporter) Shutdown(context.Context) error {
	e.mu.Lock()
	done := e.done
	e.done = true
	e.mu.Unlock()
	if done {
		return nil
	}
	return e.Draw(e.w)
}

// Draw writes the diagram of the spans so far to w.
func (e *Exporter) Draw(w io.Writer) error {
	e.mu.Lock()
	spans, dropped := e.spans, e.dropped
	e.mu.Unlock()
	opts := e.opts
	if dropped > 0 {
		opts = append(opts[:len(opts):len(opts)], withNote(fmt.Sprintf("%s came after the first %s and are not shown",
			text.Counted(dropped, "span"), text.Number(e.limit))))
	}
	return New(chain.New(chain.FromSpans(spans)), opts...).Write(w, e.format)
}
