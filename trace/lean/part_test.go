package lean_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
)

// writer returns the context of a span elsewhere.
func writer(n byte) oteltrace.SpanContext {
	state, _ := oteltrace.ParseTraceState("k=v")
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: oteltrace.TraceID{n}, SpanID: oteltrace.SpanID{n}, TraceFlags: oteltrace.FlagsSampled, TraceState: state,
	})
}

var layout = schema([]attribute.KeyValue{attribute.String("fixed", "some text"), attribute.Bool("b", true)},
	"text", "x", "y")

// call is an operation that waits n times.
type call struct {
	name     string
	n        int
	evidence []attribute.KeyValue // of its blocks, and at its start
	as       core.Config
	failed   string
}

func (c call) run(ctx context.Context) {
	op := startAs(ctx, c.name, c.as, c.evidence...)
	for i := range c.n {
		op.Block(semconv.ReasonNetRead, trace.Evidence(c.evidence...))
		op.Wake(semconv.WakeReadable)
		op.WokenBy(writer(byte(i)))
	}
	op.Link(writer(1))
	op.Link(writer(2))
	if c.failed != "" {
		op.EndAs(c.failed, c.evidence...)
	} else {
		endWith(op, core.Facts{Of: layout, Text: "some text", Ints: [core.MaxInts]int64{7, 8}})
	}
}

func waits(ctx context.Context, n int) { call{name: "op", n: n}.run(ctx) }

// evidence returns attributes of random kinds.
func evidence(r *rand.Rand) (attrs []attribute.KeyValue) {
	all := []attribute.KeyValue{
		attribute.String("a", "some text"), attribute.Int("a", 1), attribute.String("b", "text"),
		attribute.StringSlice("c", []string{"long", "longer"}), semconv.BlockReasonKey.String("not the reason"),
		attribute.Map("m", attribute.Slice("x", attribute.StringValue("deep"))),
		{Key: "none"},
		attribute.Int("", 1),
	}
	for range r.IntN(4) {
		attrs = append(attrs, all[r.IntN(len(all))])
	}
	return attrs
}

// Blocks and wakes are exported as the SDK exports them, whatever an operation waits for,
// however often and with whatever limits.
func TestPartsSame(t *testing.T) {
	total := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := setting{}
		if r.IntN(2) == 0 {
			l := sdktrace.NewSpanLimits()
			for _, limit := range []*int{&l.AttributeCountLimit, &l.AttributeValueLengthLimit, &l.LinkCountLimit, &l.AttributeValueDepthLimit} {
				if r.IntN(2) == 0 {
					*limit = r.IntN(9) - 1
				}
			}
			s.limits = &l
		}
		switch r.IntN(6) {
		case 0:
			s.sampler = adding{}
		case 1:
			s.processor = onStart{}
		case 2:
			s.sampler = sdktrace.AlwaysRecord(adding{})
		}
		c := call{name: []string{semconv.SpanRead, semconv.SpanWrite, "op"}[r.IntN(3)], n: r.IntN(5), evidence: evidence(r)}
		if r.IntN(3) == 0 {
			c.failed = "fault"
		}
		for i := range r.IntN(3) {
			c.as.Links = append(c.as.Links, oteltrace.Link{SpanContext: writer(byte(i + r.IntN(2)))}) // some are not valid
		}
		_, parts := both(t, s, func(t *testing.T, tp provider) { c.run(within(t, tp)) })
		if total += parts; t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if total == 0 {
		t.Error("got no part")
	}
}

// A part is made only if no evidence, limit or link would change what the SDK exports.
func TestParts(t *testing.T) {
	limits := func(f func(*sdktrace.SpanLimits)) *sdktrace.SpanLimits {
		l := sdktrace.NewSpanLimits()
		f(&l)
		return &l
	}
	for _, tt := range []struct {
		name     string
		limits   *sdktrace.SpanLimits
		evidence []attribute.KeyValue
		parts    int // of three blocks and three wakes, of which two have links
	}{
		{"plain", nil, nil, 6},
		{"a key twice", nil, []attribute.KeyValue{attribute.Int("a", 1), attribute.Int("b", 2), attribute.Int("a", 3)}, 6},
		{"the reason", nil, []attribute.KeyValue{semconv.BlockReasonKey.String("other"), attribute.Int("a", 1)}, 6},
		{"to be normalized", nil, []attribute.KeyValue{attribute.Map("m", attribute.Int("a", 1), attribute.Int("a", 2))}, 3},
		{"not valid", nil, []attribute.KeyValue{{Key: "none"}}, 3},
		{"two attributes", limits(func(l *sdktrace.SpanLimits) { l.AttributeCountLimit = 2 }), []attribute.KeyValue{attribute.Int("a", 1)}, 6},
		{"one attribute", limits(func(l *sdktrace.SpanLimits) { l.AttributeCountLimit = 1 }), []attribute.KeyValue{attribute.Int("a", 1)}, 3},
		{"no attribute", limits(func(l *sdktrace.SpanLimits) { l.AttributeCountLimit = 0 }), nil, 0},
		{"lengths", limits(func(l *sdktrace.SpanLimits) { l.AttributeValueLengthLimit = 2 }), nil, 0},
		{"one link", limits(func(l *sdktrace.SpanLimits) { l.LinkCountLimit = 1 }), nil, 6},
		{"no link", limits(func(l *sdktrace.SpanLimits) { l.LinkCountLimit = 0 }), nil, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, parts := both(t, setting{limits: tt.limits}, func(t *testing.T, tp provider) {
				call{name: semconv.SpanRead, n: 3, evidence: tt.evidence}.run(within(t, tp))
			})
			if parts != tt.parts {
				t.Errorf("got %d parts, want %d", parts, tt.parts)
			}
		})
	}
}

// Parts are made only if the sampler does not decide about them.
func TestPartsOfSamplers(t *testing.T) {
	always := sdktrace.AlwaysSample()
	other := struct{ sdktrace.Sampler }{always}
	for _, tt := range []struct {
		name    string
		sampler sdktrace.Sampler
		parts   int // of three blocks and three wakes
	}{
		{"AlwaysSample", always, 6},
		{"ParentBased", sdktrace.ParentBased(sdktrace.TraceIDRatioBased(1)), 6},
		{"ParentBased with a root of its own", sdktrace.ParentBased(other), 6},
		{"ParentBased with a child of its own", sdktrace.ParentBased(always, sdktrace.WithLocalParentSampled(other)), 0},
		{"TraceIDRatioBased", sdktrace.TraceIDRatioBased(1), 0},
		{"another", other, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, parts := compare(t, setting{sampler: tt.sampler, random: true}, func(t *testing.T, tp provider) {
				call{name: semconv.SpanRead, n: 3}.run(within(t, tp))
			})
			if parts != tt.parts {
				t.Errorf("got %d parts, want %d", parts, tt.parts)
			}
		})
	}
}

// Spans that an exporter keeps do not change, whatever happens to the operation's memory,
// its span and the spans below it.
func TestKeptSpansStay(t *testing.T) {
	var k keeper
	ctx := within(t, lean.NewTracerProvider(lean.WithSyncer(&k)))
	run := func(n byte) {
		op := startAs(ctx, semconv.SpanRead, core.Config{})
		for i := range n % 4 {
			op.Block(semconv.ReasonNetRead, trace.Evidence(attribute.Int("n", int(n))))
			op.Wake(semconv.WakeReadable, trace.CausedBy(writer(n+i)))
		}
		op.Link(writer(n))
		span := oteltrace.SpanFromContext(op.Context()).(sdktrace.ReadWriteSpan)
		endWith(op, core.Facts{Of: layout, Text: string('a' + rune(n))})
		op.SetAttributes(attribute.Int("late", 1))
		span.SetAttributes(attribute.Int("late", 1))
		span.AddLink(oteltrace.Link{SpanContext: writer(9)})
		span.SetName("late")
		span.End()
		_, below := trace.Start(oteltrace.ContextWithSpan(ctx, span), "below")
		below.End(nil)
	}
	texts := func(n int) (texts []string) {
		for _, s := range tracetest.SpanStubsFromReadOnlySpans(k.all()[:n]) {
			texts = append(texts, ids{}.text(t, s))
		}
		return texts
	}
	for n := range byte(30) {
		run(n)
	}
	n := len(k.all())
	before := texts(n)
	for n := range byte(30) {
		run(n + 100)
	}
	if got := texts(n); !slices.Equal(got, before) {
		t.Errorf("got\n%q\nwant\n%q", got, before)
	}
	if got := k.parts(); got == 0 {
		t.Error("got no part")
	}
	for i, s := range k.all() {
		if s.ChildSpanCount() > 6 || s.Name() == "late" {
			t.Errorf("span %d: got %q with %d children", i, s.Name(), s.ChildSpanCount())
		}
	}
}

// seer is a processor that looks at spans that begin, such as a program may have.
type seer struct {
	onStart
	names []string
}

func (s *seer) OnStart(_ context.Context, span sdktrace.ReadWriteSpan) {
	s.names = append(s.names, span.Name())
	span.SetAttributes(attribute.String("seen", "yes"))
}

// wrapped is another such processor. It wraps one of the SDK's.
type wrapped struct{ sdktrace.SpanProcessor }

func (w wrapped) MarshalLog() any {
	return w.SpanProcessor.(interface{ MarshalLog() any }).MarshalLog()
}

// batchSpanProcessor has nothing but its name in common with the SDK's.
type batchSpanProcessor struct{ onStart }

// Parts are made only while all processors are the SDK's. Another one sees blocks and
// wakes begin, as long as it is registered.
func TestQuiet(t *testing.T) {
	own := new(seer)
	batch := sdktrace.NewBatchSpanProcessor(new(keeper))
	for name, tt := range map[string]struct {
		processor sdktrace.SpanProcessor
		parts     int
	}{
		"none":    {sdktrace.NewSimpleSpanProcessor(nil), 2},
		"batch":   {batch, 2},
		"own":     {own, 0},
		"wrapped": {&wrapped{batch}, 0},
		"value":   {wrapped{batch}, 0},
		"name":    {&batchSpanProcessor{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var k keeper
			tp := lean.NewTracerProvider(lean.WithSyncer(&k))
			ctx := within(t, tp)
			tp.RegisterSpanProcessor(tt.processor)
			waits(ctx, 1)
			if got := k.parts(); got != tt.parts {
				t.Errorf("got %d parts, want %d", got, tt.parts)
			}
			tp.UnregisterSpanProcessor(tt.processor)
			waits(ctx, 1)
			if got, want := k.parts(), tt.parts+2; got != want {
				t.Errorf("got %d parts without the processor, want %d", got, want)
			}
			if tt.processor != own {
				return
			}
			if want := []string{"op", "block net.read", "wake readable"}; !slices.Equal(own.names, want) {
				t.Errorf("got the start of %q, want %q", own.names, want)
			}
			for _, s := range k.all()[:3] {
				if !slices.Contains(s.Attributes(), attribute.String("seen", "yes")) {
					t.Errorf("%s lacks what the processor set", s.Name())
				}
			}
		})
	}
}

// A part's own methods return what those of the SDK's span do.
func TestPartMethods(t *testing.T) {
	var k keeper
	waits(within(t, lean.NewTracerProvider(lean.WithSyncer(&k))), 1)
	all := k.all()
	block, op := all[0], all[2]
	wantMethods(t, block, reflect.TypeFor[sdktrace.ReadOnlySpan](), "part.go")
	wantMethods(t, op, reflect.TypeFor[sdktrace.ReadWriteSpan](), "span.go")
	for _, s := range all {
		if got, want := s.InstrumentationLibrary(), s.InstrumentationScope(); got != want || want.Name != trace.ScopeName { //nolint:staticcheck // it is there
			t.Errorf("%s: got the library %v, want the scope %v", s.Name(), got, want)
		}
	}
	if block.Attributes()[0] = attribute.Int("x", 1); block.Attributes()[0].Key == "x" {
		t.Error("an exporter can change a part")
	}
}
