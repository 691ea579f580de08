package lean

import (
	"reflect"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// What this file looks at the SDK does not export. A later SDK may have none of it,
// and then nothing breaks: lean spans cost more. The tests beside it fail then.

// The SDK's processors, whose types are not exported.
const (
	batchProcessor  = "batchSpanProcessor"
	simpleProcessor = "simpleSpanProcessor"
)

// quiet reports whether a processor's OnStart does nothing.
func quiet(sp sdktrace.SpanProcessor) bool {
	t := typeInSDK(sp)
	return t == batchProcessor || t == simpleProcessor
}

// typeInSDK is the name of a processor's type, "" for those of others.
func typeInSDK(sp sdktrace.SpanProcessor) string {
	t := reflect.TypeOf(sp)
	if t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/sdk/trace" {
		return t.Elem().Name()
	}
	return ""
}

// gathers reports whether a burst makes no difference to a processor: a batch
// processor of the SDK that never blocks and takes its time, with room for many.
func gathers(sp sdktrace.SpanProcessor) bool {
	m, ok := sp.(interface{ MarshalLog() any })
	if !ok || typeInSDK(sp) != batchProcessor {
		return false
	}
	// There is no other way to its options.
	log, ok := m.MarshalLog().(struct {
		Type, SpanExporter string
		Config             sdktrace.BatchSpanProcessorOptions
	})
	c := &log.Config
	return ok && !c.BlockOnQueueFull && c.BatchTimeout >= burstDelay &&
		c.MaxQueueSize >= 8*burstSize && c.MaxExportBatchSize >= burstSize
}

// refused returns the counter of the spans that the queue of a batch processor of the
// SDK had no room for, nil of any other processor.
func refused(sp sdktrace.SpanProcessor) *atomic.Uint32 {
	if typeInSDK(sp) != batchProcessor {
		return nil
	}
	counter := reflect.ValueOf(sp).Elem().FieldByName("dropped")
	if !counter.IsValid() || counter.Type() != reflect.TypeFor[atomic.Uint32]() {
		return nil
	}
	return (*atomic.Uint32)(counter.Addr().UnsafePointer())
}

// follows reports whether a sampler always samples the child of a span of this
// process that is sampled, and does nothing else: the default does, AlwaysSample and,
// whatever decides of a root, ParentBased.
func follows(s sdktrace.Sampler) bool {
	if s == nil {
		return true
	}
	always, v := reflect.TypeOf(sdktrace.AlwaysSample()), reflect.ValueOf(s)
	if v.Type() == reflect.TypeOf(sdktrace.ParentBased(sdktrace.AlwaysSample())) {
		// There is no other way to it. A later SDK may have none at all.
		if v = v.FieldByName("config"); v.Kind() != reflect.Struct {
			return false
		}
		if v = v.FieldByName("localParentSampled"); v.Kind() != reflect.Interface {
			return false
		}
		v = v.Elem()
	}
	return v.IsValid() && v.Type() == always
}
