// Package telemetry is what the examples share: a tracer for each service, whose
// spans stay in memory to be printed, and go to a file or to a backend if the
// user says so.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
)

const (
	// queueSize of a batch processor: the default of 2,048 drops spans, silently,
	// when a flood of messages is traced.
	queueSize = 1 << 16

	// flushFor is how long the end of a program waits for a backend, at the most.
	flushFor = 5 * time.Second
)

// Tracers makes a tracer, with a provider of its own, for each service of a
// program.
type Tracers struct {
	Memory    Memory
	file      *os.File // nil: none
	writer    LockedWriter
	providers []*sdktrace.TracerProvider
}

// New returns Tracers that keep the first limit spans in memory, and write all
// of them to the file, as OTLP/JSON, unless its name is empty.
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

// Tracer returns the tracer of a new provider for service. None of its spans is
// dropped on the way to memory and file. They also go to the OTLP endpoint that
// the environment names (OTEL_EXPORTER_OTLP_ENDPOINT, with OpenTelemetry's other
// variables); without one, nothing is sent anywhere.
func (t *Tracers) Tracer(ctx context.Context, service string) (*trace.Tracer, error) {
	// The host lets Jaeger trust the clocks of two services on one machine.
	res, err := resource.New(ctx,
		resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(service)))
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", service, err)
	}
	queue := sdktrace.WithMaxQueueSize(queueSize)
	opts := []sdktrace.TracerProviderOption{
		sdktrace.WithResource(res),
		sdktrace.WithBatcher(&t.Memory, queue, sdktrace.WithBlocking()),
	}
	if t.file != nil {
		e, err := NewFile(ctx, &t.writer)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sdktrace.WithBatcher(e, queue, sdktrace.WithBlocking()))
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" {
		e, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("OTLP exporter: %w", err)
		}
		opts = append(opts, sdktrace.WithBatcher(e, queue))
	}
	p := sdktrace.NewTracerProvider(opts...)
	t.providers = append(t.providers, p)
	return trace.New(trace.WithTracerProvider(p)), nil
}

// Shutdown flushes what the providers have, for a few seconds even if ctx has
// ended. Its faults are the telemetry's own, and go to otel.Handle.
func (t *Tracers) Shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushFor)
	defer cancel()
	var errs []error
	for _, p := range t.providers {
		errs = append(errs, p.Shutdown(ctx))
	}
	if t.file != nil {
		errs = append(errs, t.file.Close())
	}
	if err := errors.Join(errs...); err != nil {
		otel.Handle(err)
	}
}
