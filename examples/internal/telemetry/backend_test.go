package telemetry_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"go.opentelemetry.io/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
)

// exporter is a backend as export makes it.
type exporter struct {
	export func(ctx context.Context) error
	taken  atomic.Int64
}

func (e *exporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := e.export(ctx)
	if err == nil {
		e.taken.Add(int64(len(spans)))
	}
	return err
}

func (e *exporter) Shutdown(context.Context) error { return nil }

var refused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// flood ends 1,000 spans, lets some time pass, and shuts down within 5 seconds.
func flood(t *testing.T, e *exporter, queue int, pass time.Duration) error {
	t.Helper()
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(telemetry.NewBackend(e, queue)))
	tracer := p.Tracer("test")
	for range 1000 {
		_, span := tracer.Start(t.Context(), "x")
		span.End()
	}
	time.Sleep(pass)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	start := time.Now()
	err := p.Shutdown(ctx)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("Shutdown took %v, want 5s at the most", took)
	}
	return err
}

const some = -1 // how many the queue takes is up to the scheduler

func TestBackend(t *testing.T) {
	for _, tt := range []struct {
		name   string
		export func(start time.Time) func(context.Context) error
		queue  int
		pass   time.Duration
		taken  int64
		want   string // in Shutdown's error
		told   string // to otel.Handle
	}{
		{name: "there", queue: 2048, pass: time.Minute, taken: 1000, export: func(time.Time) func(context.Context) error {
			return func(context.Context) error { return nil }
		}},
		{name: "away for a while", queue: 2048, pass: 2 * time.Hour, taken: 1000, export: func(start time.Time) func(context.Context) error {
			return func(context.Context) error {
				if time.Since(start) < time.Hour {
					return refused
				}
				return nil
			}
		}},
		{name: "back while it ends", queue: 2048, pass: time.Second, taken: 1000, export: func(start time.Time) func(context.Context) error {
			return func(context.Context) error {
				if time.Since(start) < 3*time.Second {
					return status.Error(codes.Unavailable, "no connection")
				}
				return nil
			}
		}},
		{name: "never there", queue: 2048, pass: time.Minute, want: "1000 of 1000 spans were not sent: dial tcp: connection refused", export: func(time.Time) func(context.Context) error {
			return func(context.Context) error { return refused }
		}},
		{name: "silent", queue: 2048, pass: time.Minute, want: "1000 of 1000 spans were not sent: context canceled", export: func(time.Time) func(context.Context) error {
			return func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			}
		}},
		{name: "full", queue: 100, pass: time.Minute, taken: some, want: "of 1000 spans were not sent: the queue was full", export: func(start time.Time) func(context.Context) error {
			return func(context.Context) error {
				time.Sleep(time.Until(start.Add(time.Second))) // until all have ended
				return nil
			}
		}},
		{name: "refuses them", queue: 2048, pass: time.Minute, want: "1000 of 1000 spans were not sent: bad request", told: "bad request", export: func(time.Time) func(context.Context) error {
			return func(context.Context) error { return errors.New("bad request") }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told atomic.Value
				otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told.Store(err.Error()) }))
				e := &exporter{export: tt.export(time.Now())}
				err := flood(t, e, tt.queue, tt.pass)
				taken := e.taken.Load()
				if taken != tt.taken && (tt.taken != some || taken == 0 || taken == 1000) {
					t.Errorf("%d spans taken, want %d", taken, tt.taken)
				}
				if lost := fmt.Sprintf("%d of 1000 spans", 1000-taken); err != nil && !strings.Contains(err.Error(), lost) {
					t.Errorf("Shutdown: %v, want %q", err, lost)
				}
				if tt.want == "" && err != nil {
					t.Errorf("Shutdown: %v", err)
				}
				if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
					t.Errorf("Shutdown: %v, want %q", err, tt.want)
				}
				if got, _ := told.Load().(string); got != tt.told {
					t.Errorf("told %q, want %q", got, tt.told)
				}
			})
		})
	}
}
