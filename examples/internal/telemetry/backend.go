package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewBackend returns a processor that sends spans by e, which may be unreachable for a
// while: spans wait in a queue of the given size. Spans are lost if the queue is full,
// or if they could not be sent before the context of Shutdown ended. Shutdown's error
// has their number. By contrast, the SDK's batch processor drops spans silently, and
// the OTLP exporter for HTTP gives a batch up as soon as a connection is refused.
func NewBackend(e sdktrace.SpanExporter, queue int) sdktrace.SpanProcessor {
	p := &patient{SpanExporter: e}
	p.ctx, p.giveUp = context.WithCancel(context.Background())
	return &backend{
		SpanProcessor: sdktrace.NewBatchSpanProcessor(p,
			sdktrace.WithMaxQueueSize(queue), sdktrace.WithBatchTimeout(batchFor), sdktrace.WithExportTimeout(0)),
		patient: p,
	}
}

// backend counts the spans that enter the queue.
type backend struct {
	sdktrace.SpanProcessor
	patient *patient
	ended   atomic.Int64
}

func (b *backend) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		b.ended.Add(1)
	}
	b.SpanProcessor.OnEnd(s)
}

func (b *backend) Shutdown(ctx context.Context) error {
	ended := b.ended.Load()
	defer context.AfterFunc(ctx, b.patient.giveUp)()
	// Not with ctx: its end would end the exports.
	err := b.SpanProcessor.Shutdown(context.WithoutCancel(ctx))
	b.patient.giveUp()
	lost := ended - b.patient.sent.Load()
	if lost <= 0 {
		return err
	}
	why := errors.New("the queue was full")
	if b.patient.why != nil {
		why = b.patient.why
	}
	return errors.Join(err, fmt.Errorf("%d of %d spans were not sent: %w", lost, ended, why))
}

// patient is an exporter that tries again as long as the backend is unreachable.
type patient struct {
	sdktrace.SpanExporter
	ctx    context.Context // ends when it is time to give up
	giveUp context.CancelFunc
	sent   atomic.Int64
	why    error // of the first lost batch; the batch processor exports one at a time
}

func (p *patient) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)() //nolint:contextcheck // either ends the export
	var why error
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := p.SpanExporter.ExportSpans(ctx, spans)
		if err == nil {
			p.sent.Add(int64(len(spans)))
			return nil
		}
		if ctx.Err() == nil || why == nil { // else the export was asked to end
			why = err
		}
		if !unreachable(err) && ctx.Err() == nil {
			p.lose(why)
			return err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			p.lose(why)
			return nil // Shutdown reports it
		}
	}
}

func (p *patient) lose(why error) {
	if p.why == nil {
		p.why = why
	}
}

// unreachable reports whether err is an error of the connection. It is not a response,
// which would be the same again.
func unreachable(err error) bool {
	var n net.Error // of HTTP
	if errors.As(err, &n) {
		return true
	}
	code := status.Code(err) // of gRPC
	return code == codes.Unavailable || code == codes.DeadlineExceeded
}
