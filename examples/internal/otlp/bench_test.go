//go:build unix

package otlp_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	wake "github.com/wakechain/wakechain/trace/lean/otlp"
	"github.com/wakechain/wakechain/trace/semconv"
)

// marshaling is OpenTelemetry's exporter without a network.
type marshaling struct{}

func (marshaling) Start(context.Context) error { return nil }
func (marshaling) Stop(context.Context) error  { return nil }
func (marshaling) UploadTraces(_ context.Context, s []*tracepb.ResourceSpans) error {
	_, err := proto.Marshal(&coltracepb.ExportTraceServiceRequest{ResourceSpans: s})
	return err
}

// dropping is a network that takes everything.
type dropping struct{}

func (dropping) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// batch is 510 spans: reads with a block and a wake, as an echo makes them.
func batch(b *testing.B, tp oteltrace.TracerProvider, k *keeper) []sdktrace.ReadOnlySpan {
	ctx := trace.New(trace.WithTracerProvider(tp), trace.WithMinBlock(0)).NewContext(b.Context())
	ctx, up := tp.Tracer("bench").Start(ctx, "root")
	defer up.End()
	for i := range 170 {
		_, op := trace.Start(ctx, semconv.SpanRead)
		op.Block(semconv.ReasonNetRead, trace.Evidence(semconv.BlockSourceKey.String("poll")))
		op.Wake(semconv.WakeReadable, trace.CausedBy(up.SpanContext()))
		op.End(nil, attribute.String("network.io.direction", "receive"), semconv.WebSocketMessageTypeKey.String("binary"),
			semconv.WebSocketConnectionIDKey.String("0123456789abcdef"), semconv.WebSocketMessageSizeKey.Int(128),
			semconv.WebSocketMessageIndexKey.Int(i), semconv.WebSocketFrameCountKey.Int(1), semconv.WebSocketWireSizeKey.Int(136))
	}
	return k.spans[:510]
}

// BenchmarkEncode encodes a batch of 510 spans, a third of them with nine attributes,
// as OTLP: by OpenTelemetry's exporter, and by ours with and without gzip. The CPU time
// is the process's, including the garbage collector's.
func BenchmarkEncode(b *testing.B) {
	var own, sdk keeper
	spans := map[string][]sdktrace.ReadOnlySpan{
		"lean": batch(b, lean.NewTracerProvider(lean.WithSyncer(&own)), &own),
		"sdk":  batch(b, sdktrace.NewTracerProvider(sdktrace.WithSyncer(&sdk)), &sdk),
	}
	network := wake.WithHTTPClient(&http.Client{Transport: dropping{}})
	ours, err := wake.NewExporter(b.Context(), network)
	if err != nil {
		b.Fatal(err)
	}
	zipped, err := wake.NewExporter(b.Context(), network, wake.WithCompression(wake.GzipCompression))
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range []struct {
		name string
		sdktrace.SpanExporter
	}{{"official", otlptrace.NewUnstarted(marshaling{})}, {"own", ours}, {"own-gzip", zipped}} {
		for _, of := range []string{"lean", "sdk"} {
			b.Run("exporter="+e.name+"/spans="+of, func(b *testing.B) {
				b.ReportAllocs()
				start := cpuTime(b)
				for b.Loop() {
					if err := e.ExportSpans(context.Background(), spans[of]); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-start)/float64(b.N*len(spans[of])), "cpu-ns/span")
			})
		}
	}
}

func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
