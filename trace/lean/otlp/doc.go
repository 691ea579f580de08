// Package otlp is an exporter of spans by OTLP over HTTP, for the SDK's span processors
// as any other: it takes the place of OpenTelemetry's
// go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp by one line.
//
//	exporter, err := otlp.NewExporter(ctx) // was: otlptracehttp.New(ctx)
//	if err != nil {
//		return err
//	}
//	tp := lean.NewTracerProvider(lean.WithBatcher(exporter))
//
// It writes the protobuf itself. A span of package lean it writes from what that holds,
// any other from what its methods return; neither takes an allocation for a span. What a
// receiver decodes is what OpenTelemetry's exporter sends of the same spans, so the spans
// that a program makes by hand profit, too. docs/performance.md has the figures. There is
// neither a protobuf runtime nor gRPC in the program because of it. OTLP over gRPC it
// cannot speak for that reason: use otlptracegrpc, which takes lean spans as any.
//
// # Settings
//
// Options win over environment variables, and of those OTEL_EXPORTER_OTLP_TRACES_X over
// OTEL_EXPORTER_OTLP_X. One that is empty counts as not set.
//
//   - ENDPOINT: http://localhost:4318 by default, to which /v1/traces is appended. That of
//     TRACES_ENDPOINT, and of [WithEndpointURL], is used as it is.
//   - HEADERS: key=value,key=value, the values percent-encoded; default none.
//   - COMPRESSION: gzip or none, the default.
//   - TIMEOUT: of one try, in milliseconds; default 10,000.
//   - CERTIFICATE: a file of PEM certificates by which a server is trusted, in the place of
//     the system's. CLIENT_CERTIFICATE and CLIENT_KEY: files of the client's own.
//   - PROTOCOL: http/protobuf. With another one NewExporter fails, since whoever set
//     it wants what is not here.
//   - INSECURE has no effect. It is for gRPC; here the scheme of the endpoint says whether
//     there is TLS.
//
// # What goes wrong
//
// A request that gets no answer, or one of 429, 502, 503 and 504, is sent again, after a
// time that grows and is partly random, and not before the answer's Retry-After: see
// [WithRetry]. An export that gave up because nobody answered is followed by exports that
// try once, until there is an answer: a server that is away delays the end of the program
// once, and not for each batch that is left. (Give the provider's Shutdown a context with a
// deadline all the same: the SDK waits for 30 seconds at most for a batch.) Any other answer, and a certificate that is
// not trusted, is an error at once. The SDK's batch processor tells otel.Handle of errors.
//
// A redirect is an error and is not followed: the headers may have a key in them that
// another host must not get. Of an answer 64 KiB are read. Where a server took the spans
// but for some, or with a warning, otel.Handle gets a [PartialSuccess], and the export is
// a success. What is larger than [WithMaxRequestSize] is sent in parts.
package otlp
