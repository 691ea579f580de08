// Package telemetry is what the examples share: a tracer provider per service,
// whose spans stay in memory to be printed, and go to a file or to a backend if
// the user says so.
package telemetry

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// queueSize of a backend's batch processor: the default of 2,048 drops spans,
// silently, when a flood of messages is traced.
const queueSize = 1 << 16

// NewProvider returns a provider for service. Its spans go to the exporters,
// none dropped, and also to the OTLP endpoint that the environment names
// (OTEL_EXPORTER_OTLP_ENDPOINT, with OpenTelemetry's other variables); without
// one, nothing is sent anywhere. Its Shutdown flushes them.
func NewProvider(ctx context.Context, service string, exporters ...sdktrace.SpanExporter) (*sdktrace.TracerProvider, error) {
	// The host lets Jaeger trust the clocks of two services on one machine.
	res, err := resource.New(ctx,
		resource.WithHost(), resource.WithProcessPID(), resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName(service)))
	if err != nil {
		return nil, fmt.Errorf("describe %s: %w", service, err)
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(res)}
	for _, e := range exporters {
		opts = append(opts, sdktrace.WithBatcher(e, sdktrace.WithMaxQueueSize(queueSize), sdktrace.WithBlocking()))
	}
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "" {
		e, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return nil, fmt.Errorf("OTLP exporter: %w", err)
		}
		opts = append(opts, sdktrace.WithBatcher(e, sdktrace.WithMaxQueueSize(queueSize)))
	}
	return sdktrace.NewTracerProvider(opts...), nil
}
