package lean

import (
	"os"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
)

// StallSampler returns a sampler that samples all spans of the stalls of unsampled
// connections, and decides about other spans like base:
//
//	lean.WithSampler(lean.StallSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(0.01))))
//
// With a ratio alone most stalls would be lost, since each is a trace of its own. It is for
// the provider of wsconn.WithStalls. The SDK's provider takes it, too, by
// sdktrace.WithSampler. It recognises a stall by the context that its spans are started
// with. The program never has that context, so the decision is in no traceparent that the
// program sends. A nil base is the SDK's default. It is safe for concurrent use if base is.
func StallSampler(base sdktrace.Sampler) sdktrace.Sampler {
	if base == nil {
		base = samplerFromEnv()
	}
	if base == nil {
		base = sdktrace.ParentBased(sdktrace.AlwaysSample())
	}
	return stallSampler{base}
}

type stallSampler struct{ base sdktrace.Sampler }

func (s stallSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if !core.IsStall(p.ParentContext) {
		return s.base.ShouldSample(p)
	}
	return sdktrace.SamplingResult{
		Decision:   sdktrace.RecordAndSample,
		Tracestate: oteltrace.SpanContextFromContext(p.ParentContext).TraceState(),
	}
}

func (s stallSampler) Description() string { return "StallSampler{" + s.base.Description() + "}" }

// samplerFromEnv returns the sampler of OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG; nil:
// the default. The SDK reads them, too, and reports their errors, but does not reveal the
// sampler.
func samplerFromEnv() sdktrace.Sampler {
	env := func(key string) string { return strings.TrimSpace(os.Getenv(key)) }
	ratio := 1.0
	if arg, err := strconv.ParseFloat(env("OTEL_TRACES_SAMPLER_ARG"), 64); err == nil && arg >= 0 && arg <= 1 {
		ratio = arg
	}
	switch strings.ToLower(env("OTEL_TRACES_SAMPLER")) {
	case "always_on":
		return sdktrace.AlwaysSample()
	case "always_off":
		return sdktrace.NeverSample()
	case "traceidratio":
		return sdktrace.TraceIDRatioBased(ratio)
	case "parentbased_always_off":
		return sdktrace.ParentBased(sdktrace.NeverSample())
	case "parentbased_traceidratio":
		return sdktrace.ParentBased(sdktrace.TraceIDRatioBased(ratio))
	default: // and parentbased_always_on, which is the same
		return nil
	}
}
