package tracetest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// With it, "go test -update" rewrites the texts of AssertTree in this package.
var _ = tracetest.UpdateFlag()

// printer stands for the t of your test, and prints its failures.
type printer struct{ testing.TB }

func (printer) Helper()                           {}
func (printer) Cleanup(func())                    {}
func (printer) Errorf(format string, args ...any) { fmt.Printf(format+"\n", args...) }

// checkout is any code that uses OpenTelemetry.
func checkout(tp oteltrace.TracerProvider) {
	tr := tp.Tracer("shop")
	ctx, order := tr.Start(context.Background(), "POST /orders", oteltrace.WithSpanKind(oteltrace.SpanKindServer))
	defer order.End()
	for i := range 3 {
		_, query := tr.Start(ctx, "query", oteltrace.WithAttributes(attribute.String("db.system.name", "sqlite"), attribute.Int("row", i)))
		query.End()
	}
	_, pay := tr.Start(ctx, "pay")
	pay.SetStatus(codes.Error, errors.New("card declined").Error())
	pay.End()
}

func Example() {
	t := printer{}
	rec := tracetest.NewRecorder(t)
	checkout(rec.TracerProvider())

	tracetest.AssertTree(t, rec.Chain(), `
		POST /orders {kind=server}
			query ×3 {db.system.name=sqlite}
			pay <1m
	`)
	tracetest.AssertOrder(t, rec.Chain(), "query", "pay {status=error}")
	tracetest.AssertBefore(t, rec.Chain(), "query {row=0}", "pay")
	tracetest.AssertNone(t, rec.Chain(), "refund")
	// Output:
}

func ExampleAssertTree() {
	t := printer{}
	rec := tracetest.NewRecorder(t)
	checkout(rec.TracerProvider())

	tracetest.AssertTree(t, rec.Chain(), `
		POST /orders
			query ×2 {db.system.name=sqlite}
			pay {status=unset}
			ship
	`)
	// Output:
	// tracetest: the spans differ (- wanted, + recorded; go test -update to accept them)
	// 	  POST /orders
	// 	-   query ×2 {db.system.name=sqlite}
	// 	+   query ×3 {db.system.name=sqlite}
	// 	-   pay {status=unset}
	// 	+   pay {status=error}
	// 	-   ship
}

func ExampleAssertBlocked() {
	t := printer{}
	rec := tracetest.NewRecorder(t)
	ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(context.Background())
	_ = trace.Handle(ctx, "nap", func(ctx context.Context) error { return trace.Sleep(ctx, time.Millisecond) })

	sleep := tracetest.One(t, rec.Chain(), "sleep")
	tracetest.AssertTiled(t, sleep)
	tracetest.AssertBlocked(t, sleep, semconv.ReasonSleep, "", 1, time.Millisecond)
	// Output:
}

func ExampleRecorder_Wait() {
	rec := tracetest.NewRecorder(printer{})
	go checkout(rec.TracerProvider())

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := rec.Wait(ctx, tracetest.All(tracetest.Name("pay"), tracetest.Status(codes.Error)))
	fmt.Println(err)
	fmt.Println(len(rec.Chain().Named("query")), "queries before")
	// Output:
	// <nil>
	// 3 queries before
}
