package lean_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
)

// ids numbers the ids in the order in which they were seen.
type ids map[string]string

var id = regexp.MustCompile(`"([0-9a-f]{32}|[0-9a-f]{16})"`)

// text returns all that an exporter can see of a span, with ids as their numbers.
func (seen ids) text(t *testing.T, span tracetest.SpanStub) string {
	t.Helper()
	j, err := json.Marshal(span)
	if err != nil {
		t.Fatal(err)
	}
	return id.ReplaceAllStringFunc(goroutineID.ReplaceAllString(string(j), `"goroutine.id"`), func(id string) string {
		if seen[id] == "" && strings.Trim(id, `"0`) != "" {
			seen[id] = fmt.Sprintf(`"id %d"`, len(seen))
		}
		return cmp.Or(seen[id], id)
	})
}

var goroutineID = regexp.MustCompile(`"goroutine.id"[^}]*`)

// wantMethods checks that all methods of a span are declared in this file of the package.
// A method that a later SDK adds must be written there, too.
func wantMethods(t *testing.T, span any, all reflect.Type, in string) {
	t.Helper()
	typ := reflect.TypeOf(span)
	for i := range all.NumMethod() {
		name := all.Method(i).Name
		if !all.Method(i).IsExported() {
			continue
		}
		m, ok := typ.MethodByName(name)
		if !ok {
			t.Errorf("%v has no method %s", typ, name)
			continue
		}
		if file, _ := runtime.FuncForPC(m.Func.Pointer()).FileLine(m.Func.Pointer()); !strings.HasSuffix(file, in) {
			t.Errorf("%s is in %s, not in %s", name, file, in)
		}
	}
}

// operations makes a goroutine's spans by package trace.
func operations(ctx context.Context) {
	const ms = time.Millisecond
	_ = trace.Handle(ctx, "goroutine", func(ctx context.Context) error {
		ctx, op := trace.Start(ctx, "op", attribute.String("a", "b"), attribute.String("a", "c"))
		time.Sleep(ms)
		op.Block(semconv.ReasonNetRead, trace.Evidence(semconv.BlockSourceKey.String("poll")))
		time.Sleep(ms)
		op.Wake(semconv.WakeReadable, trace.CausedBy(oteltrace.SpanContextFromContext(ctx)), trace.Evidence(attribute.Int("x", 1), attribute.Bool("y", true)))
		op.Block(semconv.ReasonLock)
		op.SetAttributes(attribute.Float64("f", 2.5))
		oteltrace.SpanFromContext(ctx).SetAttributes(attribute.String("own", "attribute"))
		_, below := trace.Start(ctx, "below")
		below.End(errors.New("failed"), attribute.StringSlice("s", []string{"t"}))
		time.Sleep(ms)
		op.End(nil, attribute.Int("size", 3))
		op.SetAttributes(attribute.Int("late", 1))
		return errors.New("failed")
	})
}

func TestOperations(t *testing.T) {
	spans, parts := both(t, setting{}, func(t *testing.T, tp provider) { operations(within(t, tp)) })
	if got, want := len(spans), 6; got != want || parts != 3 {
		t.Errorf("got %d spans of which %d are parts, want %d and 3", got, parts, want)
	}
}

// An operation that ends with the facts of a schema is exported as if each attribute had
// been set, whatever was set before and after, and whatever the limits.
func TestEndWith(t *testing.T) {
	fixed := []attribute.KeyValue{attribute.String("fixed", "text"), attribute.Bool("b", true)}
	for name, l := range map[string]*core.Schema{
		"plain":            schema(fixed, "text", "x", "y"),
		"no text":          schema(fixed, "", "x"),
		"fixed":            schema(fixed, ""),
		"not valid":        schema([]attribute.KeyValue{{Key: "none"}, fixed[0]}, "text"),
		"to be normalized": schema([]attribute.KeyValue{attribute.Map("m", attribute.Int("k", 1), attribute.Int("k", 2))}, "text"),
		"a total, too":     schema(fixed, "text", semconv.BlockCountKey, "x"),
	} {
		t.Run(name, func(t *testing.T) {
			for _, limit := range []func(*sdktrace.SpanLimits) *int{
				func(l *sdktrace.SpanLimits) *int { return &l.AttributeCountLimit },
				func(l *sdktrace.SpanLimits) *int { return &l.AttributeValueLengthLimit },
			} {
				for n := -1; n < 10; n++ {
					limits := sdktrace.NewSpanLimits()
					*limit(&limits) = n
					both(t, setting{limits: &limits}, func(t *testing.T, tp provider) {
						for blocks := range 3 {
							for _, before := range [][]attribute.KeyValue{nil, {attribute.Int("before", 1)}, {attribute.Int("x", 1), attribute.Int("z", 2)}} {
								endsWith(within(t, tp), l, blocks, before)
							}
						}
					})
				}
			}
		})
	}
}

func endsWith(ctx context.Context, l *core.Schema, blocks int, before []attribute.KeyValue) {
	ctx, op := trace.Start(ctx, semconv.SpanRead)
	span := oteltrace.SpanFromContext(ctx)
	span.SetAttributes(before...)
	for range blocks {
		op.Block(semconv.ReasonNetRead)
		time.Sleep(time.Millisecond)
		op.Wake(semconv.WakeReadable)
	}
	endWith(op, core.Facts{Of: l, Text: "a text", Ints: [core.MaxInts]int64{1, 2}})
	endWith(op, core.Facts{Of: l, Text: "twice"})
	span.SetAttributes(attribute.Int("after", 1))
}

// The attributes of a schema are made once, whichever goroutine asks first.
func TestEndWithConcurrentSafe(t *testing.T) {
	var k keeper
	ctx, op := trace.Start(within(t, lean.NewTracerProvider(lean.WithSyncer(&k))), semconv.SpanRead)
	span := oteltrace.SpanFromContext(ctx)
	endWith(op, core.Facts{Of: layout, Text: "a text"})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, want := len(k.all()[0].Attributes()), 5; got != want {
				t.Errorf("got %d attributes, want %d", got, want)
			}
		})
		wg.Go(func() {
			op.SetAttributes(attribute.Int("late", 1))
			span.SetAttributes(attribute.Int("late", 1))
		})
	}
	wg.Wait()
}

// A child that begins during or after the end of its parent does not change the exported
// parent.
func TestLateChild(t *testing.T) {
	for range 100 {
		var k keeper
		tp := lean.NewTracerProvider(lean.WithSyncer(&k))
		ctx, span := tp.Tracer(trace.ScopeName).Start(t.Context(), "parent")
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				_, child := tp.Tracer(trace.ScopeName).Start(ctx, "child")
				child.End()
			})
		}
		span.End()
		all := k.all()
		parent := all[slices.IndexFunc(all, func(s sdktrace.ReadOnlySpan) bool { return s.Name() == "parent" })]
		n := parent.ChildSpanCount()
		wg.Wait()
		if got := parent.ChildSpanCount(); got != n {
			t.Fatalf("got %d children after %d", got, n)
		}
	}
}

// Attributes that were read from an open span do not change later.
func TestOpenAttributes(t *testing.T) {
	_, span := lean.NewTracerProvider().Tracer(trace.ScopeName).Start(t.Context(), "x", oteltrace.WithAttributes(attribute.Int("a", 1)))
	got := span.(sdktrace.ReadOnlySpan).Attributes()
	span.SetAttributes(attribute.Int("a", 2))
	if want := attribute.Int("a", 1); got[0] != want {
		t.Errorf("got %v, want %v", got[0], want)
	}
}

func TestNoContext(t *testing.T) {
	var none context.Context
	ctx, span := lean.NewTracerProvider().Tracer(trace.ScopeName).Start(none, "x")
	if got := oteltrace.SpanFromContext(ctx); got != span {
		t.Errorf("got a context with %v, want %v", got, span)
	}
}

// The end of a span may be before its start, as far as a time can be.
func TestEndLongAgo(t *testing.T) {
	var k keeper
	_, span := lean.NewTracerProvider(lean.WithSyncer(&k)).Tracer(trace.ScopeName).Start(t.Context(), "x")
	span.End(oteltrace.WithTimestamp(time.Time{}.Add(1)))
	span.End()
	if got := len(k.all()); got != 1 || span.IsRecording() {
		t.Errorf("got %d ends, recording %t, want one", got, span.IsRecording())
	}
}

// A span is exported as the SDK's is, whatever the API does to it, with any limits and
// sampler.
func TestSpanSame(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := setting{}
		if r.IntN(2) == 0 {
			l := sdktrace.NewSpanLimits()
			for _, limit := range []*int{
				&l.AttributeCountLimit, &l.AttributeValueLengthLimit, &l.EventCountLimit,
				&l.LinkCountLimit, &l.AttributePerEventCountLimit, &l.AttributePerLinkCountLimit, &l.AttributeValueDepthLimit,
			} {
				if r.IntN(2) == 0 {
					*limit = r.IntN(5) - 1
				}
			}
			s.limits = &l
		}
		switch r.IntN(4) {
		case 0:
			s.sampler = adding{}
		case 1:
			s.sampler = sdktrace.AlwaysRecord(sdktrace.TraceIDRatioBased(0.5))
		case 2:
			s.sampler = sdktrace.ParentBased(sdktrace.AlwaysSample())
		}
		if r.IntN(3) == 0 {
			s.processor = onStart{}
		}
		program := r.Uint64()
		both(t, s, func(t *testing.T, tp provider) {
			random(t.Context(), tp.Tracer(trace.ScopeName, oteltrace.WithInstrumentationVersion("v1")), rand.New(rand.NewPCG(program, 1)))
		})
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// random makes a span and does random things to it.
func random(ctx context.Context, tracer oteltrace.Tracer, r *rand.Rand) {
	attrs := func() (attrs []attribute.KeyValue) {
		for range r.IntN(4) {
			key := attribute.Key([]string{"a", "b", "c", "d", "e", ""}[r.IntN(6)])
			attrs = append(attrs, []attribute.KeyValue{
				key.Int(r.IntN(9)), key.String("some text"), key.String("long text, longer than any limit"), key.Bool(true),
				key.StringSlice([]string{"long", "longer"}),
				{Key: key},
				key.Float64(1.5), attribute.Map(string(key), attribute.Slice("x", attribute.StringValue("deep and long"))),
			}[r.IntN(8)])
		}
		return attrs
	}
	link := func() oteltrace.Link {
		c := oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{byte(r.IntN(3))}}
		return oteltrace.Link{SpanContext: oteltrace.NewSpanContext(c), Attributes: attrs()}
	}
	var opts []oteltrace.SpanStartOption
	for range r.IntN(3) {
		opts = append(opts, []oteltrace.SpanStartOption{
			oteltrace.WithAttributes(attrs()...), oteltrace.WithLinks(link()), oteltrace.WithSpanKind(oteltrace.SpanKindClient),
			oteltrace.WithTimestamp(time.Unix(5, 0)), oteltrace.WithNewRoot(),
		}[r.IntN(5)])
	}
	root, span := tracer.Start(ctx, "root", opts...)
	_, child := tracer.Start(root, "child")
	child.End()
	for range r.IntN(12) {
		time.Sleep(time.Duration(r.IntN(2)) * time.Millisecond)
		switch r.IntN(9) {
		case 0, 1, 2:
			span.SetAttributes(attrs()...)
		case 3:
			span.AddEvent("event", oteltrace.WithAttributes(attrs()...))
		case 4:
			span.RecordError(errors.New("an error"))
		case 5:
			span.AddLink(link())
		case 6:
			span.SetStatus(codes.Code(r.IntN(3)), []string{"why", ""}[r.IntN(2)])
		case 7:
			span.SetName("other")
		case 8:
			random(root, tracer, r)
		}
	}
	var end []oteltrace.SpanEndOption
	if r.IntN(3) == 0 {
		end = append(end, oteltrace.WithTimestamp(time.Unix(6, 0)))
	}
	span.End(end...)
	span.SetAttributes(attrs()...)
	span.SetName("late")
	span.AddEvent("late")
	span.AddLink(link())
	span.End()
}

// adding is a sampler that adds attributes and a trace state.
type adding struct{}

func (adding) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	state, _ := oteltrace.ParseTraceState("k=v")
	seen := attribute.Int("seen", len(p.Attributes)+10*len(p.Links))
	if p.TraceID[7]%4 == 0 {
		return sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: state}
	}
	return sdktrace.SamplingResult{
		Decision: sdktrace.RecordAndSample, Tracestate: state,
		Attributes: []attribute.KeyValue{attribute.String("a", "sampler"), seen},
	}
}

func (adding) Description() string { return "adding" }

// onStart is a processor that sets attributes at the start, and reads them.
type onStart struct{ sdktrace.SpanProcessor }

func (onStart) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) {
	s.SetAttributes(attribute.Int("before", len(s.Attributes())), attribute.Bool("recording", s.IsRecording()),
		attribute.Bool("ended", !s.EndTime().IsZero()))
}
func (onStart) OnEnd(sdktrace.ReadOnlySpan)      {}
func (onStart) Shutdown(context.Context) error   { return nil }
func (onStart) ForceFlush(context.Context) error { return nil }
