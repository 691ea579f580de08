// Package otlp compares the protobuf requests of trace/lean/otlp and of OpenTelemetry's
// exporter for the same spans.
package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/lean/otlp"
)

// Comparison exports spans by both exporters, without a network. It is not safe for
// concurrent use.
type Comparison struct {
	theirs, ours       sdktrace.SpanExporter
	theirBody, ourBody []byte
}

// NewComparison returns a comparison.
func NewComparison() (*Comparison, error) {
	c := new(Comparison)
	var err error
	c.theirs, err = otlptrace.New(context.Background(), otlptracehttp.NewClient(
		otlptracehttp.WithEndpointURL("http://localhost/v1/traces"), otlptracehttp.WithHTTPClient(&http.Client{Transport: &keep{&c.theirBody}})))
	if err != nil {
		return nil, err
	}
	c.ours, err = otlp.NewExporter(context.Background(),
		otlp.WithEndpointURL("http://localhost/v1/traces"), otlp.WithHTTPClient(&http.Client{Transport: &keep{&c.ourBody}}))
	return c, err
}

// keep answers every request with a full success, and keeps its body.
type keep struct{ body *[]byte }

func (k *keep) RoundTrip(r *http.Request) (*http.Response, error) {
	defer r.Body.Close()
	var body io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		var err error
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	*k.body = append(*k.body, b...) // in protobuf, concatenated messages are one message
	return &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": {"application/x-protobuf"}}, Body: http.NoBody, Request: r,
	}, nil
}

// Compare exports spans by both exporters, and returns an error if their requests differ.
// It ignores the order of resources, which is random in OpenTelemetry's exporter.
func (c *Comparison) Compare(spans []sdktrace.ReadOnlySpan) error {
	c.theirBody, c.ourBody = nil, nil
	if err := c.theirs.ExportSpans(context.Background(), spans); err != nil {
		return fmt.Errorf("OpenTelemetry's exporter: %w", err)
	}
	if err := c.ours.ExportSpans(context.Background(), spans); err != nil {
		return fmt.Errorf("ours: %w", err)
	}
	want, got := new(coltracepb.ExportTraceServiceRequest), new(coltracepb.ExportTraceServiceRequest)
	if err := proto.Unmarshal(c.theirBody, want); err != nil {
		return err
	}
	if err := proto.Unmarshal(c.ourBody, got); err != nil {
		return fmt.Errorf("ours is no request: %w", err)
	}
	order(want)
	order(got)
	if err := differ(got, want); err != nil {
		return err
	}
	if len(c.ourBody) != len(c.theirBody) {
		return fmt.Errorf("got %d bytes, want %d as of OpenTelemetry's exporter: something is written that says nothing", len(c.ourBody), len(c.theirBody))
	}
	if len(want.ResourceSpans) == 1 && !bytes.Equal(c.ourBody, c.theirBody) {
		return fmt.Errorf("the same message, and not the same bytes: fields are in another order\ngot  %x\nwant %x", c.ourBody, c.theirBody)
	}
	return nil
}

func order(r *coltracepb.ExportTraceServiceRequest) {
	key := func(s *tracepb.ResourceSpans) string {
		return string(s.ScopeSpans[0].Spans[0].SpanId) + string(s.ScopeSpans[0].Spans[0].TraceId) + s.String()
	}
	slices.SortFunc(r.ResourceSpans, func(a, b *tracepb.ResourceSpans) int { return strings.Compare(key(a), key(b)) })
}

// differ returns an error that describes the first span that differs, since a whole
// request is too long to read.
func differ(got, want *coltracepb.ExportTraceServiceRequest) error {
	if proto.Equal(got, want) {
		return nil
	}
	g, w := spansOf(got), spansOf(want)
	for i := range min(len(g), len(w)) {
		if !proto.Equal(g[i], w[i]) {
			return fmt.Errorf("span %d:\ngot  %v\nwant %v", i, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		return fmt.Errorf("got %d spans, want %d", len(g), len(w))
	}
	return fmt.Errorf("the spans are the same, and around them:\ngot  %v\nwant %v", around(got), around(want))
}

func spansOf(r *coltracepb.ExportTraceServiceRequest) (all []*tracepb.Span) {
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			all = append(all, ss.Spans...)
		}
	}
	return all
}

func around(r *coltracepb.ExportTraceServiceRequest) *coltracepb.ExportTraceServiceRequest {
	r = proto.Clone(r).(*coltracepb.ExportTraceServiceRequest)
	for _, rs := range r.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			ss.Spans = nil
		}
	}
	return r
}
