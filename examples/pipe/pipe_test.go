//go:build unix

package pipe_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/examples/pipe"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// blocked waits until the task is parked in its operation.
func blocked(t *testing.T, task *trace.Task) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); task.State() != semconv.StateBlocked; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("it does not block")
		}
	}
}

// A reader waits for the writer, a writer for the reader, and each wake links to the
// other one.
func TestPipe(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context())
	p, err := pipe.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.CloseRead(), p.CloseWrite() })

	reader := trace.Go(ctx, "reader", func(ctx context.Context) error {
		_, err := p.Read(ctx, make([]byte, 8))
		return err
	})
	blocked(t, reader)
	if n, err := p.Write(ctx, []byte("hello")); n != 5 || err != nil {
		t.Errorf("write: got %d, %v", n, err)
	}
	<-reader.Done()

	big := make([]byte, 1<<20)
	writer := trace.Go(ctx, "writer", func(ctx context.Context) error {
		_, err := p.Write(ctx, big)
		return err
	})
	blocked(t, writer)
	for left := len(big); left > 0; {
		n, err := p.Read(ctx, make([]byte, 1<<20))
		if err != nil {
			t.Fatal(err)
		}
		left -= n
	}
	<-writer.Done()
	_ = p.CloseWrite()
	if n, err := p.Read(ctx, make([]byte, 8)); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: got %d, %v, want io.EOF", n, err)
	}

	seen := map[attribute.KeyValue]bool{}
	for _, b := range rec.Chain().Named(semconv.SpanBlock) {
		tracetest.AssertTiled(t, b.Parent)
		seen[semconv.BlockReasonKey.String(b.Str(semconv.BlockReasonKey))] = true
	}
	for _, w := range rec.Chain().Named(semconv.SpanWake) {
		if len(w.Links) != 1 {
			t.Errorf("a wake of %s has %d links, want one to the other end's call", w.Parent.Name, len(w.Links))
		}
	}
	for _, r := range []semconv.Reason{pipe.ReasonRead, pipe.ReasonWrite} {
		if !seen[semconv.BlockReasonKey.String(string(r))] {
			t.Errorf("no block of %s", r)
		}
	}
}
