// Soak keeps bare and traced connections busy side by side, while the exporter of the
// traced ones is healthy, slow, failing and blocked in turn. Each row of its table is
// one such phase: the latency of an echo on both sides, the fate of the spans, and the
// resources of the process.
//
//	go run -C examples ./soak -for 20m
//
// At the end nothing may be left. It exits with 1 if something is, or if a call failed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

func main() {
	long := flag.Duration("for", 20*time.Minute, "how long in all")
	every := flag.Duration("every", 30*time.Second, "how long the exporter stays as it is")
	clients := flag.Int("clients", 60, "connections at a time, of either side")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *long)
	defer cancel()
	if err := run(ctx, os.Stdout, *every, *clients); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// run soaks until ctx ends.
func run(ctx context.Context, out io.Writer, every time.Duration, clients int) error {
	var handled atomic.Int64
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) { handled.Add(1) }))
	before := runtime.NumGoroutine()
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	var e exporter
	tp := lean.NewTracerProvider(lean.WithMeterProvider(meters),
		lean.WithBatcher(&e, sdktrace.WithMaxQueueSize(20_000), sdktrace.WithExportTimeout(5*time.Second)))
	bare, traced := bareLoad(), tracedLoad(wsconn.WithTracerProvider(tp), wsconn.WithMeterProvider(meters))

	var loads sync.WaitGroup
	errs := make(chan error, 2)
	for _, l := range []*load{bare, traced} {
		loads.Go(func() { errs <- l.run(ctx, clients) })
	}
	fmt.Fprintf(out, "%8s %9s | %8s %9s %9s | %8s %9s %9s | %9s %9s %9s | %6s %5s %8s\n", "", "exporter",
		"bare", "p50", "p99", "traced", "p50", "p99", "exported", "dropped", "failed", "gorout", "fds", "heap MB")
	start := time.Now()
	for i := 0; ctx.Err() == nil; i++ {
		h := healths[i%len(healths)]
		e.health.Store(int32(h.health))
		wait(ctx, every)
		row(context.WithoutCancel(ctx), out, time.Since(start), h.name, bare, traced, &e, reader)
	}
	loads.Wait()
	e.health.Store(int32(healthy))
	shut, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := tp.Shutdown(shut); err != nil {
		return err
	}
	return left(out, before, bare, traced, handled.Load(), <-errs, <-errs)
}

// row prints a row about the phase since the last row.
func row(ctx context.Context, out io.Writer, at time.Duration, name string, bare, traced *load, e *exporter, reader *sdkmetric.ManualReader) {
	n1, half1, most1 := bare.since()
	n2, half2, most2 := traced.since()
	var m runtime.MemStats
	debug.FreeOSMemory()
	runtime.ReadMemStats(&m)
	fds, _ := os.ReadDir("/proc/self/fd")
	fmt.Fprintf(out, "%8v %9s | %8d %9v %9v | %8d %9v %9v | %9d %9d %9d | %6d %5d %8.1f\n", at.Round(time.Second), name,
		n1, half1.Round(time.Microsecond), most1.Round(time.Microsecond), n2, half2.Round(time.Microsecond), most2.Round(time.Microsecond),
		e.exported.Load(), droppedSpans(ctx, reader), e.failed.Load(), runtime.NumGoroutine(), len(fds), float64(m.HeapAlloc)/(1<<20))
}

// droppedSpans returns the number of spans that did not fit into the queue, from the
// metrics.
func droppedSpans(ctx context.Context, reader *sdkmetric.ManualReader) (n int64) {
	var all metricdata.ResourceMetrics
	_ = reader.Collect(ctx, &all)
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == semconv.MetricSpansDropped {
				for _, d := range sum.DataPoints {
					if typ, _ := d.Attributes.Value(semconv.ErrorTypeKey); typ.AsString() == semconv.ErrorQueueFull {
						n += d.Value
					}
				}
			}
		}
	}
	return n
}

// left returns an error that lists what is left, if anything is.
func left(out io.Writer, before int, bare, traced *load, handled int64, errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	for end := time.Now().Add(20 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	v := live.Snapshot()
	fmt.Fprintf(out, "\n%d connections and %d echoes bare, %d and %d traced; otel.Handle was called %d times\n",
		bare.connections.Load(), bare.echoes.Load(), traced.connections.Load(), traced.echoes.Load(), handled)
	fmt.Fprintf(out, "left: %d goroutines more than before, %d connections; failed: %d bare, %d traced\n",
		max(runtime.NumGoroutine()-before, 0), v.Counts.Connections, bare.faults.Load(), traced.faults.Load())
	if runtime.NumGoroutine() > before || v.Counts.Connections > 0 || traced.faults.Load() > bare.faults.Load() {
		return errors.New("soak: what is left, or failed, must not be")
	}
	return nil
}
