package explain

import (
	"context"
	"fmt"
	"io"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/internal/spanbuf"
)

// Exporter keeps spans, up to a limit ([WithMaxSpans]), and prints what [Explain] finds in
// them when it is shut down, which the provider does, or when [Exporter.Print] is called.
//
//	e := explain.NewExporter(os.Stderr)
//	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(e))
//	defer p.Shutdown(ctx)
//
// It may serve several providers. Its methods are safe for concurrent use.
type Exporter struct {
	w      io.Writer
	opts   []Option
	buffer spanbuf.Buffer
}

var _ sdktrace.SpanExporter = (*Exporter)(nil)

// WithMaxSpans sets how many spans an [Exporter] keeps. The default is 100,000. Later spans
// are counted, and their number is printed. Zero and less are ignored.
func WithMaxSpans(n int) Option {
	return optionFunc(func(c *config) {
		if n > 0 {
			c.maxSpans = n
		}
	})
}

// NewExporter returns an exporter that prints to w with the options of [Print]. It does not
// close w.
func NewExporter(w io.Writer, opts ...Option) *Exporter {
	return &Exporter{w: w, opts: opts, buffer: spanbuf.Buffer{Max: newConfig(opts).maxSpans}}
}

// ExportSpans keeps the spans.
func (e *Exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.buffer.Add(spans)
	return nil
}

// Shutdown prints the findings in all spans to the exporter's writer. Further calls do
// nothing.
func (e *Exporter) Shutdown(context.Context) error {
	if !e.buffer.Close() {
		return nil
	}
	return e.Print(e.w)
}

// Print prints the findings in the spans so far to w.
func (e *Exporter) Print(w io.Writer) error {
	spans, dropped := e.buffer.Spans()
	c, found := explainSpans(spans)
	if err := Print(w, c, found, e.opts...); err != nil {
		return err
	}
	if dropped == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(w, "\n%s came after the first %s and were not looked at.\n", text.Counted(dropped, "span"), text.Number(e.buffer.Max)); err != nil {
		return fmt.Errorf("explain: print: %w", err)
	}
	return nil
}

// Explain returns the chain of the spans so far, and the findings in it.
func (e *Exporter) Explain() (*chain.Chain, []Finding) {
	spans, _ := e.buffer.Spans()
	return explainSpans(spans)
}

func explainSpans(spans []sdktrace.ReadOnlySpan) (*chain.Chain, []Finding) {
	c := chain.New(chain.FromSpans(spans))
	return c, Explain(c)
}
