// Package meter collects this module's histograms at less cost than a synchronous
// instrument: some nanoseconds for each value in place of 150 to 180, and no allocation.
// Counters cost as little without it.
//
//	wakechain's code -> buckets of each connection -> Producer, at each collection -> Reader
//
// OpenTelemetry has observable counters, but no observable histograms. So the
// histograms [semconv.MetricBlockDuration] and [semconv.MetricMessageSize], which are
// recorded for every message, are made by a producer for the SDK. A program registers
// it in two places:
//
//	h := meter.New()
//	reader := sdkmetric.NewPeriodicReader(exporter,
//		sdkmetric.WithProducer(h.Producer(exporter.Temporality))) // collects them
//	otel.SetMeterProvider(h.MeterProvider( // has them recorded in h, and all else as before
//		sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
//
// Without this package, or with a MeterProvider that [Histograms.MeterProvider] did not
// make, the two are synchronous instruments with the same values. A value is never in
// both.
//
// # What it does not do
//
//   - Views do not apply to the two histograms, nor do the aggregation and the cardinality
//     limit of a reader. The histograms have the buckets that docs/telemetry.md lists, at
//     most 2,000 attribute sets, and no exponential buckets. A program that needs one of
//     these cannot use the package.
//   - A reader without the Producer does not have the histograms. Give each reader one.
//   - Each bucket has the latest exemplar from a sampled span.
//     OTEL_METRICS_EXEMPLAR_FILTER does not apply. Observable counters have no exemplars.
//
// A collection takes about a microsecond for each connection that is open or was closed
// since the last garbage collection. It may run at any time: a value that is recorded
// meanwhile is in this collection or in the next one, as a whole.
package meter
