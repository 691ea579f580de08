package meter_test

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace/meter"
	"github.com/wakechain/wakechain/wsconn"
)

// A program that exports all metrics every minute: the exporter is of OTLP or, as here,
// any other. Prometheus's is a reader itself: otelprometheus.New takes
// otelprometheus.WithProducer(h.Producer(nil)).
func Example() {
	var exporter sdkmetric.Exporter = discard{}

	h := meter.New()
	reader := sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithProducer(h.Producer(exporter.Temporality)))
	mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	otel.SetMeterProvider(h.MeterProvider(mp))
	defer func() { _ = mp.Shutdown(context.Background()) }() // exports what is left

	http.Handle("/echo", wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
		typ, msg, err := c.Read(ctx)
		if err != nil {
			return err
		}
		return c.Write(ctx, typ, msg)
	}))
	// Output:
}

// discard is an exporter that exports nothing.
type discard struct{}

func (discard) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (discard) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(k)
}

func (discard) Export(context.Context, *metricdata.ResourceMetrics) error { return nil }
func (discard) ForceFlush(context.Context) error                          { return nil }
func (discard) Shutdown(context.Context) error                            { return nil }
