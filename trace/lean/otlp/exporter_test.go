package otlp_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/lean/otlp"
	"github.com/wakechain/wakechain/trace/semconv"
)

// The encoding of a span with every field, byte by byte. A test in the module examples
// compares with OpenTelemetry's exporter.
func TestBytes(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL+"/v1/traces"))
	state, err := oteltrace.ParseTraceState("a=1")
	if err != nil {
		t.Fatal(err)
	}
	sc := oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1, 15: 2}, SpanID: oteltrace.SpanID{3, 7: 4}, TraceFlags: oteltrace.FlagsSampled, TraceState: state,
	})
	stub := tracetest.SpanStub{
		Name: "read", SpanContext: sc, Parent: sc.WithSpanID(oteltrace.SpanID{5}).WithRemote(true), SpanKind: oteltrace.SpanKindClient,
		StartTime: time.Unix(0, 1), EndTime: time.Unix(0, 256),
		Attributes:        []attribute.KeyValue{attribute.String("s", "ab"), attribute.Int("i", 300), attribute.Bool("b", false)},
		Events:            []sdktrace.Event{{Name: "e", Time: time.Unix(0, 2), DroppedAttributeCount: 1}},
		Links:             []sdktrace.Link{{SpanContext: sc}},
		Status:            sdktrace.Status{Code: codes.Error, Description: "no"},
		DroppedAttributes: 1, DroppedEvents: 2, DroppedLinks: 3,
		Resource:             resource.NewWithAttributes("r", attribute.String("service.name", "x")),
		InstrumentationScope: instrumentation.Scope{Name: "n", Version: "v", SchemaURL: "u"},
	}
	if err := e.ExportSpans(t.Context(), tracetest.SpanStubs{stub}.Snapshots()); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"0ad501", // resource_spans
		"0a15",   // resource
		"0a13" + "0a0c736572766963652e6e616d65" + "1203" + "0a0178", // attributes: service.name
		"12b801",                     // scope_spans
		"0a06" + "0a016e" + "120176", // scope: name, version
		"12aa01",                     // spans
		"0a10" + "01000000000000000000000000000002", // trace_id
		"1208" + "0300000000000004",                 // span_id
		"1a03" + "613d31",                           // trace_state
		"2208" + "0500000000000000",                 // parent_span_id
		"2a04" + "72656164",                         // name
		"3003",                                      // kind
		"39" + "0100000000000000",                   // start_time_unix_nano
		"41" + "0001000000000000",                   // end_time_unix_nano
		"4a09" + "0a0173" + "1204" + "0a026162",     // attributes
		"4a08" + "0a0169" + "1203" + "18ac02",
		"4a07" + "0a0162" + "1202" + "1000",
		"5001",                                                 // dropped_attributes_count
		"5a0e" + "09" + "0200000000000000" + "120165" + "2001", // events
		"6002", // dropped_events_count
		"6a21" + "0a10" + "01000000000000000000000000000002" + "1208" + "0300000000000004" + "35" + "01010000", // links
		"7003",                       // dropped_links_count
		"7a06" + "12026e6f" + "1802", // status
		"8501" + "01030000",          // flags
		"1a0175",                     // schema_url of the scope
		"1a0172",                     // schema_url of the resource
	}, "")
	if got := hex.EncodeToString(srv.one(t).body); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// leanSpans returns the spans of operations, in all forms if odd is set, otherwise in the
// usual ones.
func leanSpans(t testing.TB, odd bool) []sdktrace.ReadOnlySpan {
	t.Helper()
	k := new(keeper)
	tp := lean.NewTracerProvider(lean.WithSyncer(k), lean.WithResource(resource.NewSchemaless(attribute.String("service.name", "x"))))
	ctx := trace.New(trace.WithTracerProvider(tp), trace.WithMinBlock(0)).NewContext(t.Context())
	ctx, up := trace.Start(ctx, "up")
	for i := range 3 {
		_, op := trace.Start(ctx, "fetch", attribute.Int("n", i))
		evidence := trace.Evidence(attribute.String("block.source", "poll"), attribute.Float64("f", .5))
		if odd {
			op.SetAttributes(attribute.StringSlice("s", []string{"a"}), attribute.Int("n", 5))
			evidence = trace.Evidence(attribute.String("block.source", "poll"), attribute.Int("n", 1), attribute.Int("n", 2))
		}
		for range i {
			op.Block(semconv.ReasonNetRead, evidence)
			op.Wake(semconv.WakeReadable, trace.CausedBy(up.SpanContext()))
		}
		op.End(errors.New("broken"), attribute.Float64("f", 1.5))
	}
	up.End(nil)
	return k.spans
}

type keeper struct{ spans []sdktrace.ReadOnlySpan }

func (k *keeper) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.spans = append(k.spans, spans...)
	return nil
}

func (*keeper) Shutdown(context.Context) error { return nil }

// A lean span encodes itself to the same bytes as a copy made through its methods.
func TestLeanSpans(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL))
	all := leanSpans(t, true)
	if len(all) != 10 {
		t.Fatalf("got %d spans, want 10", len(all))
	}
	for _, spans := range [][]sdktrace.ReadOnlySpan{all, tracetest.SpanStubsFromReadOnlySpans(all).Snapshots(), all} {
		if err := e.ExportSpans(t.Context(), spans); err != nil {
			t.Fatal(err)
		}
	}
	got := srv.requests()
	for i := 1; i < len(got); i++ {
		if !bytes.Equal(got[i].body, got[0].body) {
			t.Errorf("request %d:\ngot  %x\nwant %x", i, got[i].body, got[0].body)
		}
	}
}

func TestRequest(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL+"/in/here?key=1#part"), otlp.WithHeaders(map[string]string{"X-Key": "secret"}), nil)
	if err := e.ExportSpans(t.Context(), spans(2, "a")); err != nil {
		t.Fatal(err)
	}
	got := srv.one(t)
	if got.path != "POST /in/here?key=1" {
		t.Errorf("got %s", got.path)
	}
	for key, want := range map[string]string{
		"Content-Type": "application/x-protobuf", "User-Agent": "Wakechain-OTLP-Exporter-Go/" + trace.Version,
		"X-Key": "secret", "Content-Encoding": "", "Content-Length": fmt.Sprint(len(got.body)), "Accept-Encoding": "",
	} {
		if got.header.Get(key) != want {
			t.Errorf("%s: %q, want %q", key, got.header.Get(key), want)
		}
	}
	if n := bytes.Count(got.body, []byte("\x2a\x01a")); n != 2 {
		t.Errorf("got %d spans, want 2", n)
	}
	if log := fmt.Sprintf("%+v", e.MarshalLog()); strings.Contains(log, "secret") || strings.Contains(log, "key") {
		t.Errorf("the log has what may be secret: %s", log)
	}
}

func TestNothingToSend(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL))
	if err := e.ExportSpans(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := e.ExportSpans(t.Context(), []sdktrace.ReadOnlySpan{nil, nil}); err != nil {
		t.Error(err)
	}
	if got := srv.requests(); len(got) > 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}

func TestGzip(t *testing.T) {
	srv := newServer(t, nil)
	plain, zipped := newExporter(t, otlp.WithEndpointURL(srv.URL)), newExporter(t, otlp.WithEndpointURL(srv.URL), otlp.WithCompression(otlp.GzipCompression))
	for _, e := range []*otlp.Exporter{plain, zipped, zipped} {
		if err := e.ExportSpans(t.Context(), spans(100, "alike")); err != nil {
			t.Fatal(err)
		}
	}
	got := srv.requests()
	for i, r := range got[1:] {
		if r.header.Get("Content-Encoding") != "gzip" || !bytes.Equal(r.body, got[0].body) {
			t.Errorf("request %d: %v, %d bytes, want gzip and %d", i, r.header, len(r.body), len(got[0].body))
		}
		if len(r.header.Get("Content-Length")) >= len(got[0].header.Get("Content-Length")) {
			t.Errorf("got %s bytes, want fewer than %s", r.header.Get("Content-Length"), got[0].header.Get("Content-Length"))
		}
	}
}

// Text that is not UTF-8 does not lose the batch.
func TestInvalidText(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL))
	stub := tracetest.SpanStub{Name: "a\xff", Attributes: []attribute.KeyValue{attribute.String("k\xff", "v\xff")}}
	if err := e.ExportSpans(t.Context(), tracetest.SpanStubs{stub}.Snapshots()); err != nil {
		t.Fatal(err)
	}
	body := srv.one(t).body
	for _, want := range []string{"\x2a\x04a\uFFFD", "\x0a\x04k\uFFFD\x12\x06\x0a\x04v\uFFFD"} {
		if !bytes.Contains(body, []byte(want)) {
			t.Errorf("no %q in %q", want, body)
		}
	}
}

func TestMaxRequestSize(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL), otlp.WithMaxRequestSize(4000))
	long := spans(1, strings.Repeat("l", 5000))
	all := append(append(spans(40, strings.Repeat("s", 300)), long...), spans(3, "last")...)
	err := e.ExportSpans(t.Context(), all)
	if err == nil || !strings.Contains(err.Error(), "4000 bytes") {
		t.Errorf("got %v, want an error of the one span that is too large", err)
	}
	var short, last int
	for _, r := range srv.requests() {
		if len(r.body) > 4000 {
			t.Errorf("a request of %d bytes", len(r.body))
		}
		short += bytes.Count(r.body, []byte(strings.Repeat("s", 300)))
		last += bytes.Count(r.body, []byte("last"))
	}
	if short != 40 || last != 3 {
		t.Errorf("got %d and %d spans, want 40 and 3", short, last)
	}
	// The resource counts towards the size, too.
	stub := tracetest.SpanStub{Name: "x", Resource: resource.NewSchemaless(attribute.String("k", strings.Repeat("r", 5000)))}
	if err := e.ExportSpans(t.Context(), tracetest.SpanStubs{stub}.Snapshots()); err == nil {
		t.Error("no error of a resource that is too large")
	}
}

// Exporting a span allocates nothing, lean or not.
func TestAllocs(t *testing.T) {
	ok := roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 200, nil), nil })
	e := newExporter(t, otlp.WithHTTPClient(&http.Client{Transport: ok}), otlp.WithTimeout(0))
	some := leanSpans(t, false)
	for name, some := range map[string][]sdktrace.ReadOnlySpan{"lean": some, "others": tracetest.SpanStubsFromReadOnlySpans(some).Snapshots()} {
		var many []sdktrace.ReadOnlySpan
		for range 100 {
			many = append(many, some...)
		}
		measure := func(spans []sdktrace.ReadOnlySpan) float64 {
			return testing.AllocsPerRun(50, func() {
				if err := e.ExportSpans(context.Background(), spans); err != nil {
					t.Fatal(err)
				}
			})
		}
		few, all := measure(some), measure(many)
		if perSpan := (all - few) / float64(len(many)-len(some)); perSpan > allowed {
			t.Errorf("%s: %v allocations for %d spans and %v for %d, %.2f a span", name, few, len(some), all, len(many), perSpan)
		}
		t.Logf("%s: %v allocations for %d spans, %v for %d", name, few, len(some), all, len(many))
	}
}

func TestExportConcurrentSafe(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL), otlp.WithCompression(otlp.GzipCompression))
	all := leanSpans(t, true)
	if err := e.ExportSpans(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if err := e.ExportSpans(t.Context(), all); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got := srv.requests()
	if len(got) != 41 {
		t.Errorf("got %d requests, want 41", len(got))
	}
	for i, r := range got {
		if !bytes.Equal(r.body, got[0].body) {
			t.Errorf("request %d differs: %d bytes, want %d", i, len(r.body), len(got[0].body))
		}
	}
}

// The exporter works behind processors: the SDK's batches, with lean spans and others, and
// a processor of the program's own that wraps spans.
func TestProcessors(t *testing.T) {
	srv := newServer(t, nil)
	for name, tp := range map[string]interface {
		oteltrace.TracerProvider
		Shutdown(context.Context) error
	}{
		"lean":    lean.NewTracerProvider(lean.WithBatcher(newExporter(t, otlp.WithEndpointURL(srv.URL)))),
		"sdk":     sdktrace.NewTracerProvider(sdktrace.WithBatcher(newExporter(t, otlp.WithEndpointURL(srv.URL)))),
		"syncer":  lean.NewTracerProvider(lean.WithSyncer(newExporter(t, otlp.WithEndpointURL(srv.URL)))),
		"wrapped": lean.NewTracerProvider(lean.WithSpanProcessor(renaming{sdktrace.NewSimpleSpanProcessor(newExporter(t, otlp.WithEndpointURL(srv.URL)))})),
	} {
		before := len(srv.requests())
		_, op := trace.Start(trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context()), "mine")
		op.End(nil)
		_, s := tp.Tracer("others").Start(t.Context(), "theirs")
		s.End()
		if err := tp.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		var sent []byte
		for _, r := range srv.requests()[before:] {
			sent = append(sent, r.body...)
		}
		want := []string{"mine", "theirs"}
		if name == "wrapped" {
			want = []string{"renamed mine", "renamed theirs"}
		}
		for _, w := range want {
			if bytes.Count(sent, []byte(w)) != 1 {
				t.Errorf("%s: no %q in %q", name, w, sent)
			}
		}
	}
}

type renaming struct{ sdktrace.SpanProcessor }

func (r renaming) OnEnd(s sdktrace.ReadOnlySpan) { r.SpanProcessor.OnEnd(renamed{s}) }

type renamed struct{ sdktrace.ReadOnlySpan }

func (r renamed) Name() string { return "renamed " + r.ReadOnlySpan.Name() }

func TestShutdown(t *testing.T) {
	srv := newServer(t, nil)
	e := newExporter(t, otlp.WithEndpointURL(srv.URL))
	if err := e.ExportSpans(t.Context(), spans(1, "a")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := e.ExportSpans(t.Context(), spans(1, "late")); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled in it", err)
	}
	if err := e.ExportSpans(t.Context(), nil); err != nil {
		t.Error(err)
	}
	srv.one(t)
}

// Shutdown waits for the request that is being sent, until its context ends.
func TestShutdownInFlight(t *testing.T) {
	for _, patient := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			slow := roundTripper(func(r *http.Request) (*http.Response, error) {
				select {
				case <-time.After(5 * time.Second):
					return answer(r, 200, nil), nil
				case <-r.Context().Done():
					return nil, r.Context().Err()
				}
			})
			e := newExporter(t, otlp.WithHTTPClient(&http.Client{Transport: slow}))
			sent := make(chan error)
			go func() { sent <- e.ExportSpans(context.Background(), spans(1, "a")) }()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if patient {
				ctx = t.Context()
			}
			shut := make(chan error, 1)
			go func() { shut <- e.Shutdown(ctx) }()
			err, took := <-sent, time.Since(start)
			switch failed := <-shut; {
			case patient && (err != nil || failed != nil || took != 5*time.Second):
				t.Errorf("got %v and %v after %v, want success after 5s", err, failed, took)
			case !patient && (!errors.Is(err, context.Canceled) || !errors.Is(failed, context.DeadlineExceeded) || took != time.Second):
				t.Errorf("got %v and %v after %v, want it canceled after 1s", err, failed, took)
			}
		})
	}
}

// No retry is waited for if the exporter is shut down or ctx ends before it.
func TestNoWaiting(t *testing.T) {
	busy := roundTripper(func(r *http.Request) (*http.Response, error) { return answer(r, 503, nil), nil })
	synctest.Test(t, func(t *testing.T) {
		e := newExporter(t, otlp.WithHTTPClient(&http.Client{Transport: busy}))
		sent := make(chan error)
		go func() { sent <- e.ExportSpans(context.Background(), spans(1, "a")) }()
		synctest.Wait()
		start := time.Now()
		if err := e.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-sent; err == nil || time.Since(start) > 0 {
			t.Errorf("got %v after %v, want an error at once", err, time.Since(start))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		e := newExporter(t, otlp.WithHTTPClient(&http.Client{Transport: busy}))
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := e.ExportSpans(ctx, spans(1, "a")); err == nil || time.Since(start) > 0 {
			t.Errorf("got %v after %v, want an error at once", err, time.Since(start))
		}
		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := e.ExportSpans(ctx, spans(1, "a")); err == nil || time.Since(start) != time.Second {
			t.Errorf("got %v after %v, want an error when ctx ended", err, time.Since(start))
		}
	})
}

func TestNewExporterContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := otlp.NewExporter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	srv := newServer(t, nil)
	e, err := otlp.NewExporter(ctx, otlp.WithEndpointURL(srv.URL))
	if err != nil {
		t.Fatal(err)
	}
	cancel() // ctx is for NewExporter alone
	if err := e.ExportSpans(t.Context(), spans(1, "a")); err != nil {
		t.Error(err)
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
