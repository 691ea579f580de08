package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// health is the state of the exporter.
type health int32

const (
	healthy health = iota
	slow           // each export takes a while
	failing        // each fails
	blocked        // each lasts until its context ends
)

var healths = []struct {
	health
	name string
}{{healthy, "healthy"}, {slow, "slow"}, {failing, "failing"}, {blocked, "blocked"}}

// exporter counts spans, and behaves according to its health.
type exporter struct {
	health   atomic.Int32
	exported atomic.Int64
	failed   atomic.Int64
}

var errRefused = errors.New("soak: the exporter refuses")

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := error(nil)
	switch health(e.health.Load()) {
	case slow:
		wait(ctx, 300*time.Millisecond)
	case failing:
		err = errRefused
	case blocked:
		<-ctx.Done()
		err = context.Cause(ctx)
	}
	if err != nil {
		e.failed.Add(int64(len(spans)))
		return err
	}
	e.exported.Add(int64(len(spans)))
	return nil
}

func (e *exporter) Shutdown(context.Context) error { return nil }

// wait returns after d, or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
