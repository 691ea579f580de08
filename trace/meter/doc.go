// Package meter collects the histograms of this module for less than a synchronous
// instrument costs: in place of 150 to 180 ns for each value, some nanoseconds, and no
// lock and no allocation. Counters cost as little without it.
//
//	wakechain's code -> atomics of each connection -> Producer, at each collection -> Reader
//
// OpenTelemetry has counters that are observed when they are collected, and no such
// histograms. So the histograms [semconv.MetricBlockDuration] and
// [semconv.MetricMessageSize], which are recorded for every message, are made by a producer
// of the SDK's. A program wires it in two places:
//
//	h := meter.New()
//	reader := sdkmetric.NewPeriodicReader(exporter,
//		sdkmetric.WithProducer(h.Producer(exporter.Temporality))) // collects them
//	otel.SetMeterProvider(h.MeterProvider( // has them measured for h, and all else as before
//		sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))))
//
// Without this package, or with a MeterProvider that is not made by
// [Histograms.MeterProvider], the two are synchronous instruments with the same values, and
// the program need not do anything. A value is never in both.
//
// # What it does not do
//
//   - Views do not apply to the two histograms, nor do the aggregation and the cardinality
//     limit of a reader: they have the buckets that docs/telemetry.md lists, no more than
//     2,000 attribute sets, and no exponential buckets. Where a program needs one of these, it
//     does without the package.
//   - A reader without the Producer has no such histograms. Give one to each reader.
//   - Exemplars are of values below a span that is sampled, the latest for each bucket.
//     OTEL_METRICS_EXEMPLAR_FILTER does not apply to them. Observed counters have none.
//
// A collection takes about a microsecond for each connection that is open or was closed
// since the last garbage collection. It may run at any time: what is measured meanwhile may be
// in a bucket already, and in the sum only of the next collection.
package meter
