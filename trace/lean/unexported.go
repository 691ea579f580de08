package lean

import (
	"reflect"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// This file reads what the SDK does not export. A later SDK may not have it. Then the tests
// of this file fail, and nothing breaks: lean spans cost more.

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

// typeInSDK returns the name of a processor's type; "": it is not the SDK's.
func typeInSDK(sp sdktrace.SpanProcessor) string {
	t := reflect.TypeOf(sp)
	if t.Kind() == reflect.Pointer && t.Elem().PkgPath() == "go.opentelemetry.io/otel/sdk/trace" {
		return t.Elem().Name()
	}
	return ""
}

// gathers reports whether bursts make no difference to a processor: it is a batch processor
// of the SDK that never blocks, exports rarely, and has a large queue.
func gathers(sp sdktrace.SpanProcessor) bool {
	m, ok := sp.(interface{ MarshalLog() any })
	if !ok || typeInSDK(sp) != batchProcessor {
		return false
	}
	// The SDK has no other access to the options.
	log, ok := m.MarshalLog().(struct {
		Type, SpanExporter string
		Config             sdktrace.BatchSpanProcessorOptions
	})
	c := &log.Config
	return ok && !c.BlockOnQueueFull && c.BatchTimeout >= burstDelay &&
		c.MaxQueueSize >= 8*burstSize && c.MaxExportBatchSize >= burstSize
}

// refused returns the counter of the spans that did not fit in the queue of a batch
// processor of the SDK; nil for any other processor.
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

// follows reports whether a sampler samples every child of a sampled span of this process,
// and does nothing else: the default, AlwaysSample, and ParentBased with any sampler of
// roots.
func follows(s sdktrace.Sampler) bool {
	if s == nil {
		return true
	}
	always, v := reflect.TypeOf(sdktrace.AlwaysSample()), reflect.ValueOf(s)
	if v.Type() == reflect.TypeOf(sdktrace.ParentBased(sdktrace.AlwaysSample())) {
		// The SDK has no other access to it.
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
