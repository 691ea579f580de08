package emitted_test

import (
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace/meter"
)

// waysToMeasure are the ways in which the histograms of a MeterProvider are measured.
var waysToMeasure = []string{"synchronous", "produced"}

// newMeters returns a MeterProvider that measures in this way, with a reader of cumulative
// and one of delta temporality.
func newMeters(way string) (mp metric.MeterProvider, cumulative, delta *sdkmetric.ManualReader) {
	var opts [2][]sdkmetric.ManualReaderOption
	h := meter.New()
	if way == "produced" {
		opts[0] = append(opts[0], sdkmetric.WithProducer(h.Producer(nil)))
		opts[1] = append(opts[1], sdkmetric.WithProducer(h.Producer(sdkmetric.DeltaTemporalitySelector)))
	}
	opts[1] = append(opts[1], sdkmetric.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector))
	cumulative, delta = sdkmetric.NewManualReader(opts[0]...), sdkmetric.NewManualReader(opts[1]...)
	mp = sdkmetric.NewMeterProvider(sdkmetric.WithReader(cumulative), sdkmetric.WithReader(delta), sdkmetric.WithResource(resource.Empty()))
	if way == "produced" {
		mp = h.MeterProvider(mp)
	}
	return mp, cumulative, delta
}
