package otlp_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/examples/internal/otlp"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func comparison(t testing.TB) *otlp.Comparison {
	t.Helper()
	c, err := otlp.NewComparison()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// keeper is an exporter that keeps the spans themselves.
type keeper struct{ spans []sdktrace.ReadOnlySpan }

func (k *keeper) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.spans = append(k.spans, spans...)
	return nil
}

func (*keeper) Shutdown(context.Context) error { return nil }

var (
	state, _ = oteltrace.ParseTraceState("vendor=1,other=2")
	remote   = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{1, 2}, SpanID: oteltrace.SpanID{3}, TraceFlags: oteltrace.FlagsSampled, TraceState: state, Remote: true,
	})
	everyType = []attribute.KeyValue{
		attribute.Bool("bool", true), attribute.Bool("false", false),
		attribute.Int64("int", -1), attribute.Int64("zero", 0), attribute.Int64("large", math.MaxInt64),
		attribute.Float64("float", 1.5), attribute.Float64("nothing", 0), attribute.Float64("infinite", math.Inf(-1)),
		attribute.String("string", "text"), attribute.String("empty", ""), attribute.String("long", strings.Repeat("ü", 20_000)),
		attribute.String(strings.Repeat("key", 100), "long key"),
		attribute.BoolSlice("bools", []bool{true, false}), attribute.BoolSlice("no bools", nil),
		attribute.Int64Slice("ints", []int64{0, -1, 300}), attribute.Float64Slice("floats", []float64{0, 1e300}),
		attribute.StringSlice("strings", []string{"", "b", strings.Repeat("x", 200)}), attribute.StringSlice("no strings", nil),
		{Key: "nothing at all"},
		{Key: "bytes", Value: attribute.ByteSliceValue([]byte{0, 0xff})},
		{Key: "list", Value: attribute.SliceValue(attribute.BoolValue(true), attribute.StringValue("a"), attribute.Value{})},
		{Key: "map", Value: attribute.MapValue(attribute.String("a", "b"), attribute.Int("c", 0))},
	}
)

// Spans of a program that uses the API, by the SDK and by lean, beside those of others.
func TestSpans(t *testing.T) {
	for name, provider := range map[string]func(e sdktrace.SpanExporter, r *resource.Resource, l sdktrace.SpanLimits) oteltrace.TracerProvider{
		"sdk": func(e sdktrace.SpanExporter, r *resource.Resource, l sdktrace.SpanLimits) oteltrace.TracerProvider {
			return sdktrace.NewTracerProvider(sdktrace.WithSyncer(e), sdktrace.WithResource(r), sdktrace.WithRawSpanLimits(l))
		},
		"lean": func(e sdktrace.SpanExporter, r *resource.Resource, l sdktrace.SpanLimits) oteltrace.TracerProvider {
			return lean.NewTracerProvider(lean.WithSyncer(e), lean.WithResource(r), lean.WithRawSpanLimits(l))
		},
	} {
		t.Run(name, func(t *testing.T) {
			var k keeper
			narrow := sdktrace.SpanLimits{AttributeValueLengthLimit: 3, AttributeCountLimit: 2, EventCountLimit: 1, LinkCountLimit: 1, AttributePerEventCountLimit: 1, AttributePerLinkCountLimit: 1}
			for _, r := range []*resource.Resource{
				resource.Empty(), resource.NewSchemaless(attribute.String("service.name", "shop")),
				resource.NewWithAttributes("https://example.com/1", append(everyType[:3:3], attribute.String("service.name", "shop"))...),
			} {
				for _, limits := range []sdktrace.SpanLimits{sdktrace.NewSpanLimits(), narrow} {
					tp := provider(&k, r, limits)
					play(tp.Tracer(trace.ScopeName, oteltrace.WithInstrumentationVersion(trace.Version)))
					play(tp.Tracer("another", oteltrace.WithSchemaURL("https://example.com/2"), oteltrace.WithInstrumentationAttributes(attribute.Int("n", 1))))
					play(tp.Tracer(""))
					operations(trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context()))
				}
			}
			if len(k.spans) < 6*3*5 {
				t.Fatalf("got %d spans", len(k.spans))
			}
			if err := comparison(t).Compare(k.spans); err != nil {
				t.Error(err)
			}
		})
	}
}

// play makes spans by OpenTelemetry's API.
func play(tracer oteltrace.Tracer) {
	ctx := oteltrace.ContextWithRemoteSpanContext(context.Background(), remote)
	ctx, up := tracer.Start(ctx, "server", oteltrace.WithSpanKind(oteltrace.SpanKindServer), oteltrace.WithAttributes(everyType...),
		oteltrace.WithLinks(oteltrace.Link{SpanContext: remote, Attributes: everyType[:4]}, oteltrace.Link{SpanContext: remote.WithRemote(false)}))
	for kind := range oteltrace.SpanKindConsumer + 1 {
		_, s := tracer.Start(ctx, "", oteltrace.WithSpanKind(kind))
		s.SetStatus(codes.Error, "broken")
		s.AddEvent("event", oteltrace.WithAttributes(everyType...))
		s.RecordError(errors.New("text"), oteltrace.WithTimestamp(time.Unix(0, 0)))
		s.End()
	}
	_, s := tracer.Start(ctx, "before 1970", oteltrace.WithTimestamp(time.Unix(-5, 0)))
	s.SetStatus(codes.Ok, "")
	s.End(oteltrace.WithTimestamp(time.Unix(-1, 0)))
	_, s = tracer.Start(ctx, strings.Repeat("n", 1<<15), oteltrace.WithNewRoot())
	s.End(oteltrace.WithTimestamp(time.Unix(1, 0)))
	_, s = tracer.Start(ctx, "short", oteltrace.WithAttributes(attribute.Int("n", 1), attribute.Int("n", 2)))
	s.SetStatus(codes.Error, "")
	s.End()
	up.End()
}

// operations makes spans by package trace.
func operations(ctx context.Context) {
	ctx, up := trace.Start(ctx, "up", attribute.Int("n", 1))
	for i := range 3 {
		_, op := trace.Start(ctx, "fetch", attribute.String("shop", "north"))
		for range i {
			op.Block("net.read", trace.Evidence(attribute.String("block.source", "poll"), attribute.Int("tcp.n", 5), attribute.String("block.source", "twice")))
			op.Wake("readable", trace.CausedBy(up.SpanContext()), trace.Evidence(attribute.Float64("f", .5)))
			op.Block("sleep")
			op.Wake("timer", trace.Evidence(attribute.String("wake.reason", "none of it")))
		}
		op.End(errors.New("broken"), attribute.Float64("cost", 1.5), attribute.Int("n", 2))
	}
	up.End(nil)
}

// A span that has not ended, a nil one, and none at all.
func TestOddSpans(t *testing.T) {
	c := comparison(t)
	for _, name := range []string{trace.ScopeName, "other"} {
		_, s := lean.NewTracerProvider().Tracer(name).Start(t.Context(), "open", oteltrace.WithAttributes(attribute.Int("n", 1)))
		if err := c.Compare([]sdktrace.ReadOnlySpan{nil, s.(sdktrace.ReadOnlySpan), nil}); err != nil {
			t.Error(err)
		}
		s.End()
	}
	if err := c.Compare([]sdktrace.ReadOnlySpan{nil}); err != nil {
		t.Error(err)
	}
	if err := c.Compare(nil); err != nil {
		t.Error(err)
	}
	if err := c.Compare(tracetest.SpanStubs{{}, {Name: "stub without anything", Resource: nil}}.Snapshots()); err != nil {
		t.Error(err)
	}
}

// The very scenarios of the golden files in internal/emitted, with what they are made
// by: their package's tests are built with one more file and the package here beside them, in a
// workspace in which they may import OpenTelemetry's exporter.
func TestScenarios(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, text []byte) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "internal/emitted/otlp_test.go"):  filepath.Join(here, "testdata/emitted_test.go.txt"),
		filepath.Join(root, "internal/emitted/otlp/equal.go"): filepath.Join(here, "equal.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	work := write("go.work", []byte("go 1.26.0\n\nuse (\n\t"+root+"\n\t"+filepath.Join(root, "examples")+"\n)\n"))
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-overlay", write("overlay.json", overlay), "-run=^TestOTLP$", "-v", "./internal/emitted")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK="+work, "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	if n := strings.Count(string(out), "--- PASS: TestOTLP/"); n < 100 {
		t.Errorf("got %d scenarios, want all of them with either provider:\n%s", n, out)
	}
}

// A source makes values of the bytes of a fuzzer.
type source struct{ b []byte }

func (s *source) byte() (v byte) {
	if len(s.b) > 0 {
		v, s.b = s.b[0], s.b[1:]
	}
	return v
}

func (s *source) int() int64 {
	n := int(s.byte() % 9)
	var b [8]byte
	for i := range n {
		b[i] = s.byte()
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// text is UTF-8: the exporter that this is compared with fails on other text.
func (s *source) text() string {
	n := min(int(s.byte()), len(s.b))
	text := string(s.b[:n])
	s.b = s.b[n:]
	if n > 200 {
		text = strings.Repeat(text, 100)
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "?")
	}
	return text
}

func (s *source) value(depth int) attribute.Value {
	kind := s.byte() % 12
	if depth == 0 && kind > 9 {
		kind = 0
	}
	n := int(s.byte() % 4)
	switch kind {
	case 1:
		return attribute.BoolValue(n == 1)
	case 2:
		return attribute.Int64Value(s.int())
	case 3:
		return attribute.Float64Value(math.Float64frombits(uint64(s.int())))
	case 4:
		return attribute.StringValue(s.text())
	case 5:
		return attribute.BoolSliceValue(make([]bool, n))
	case 6:
		all := make([]int64, n)
		for i := range all {
			all[i] = s.int()
		}
		return attribute.Int64SliceValue(all)
	case 7:
		all := make([]float64, n)
		for i := range all {
			all[i] = math.Float64frombits(uint64(s.int()))
		}
		return attribute.Float64SliceValue(all)
	case 8:
		all := make([]string, n)
		for i := range all {
			all[i] = s.text()
		}
		return attribute.StringSliceValue(all)
	case 9:
		return attribute.ByteSliceValue([]byte(s.text()))
	case 10:
		all := make([]attribute.Value, n)
		for i := range all {
			all[i] = s.value(depth - 1)
		}
		return attribute.SliceValue(all...)
	case 11:
		return attribute.MapValue(s.attributes(depth - 1)...)
	}
	return attribute.Value{}
}

func (s *source) attributes(depth int) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, s.byte()%8)
	for i := range attrs {
		attrs[i] = attribute.KeyValue{Key: attribute.Key(s.text()), Value: s.value(depth)}
	}
	return attrs
}

func (s *source) context() oteltrace.SpanContext {
	var c oteltrace.SpanContextConfig
	binary.LittleEndian.PutUint64(c.TraceID[:], uint64(s.int()))
	binary.LittleEndian.PutUint64(c.SpanID[:], uint64(s.int()))
	c.TraceFlags, c.Remote = oteltrace.TraceFlags(s.byte()), s.byte()%2 == 0
	if s.byte()%2 == 0 {
		c.TraceState = state
	}
	return oteltrace.NewSpanContext(c)
}

// stub is a span with anything in it.
func (s *source) stub() tracetest.SpanStub {
	stub := tracetest.SpanStub{
		Name: s.text(), SpanContext: s.context(), Parent: s.context(), SpanKind: oteltrace.SpanKind(int8(s.byte())),
		StartTime: time.Unix(0, s.int()), EndTime: time.Unix(0, s.int()), Attributes: s.attributes(2),
		Status:            sdktrace.Status{Code: codes.Code(s.byte() % 4), Description: s.text()},
		DroppedAttributes: int(s.int()), DroppedEvents: int(s.int()), DroppedLinks: int(s.int()),
	}
	for range s.byte() % 3 {
		stub.Events = append(stub.Events, sdktrace.Event{Name: s.text(), Attributes: s.attributes(1), DroppedAttributeCount: int(s.int()), Time: time.Unix(0, s.int())})
	}
	for range s.byte() % 3 {
		stub.Links = append(stub.Links, sdktrace.Link{SpanContext: s.context(), Attributes: s.attributes(1), DroppedAttributeCount: int(s.int())})
	}
	if s.byte()%4 > 0 {
		stub.Resource = resource.NewWithAttributes(s.text(), s.attributes(1)...)
	}
	if s.byte()%4 > 0 {
		stub.InstrumentationScope = instrumentation.Scope{
			Name: s.text(), Version: s.text(), SchemaURL: s.text(), Attributes: attribute.NewSet(s.attributes(0)...),
		}
	}
	return stub
}

// operation makes lean spans of an operation.
func (s *source) operation(ctx context.Context, by oteltrace.SpanContext) {
	_, op := trace.Start(ctx, s.text(), s.attributes(0)...)
	for range s.byte() % 4 {
		op.Block(semconv.Reason(s.text()), trace.Evidence(s.attributes(0)...))
		opts := []trace.Detail{trace.Evidence(s.attributes(0)...)}
		if s.byte()%2 == 0 {
			opts = append(opts, trace.CausedBy(by))
		}
		op.Wake(semconv.WakeReason(s.text()), opts...)
		op.SetAttributes(s.attributes(1)...)
	}
	var err error
	if s.byte()%2 == 0 {
		err = errors.New(s.text())
	}
	op.End(err, s.attributes(1)...)
}

// Spans with anything in them are sent as OpenTelemetry's exporter sends them: others'
// by what their methods return, lean ones by what they hold.
func FuzzEqual(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02\x05hello\x08\x01\x02\x03\x04\x05\x06\x07\x08\x04\x01\x02\x03\x04\x01\x00\x01"))
	f.Add([]byte(strings.Repeat("\x07\x03abc\x04\x02de\x02\x05\x01\x02\x03\x04\x05", 40)))
	f.Add([]byte(strings.Repeat("\x01\xff", 400)))
	c := comparison(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &source{b}
		var k keeper
		tp := lean.NewTracerProvider(lean.WithSyncer(&k), lean.WithSampler(sdktrace.AlwaysSample()))
		ctx := trace.New(trace.WithTracerProvider(tp), trace.WithMinBlock(0)).NewContext(t.Context())
		for range s.byte() % 6 {
			if s.byte()%2 == 0 {
				k.spans = append(k.spans, s.stub().Snapshot())
			} else {
				s.operation(ctx, remote)
			}
		}
		if len(k.spans) == 0 {
			return
		}
		if err := c.Compare(k.spans); err != nil {
			t.Error(err)
		}
	})
}
