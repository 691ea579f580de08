// Package otlp is a span exporter for OTLP over HTTP. It works with the SDK's span
// processors, and replaces OpenTelemetry's
// go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp by changing one line.
//
//	exporter, err := otlp.NewExporter(ctx) // was: otlptracehttp.New(ctx)
//	if err != nil {
//		return err
//	}
//	tp := lean.NewTracerProvider(lean.WithBatcher(exporter))
//
// It encodes protobuf itself, with no allocation per span. It reads spans of package
// lean directly, and any others through their methods. A receiver decodes the same as
// from OpenTelemetry's exporter, so the spans that a program makes by hand profit, too.
// docs/performance.md has the figures. It needs neither a protobuf runtime nor gRPC. So
// it does not support OTLP over gRPC: use otlptracegrpc for that, which exports lean
// spans, too.
//
// # Settings
//
// Options override environment variables, and of those OTEL_EXPORTER_OTLP_TRACES_X
// overrides OTEL_EXPORTER_OTLP_X. An empty variable counts as not set.
//
//   - ENDPOINT: by default http://localhost:4318, to which /v1/traces is appended. The URLs
//     of TRACES_ENDPOINT and of [WithEndpointURL] are used as they are.
//   - HEADERS: key=value,key=value, with percent-encoded values; none by default.
//   - COMPRESSION: gzip or none, the default.
//   - TIMEOUT: of one try, in milliseconds; 10,000 by default.
//   - CERTIFICATE: a file of PEM certificates of trusted authorities, in place of the
//     system's. CLIENT_CERTIFICATE and CLIENT_KEY: files of the client's own.
//   - PROTOCOL: http/protobuf. NewExporter fails with any other.
//   - INSECURE has no effect. It is for gRPC; here the scheme of the endpoint selects TLS.
//
// # Errors
//
// A request that gets no response, or the status 429, 502, 503 or 504, is sent again after
// a time that grows and is partly random, but not before the response's Retry-After: see
// [WithRetry]. After an export that gave up without a response, exports try only once
// until there is a response: an unreachable server delays the end of the program once,
// and not for each remaining batch. (Give the provider's Shutdown a context with a
// deadline all the same: the SDK waits up to 30 seconds for a batch.) Any other response,
// and a certificate that is not trusted, is an error immediately. The SDK's batch
// processor passes errors to otel.Handle.
//
// A redirect is an error and is not followed: the headers may contain a key that another
// host must not get. At most 64 KiB of a response are read. If a server rejects some of
// the spans, or sends a warning, otel.Handle gets a [PartialSuccess], and the export
// succeeds. A batch larger than [WithMaxRequestSize] is sent in parts.
package otlp
