package sequence

import (
	"context"
	"fmt"
	"io"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/internal/spanbuf"
)

// Exporter keeps spans, up to a limit ([WithMaxSpans]), and draws their diagram when it is
// shut down, which the provider does, or when [Exporter.Draw] is called.
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
	buffer spanbuf.Buffer
}

var _ sdktrace.SpanExporter = (*Exporter)(nil)

// NewExporter returns an exporter that writes to w in a format. It does not close w. An
// unknown format is an error of Shutdown and Draw.
func NewExporter(w io.Writer, f Format, opts ...Option) *Exporter {
	return &Exporter{w: w, format: f, opts: opts, buffer: spanbuf.Buffer{Max: newConfig(opts).spans}}
}

// ExportSpans keeps the spans.
func (e *Exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.buffer.Add(spans)
	return nil
}

// Shutdown writes the diagram of all spans to the exporter's writer. Further calls do
// nothing.
func (e *Exporter) Shutdown(context.Context) error {
	if !e.buffer.Close() {
		return nil
	}
	return e.Draw(e.w)
}

// Draw writes the diagram of the spans so far to w.
func (e *Exporter) Draw(w io.Writer) error {
	spans, dropped := e.buffer.Spans()
	opts := e.opts
	if dropped > 0 {
		opts = append(opts[:len(opts):len(opts)], withNote(fmt.Sprintf("%s came after the first %s and are not shown",
			text.Counted(dropped, "span"), text.Number(e.buffer.Max))))
	}
	return New(chain.New(chain.FromSpans(spans)), opts...).Write(w, e.format)
}
