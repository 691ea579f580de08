package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
)

// tracers makes a tracer, with a provider of its own, for each service. Its
// spans go to the file and the backend that the user names, and to memory in a
// demonstration.
type tracers struct {
	memory    *telemetry.Memory
	file      *os.File // nil: none
	providers []*sdktrace.TracerProvider
}

func (c *config) newTracers() (t *tracers, err error) {
	t = &tracers{memory: new(telemetry.Memory)}
	if c.demo {
		t.memory.Limit = 100_000
	}
	if c.spans != "" {
		t.file, err = os.Create(c.spans)
	}
	return t, err
}

func (t *tracers) tracer(ctx context.Context, service string) (*trace.Tracer, error) {
	exporters := []sdktrace.SpanExporter{t.memory}
	if t.file != nil {
		e, err := telemetry.NewFile(ctx, t.file)
		if err != nil {
			return nil, err
		}
		exporters = append(exporters, e)
	}
	p, err := telemetry.NewProvider(ctx, service, exporters...)
	if err != nil {
		return nil, err
	}
	t.providers = append(t.providers, p)
	return trace.New(trace.WithTracerProvider(p)), nil
}

// shutdown flushes what the providers have. Faults are the telemetry's own.
func (t *tracers) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
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

// lockedWriter lets goroutines print.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
