package lean

import (
	"os"
	"strconv"
	"strings"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// samplerFromEnv is the sampler that OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG
// name, or nil for the default. The SDK reads them, too, and reports what is wrong with
// them, but not what it made of them.
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
