package lean

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// losses counts the spans that were made and are not exported: those that did not fit in
// the queue of a batch processor, and those of batches that an exporter of [WithBatcher]
// failed to export.
type losses struct {
	failed []*atomic.Int64                  // of each exporter
	queues atomic.Pointer[[]*atomic.Uint32] // the SDK's own counters, of each batch processor
	seen   atomic.Int64                     // spans, at the last report
	due    atomic.Int64                     // when check may report again, in Unix nanoseconds

	mu           sync.Mutex
	reported     int64
	registration metric.Registration
}

// reportEvery is the least time between two reports.
const reportEvery = time.Minute

// measure observes the counts by a metric of mp.
func (d *losses) measure(mp metric.MeterProvider) {
	m := mp.Meter(trace.ScopeName, metric.WithInstrumentationVersion(trace.Version))
	counter, err := m.Int64ObservableCounter(semconv.MetricSpansDropped, metric.WithUnit("{span}"),
		metric.WithDescription("Spans that were made and are not exported."))
	if err != nil {
		otel.Handle(err)
		return
	}
	full := metric.WithAttributes(semconv.ErrorTypeKey.String(semconv.ErrorQueueFull))
	failed := metric.WithAttributes(semconv.ErrorTypeKey.String(semconv.ErrorExportFailed))
	d.registration, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(counter, d.full(), full)
		o.ObserveInt64(counter, sum(d.failed), failed)
		return nil
	}, counter)
	if err != nil {
		otel.Handle(err)
	}
}

// watch adds the queue of a processor, if it has one.
func (d *losses) watch(sp sdktrace.SpanProcessor) {
	q := refused(sp)
	if q == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*atomic.Uint32
	if old := d.queues.Load(); old != nil {
		for _, other := range *old {
			if other == q {
				return
			}
			all = append(all, other)
		}
	}
	all = append(all, q)
	d.queues.Store(&all)
}

// full returns how many spans did not fit in a queue.
func (d *losses) full() (n int64) {
	if all := d.queues.Load(); all != nil {
		for _, q := range *all {
			n += int64(q.Load())
		}
	}
	return n
}

func sum(all []*atomic.Int64) (n int64) {
	for _, x := range all {
		n += x.Load()
	}
	return n
}

// check reports to otel.Handle if a queue has refused spans since the last report, at most
// once a minute. It is called without a lock held: the handler may be the program's.
func (d *losses) check() {
	n := d.full()
	if n == d.seen.Load() {
		return
	}
	now, due := time.Now().UnixNano(), d.due.Load()
	if now < due || !d.due.CompareAndSwap(due, now+int64(reportEvery)) {
		return
	}
	d.report(n)
}

func (d *losses) report(n int64) {
	d.mu.Lock()
	more := n - d.reported
	d.reported = max(d.reported, n)
	d.mu.Unlock()
	d.seen.Store(n)
	if more > 0 {
		otel.Handle(fmt.Errorf("lean: %d spans were dropped because the queue of the batch processor was full, %d in all: "+
			"export faster, make fewer, or raise sdktrace.WithMaxQueueSize", more, n))
	}
}

// end reports what has not been reported.
func (d *losses) end() {
	d.report(d.full())
	if d.registration != nil {
		_ = d.registration.Unregister()
	}
}

// counted is an exporter that counts the spans that it failed to export.
type counted struct {
	sdktrace.SpanExporter
	failed *atomic.Int64
}

func (e *counted) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		e.failed.Add(int64(len(spans)))
	}
	return err
}

// MarshalLog returns what the SDK logs of the exporter.
func (e *counted) MarshalLog() any {
	if m, ok := e.SpanExporter.(interface{ MarshalLog() any }); ok {
		return m.MarshalLog()
	}
	return e.SpanExporter
}
