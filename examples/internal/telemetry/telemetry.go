// Package telemetry is the examples' telemetry: a tracer for each service, whose spans
// are kept in memory to be printed, and sent to a file or a backend on request.
package telemetry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/lean/otlp"
)

const (
	// queueSize is for a batch processor. The default of 2,048 silently drops spans
	// when a flood of messages is traced.
	queueSize = 1 << 16

	// batchFor is how long a span waits for others before they are sent; a killed
	// process loses these. The default is 5 seconds.
	batchFor = time.Second

	// flushFor limits how long the end of a program waits for a backend.
	flushFor = 5 * time.Second
)

// Tracers makes a tracer, with a provider of its own, for each service of a
// program.
type Tracers struct {
	Memory    Memory
	file      *os.File // nil: none
	writer    LockedWriter
	providers []provider
}

// provider is the SDK's or package lean's.
type provider interface {
	oteltrace.TracerProvider
	Shutdown(context.Context) error
}

// New returns Tracers that keep up to limit spans in memory (see [Memory]), and write
// all of them to the file, as OTLP/JSON, unless its name is empty.
func New(limit int, file string) (t *Tracers, err error) {
	t = &Tracers{Memory: Memory{Limit: limit}}
	if file != "" {
		if t.file, err = os.Create(file); err != nil {
			return nil, err
		}
		t.writer.W = t.file
	}
	return t, nil
}

// Tracer returns the tracer of a new provider for service. None of its spans is dropped
// on the way to memory and file. They are also sent to the OTLP endpoint of the
// environment (OTEL_EXPORTER_OTLP_ENDPOINT, with OpenTelemetry's other variables), if
// there is one; see [NewBackend]. With OTEL_TRACES_EXPORTER=wakechain the provider is
// package lean's, and the exporter package otlp's below it.
func (t *Tracers) Tracer(ctx context.Context, service string) (*trace.Tracer, error) {
	// The host lets Jaeger trust the clocks of two services on one machine. The service
	// is set twice: Jaeger's page does not pass the attribute service.name to links, where
	// a search needs it.
	res, err := resource.New(ctx,
		resource.WithFromEnv(), resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(service), attribute.String("service", service)), resource.WithAttributes(HostAddress()...))
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", service, err)
	}
	queue := sdktrace.WithMaxQueueSize(queueSize)
	processors := []sdktrace.SpanProcessor{sdktrace.NewBatchSpanProcessor(&t.Memory, queue, sdktrace.WithBlocking())}
	if t.file != nil {
		e, err := NewFile(ctx, &t.writer)
		if err != nil {
			return nil, err
		}
		processors = append(processors, sdktrace.NewBatchSpanProcessor(e, queue, sdktrace.WithBlocking()))
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" {
		e, err := newExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("OTLP exporter: %w", err)
		}
		processors = append(processors, NewBackend(e, queueSize))
	}
	p := newProvider(res, processors)
	t.providers = append(t.providers, p)
	return trace.New(trace.WithTracerProvider(p)), nil
}

// own is the value of OTEL_TRACES_EXPORTER for this module's provider and exporter.
const own = "wakechain"

func newProvider(res *resource.Resource, processors []sdktrace.SpanProcessor) provider {
	if os.Getenv("OTEL_TRACES_EXPORTER") == own {
		opts := []lean.Option{lean.WithResource(res)}
		for _, sp := range processors {
			opts = append(opts, lean.WithSpanProcessor(sp))
		}
		return lean.NewTracerProvider(opts...)
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
	for _, sp := range processors {
		opts = append(opts, sdktrace.WithSpanProcessor(sp))
	}
	return sdktrace.NewTracerProvider(opts...)
}

// newExporter returns the environment's exporter. For gRPC it is autoexport's, except that
// it tries an unreachable backend again within a second. By default gRPC waits up to two
// minutes after refused connections, and the exporter above it for 5 seconds and more.
func newExporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	name := cmp.Or(os.Getenv("OTEL_TRACES_EXPORTER"), "otlp")
	if name == own {
		return otlp.NewExporter(ctx, otlp.WithRetry(otlp.RetryConfig{})) // NewBackend tries again
	}
	protocol := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"))
	if name != "otlp" || protocol != "grpc" {
		return autoexport.NewSpanExporter(ctx)
	}
	again := backoff.DefaultConfig
	again.BaseDelay, again.MaxDelay = 100*time.Millisecond, time.Second
	return otlptracegrpc.New(ctx, otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{}), otlptracegrpc.WithDialOption(
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: again, MinConnectTimeout: flushFor})))
}

// HostAddress returns the host's address for a resource, as the attribute ip. Jaeger's
// page identifies a host by it, as Jaeger's storage does by host.name. Without it the page
// warns about clocks if a child ends after its parent. HostAddress returns nil if the host
// has only loopback addresses.
func HostAddress() []attribute.KeyValue {
	addrs, _ := net.InterfaceAddrs()
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return []attribute.KeyValue{attribute.String("ip", n.IP.String())}
		}
	}
	return nil
}

// Shutdown flushes the providers, for a few seconds even if ctx has ended. Its errors
// go to otel.Handle as one.
func (t *Tracers) Shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushFor)
	defer cancel()
	// Concurrently: an unreachable backend takes all the time, and memory and file
	// need some, too.
	errs := make([]error, len(t.providers)+1)
	var all sync.WaitGroup
	for i, p := range t.providers {
		all.Go(func() { errs[i] = p.Shutdown(ctx) })
	}
	all.Wait()
	if t.file != nil {
		errs[len(t.providers)] = t.file.Close()
	}
	if err := errors.Join(errs...); err != nil {
		otel.Handle(err)
	}
}
