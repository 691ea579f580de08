package telemetry

import (
	"context"
	"io"

	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// NewFile returns an exporter that writes OTLP/JSON to w, one line and one Write for
// each export, like the OpenTelemetry Collector's file exporter. It does not close w.
func NewFile(ctx context.Context, w io.Writer) (sdktrace.SpanExporter, error) {
	return otlptrace.New(ctx, &fileClient{w})
}

// fileClient receives otlptrace's uploads. It uses the Collector's marshaler:
// protobuf's encodes ids in base64, where OTLP/JSON has hex.
type fileClient struct{ w io.Writer }

var _ otlptrace.Client = (*fileClient)(nil)

func (c *fileClient) Start(context.Context) error { return nil }
func (c *fileClient) Stop(context.Context) error  { return nil }

func (c *fileClient) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	b, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return err
	}
	traces, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
	if err != nil {
		return err
	}
	line, err := (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	if err != nil {
		return err
	}
	_, err = c.w.Write(append(line, '\n'))
	return err
}
