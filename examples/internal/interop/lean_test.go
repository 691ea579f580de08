package interop_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/contrib/processors/baggagecopy"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/sdk/resource"
	"google.golang.org/protobuf/proto"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// ids are those that two providers make alike.
type ids struct {
	mu sync.Mutex
	n  uint64
}

func (g *ids) NewIDs(ctx context.Context) (id oteltrace.TraceID, _ oteltrace.SpanID) {
	return oteltrace.TraceID{1}, g.NewSpanID(ctx, id)
}

func (g *ids) NewSpanID(context.Context, oteltrace.TraceID) (id oteltrace.SpanID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n++
	binary.BigEndian.PutUint64(id[:], g.n)
	return id
}

// provider is what both providers have.
type provider interface {
	oteltrace.TracerProvider
	Shutdown(context.Context) error
}

var service = resource.NewSchemaless(attribute.String("service.name", "x"))

// providers make the two with the same processors.
var providers = map[string]func(ps ...sdktrace.SpanProcessor) provider{
	"sdk": func(ps ...sdktrace.SpanProcessor) provider {
		opts := []sdktrace.TracerProviderOption{sdktrace.WithIDGenerator(new(ids)), sdktrace.WithResource(service)}
		for _, p := range ps {
			opts = append(opts, sdktrace.WithSpanProcessor(p))
		}
		return sdktrace.NewTracerProvider(opts...)
	},
	"lean": func(ps ...sdktrace.SpanProcessor) provider {
		opts := []lean.Option{lean.WithIDGenerator(new(ids)), lean.WithResource(service)}
		for _, p := range ps {
			opts = append(opts, lean.WithSpanProcessor(p))
		}
		return lean.NewTracerProvider(opts...)
	},
}

// converse is an operation that waits, one that fails, a goroutine, a span of
// somebody else's between, and a connection that is refused.
func converse(t *testing.T, tp provider, refused string) {
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(t.Context())
	member, err := baggage.NewMember("tenant", "acme")
	if err != nil {
		t.Fatal(err)
	}
	bag, err := baggage.New(member)
	if err != nil {
		t.Fatal(err)
	}
	ctx = baggage.ContextWithBaggage(ctx, bag)
	_ = trace.Handle(ctx, "goroutine", func(ctx context.Context) error {
		ctx, between := tp.Tracer("other").Start(ctx, "between")
		defer between.End()
		ctx, op := trace.Start(ctx, "op", attribute.Bool("start", true))
		oteltrace.SpanFromContext(ctx).AddEvent("event", oteltrace.WithAttributes(attribute.Int("n", 1)))
		op.Block(semconv.ReasonLock, trace.Evidence(attribute.String("held", "by another")))
		op.Wake(semconv.WakeUnlocked, trace.CausedBy(between.SpanContext()))
		op.End(context.DeadlineExceeded, attribute.StringSlice("many", []string{"a", "b"}))
		_, _, err := wsconn.Dial(ctx, refused, nil)
		return err
	})
	if err := tp.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// refusing answers every handshake with a status.
func refusing(t *testing.T) string {
	srv := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(srv.Close)
	return srv.URL
}

// uploads is an OTLP client that keeps what it is to send.
type uploads struct{ spans []*tracepb.ResourceSpans }

func (u *uploads) Start(context.Context) error { return nil }
func (u *uploads) Stop(context.Context) error  { return nil }
func (u *uploads) UploadTraces(_ context.Context, spans []*tracepb.ResourceSpans) error {
	u.spans = append(u.spans, spans...)
	return nil
}

// What a lean provider sends by OTLP is what the SDK's sends, to the byte, but for
// the times, the goroutine's number and the client's port.
func TestLeanOTLP(t *testing.T) {
	url := refusing(t)
	sent := map[string][]byte{}
	for name, make := range providers {
		u := new(uploads)
		e, err := otlptrace.New(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		converse(t, make(sdktrace.NewBatchSpanProcessor(e)), url)
		n := 0
		for _, rs := range u.spans {
			slices.SortFunc(rs.ScopeSpans, func(a, b *tracepb.ScopeSpans) int { return strings.Compare(a.Scope.Name, b.Scope.Name) })
			for _, ss := range rs.ScopeSpans {
				for _, s := range ss.Spans {
					n++
					s.StartTimeUnixNano, s.EndTimeUnixNano = 0, 0
					for _, e := range s.Events {
						e.TimeUnixNano = 0
					}
					for _, a := range s.Attributes {
						switch {
						case a.Key == string(semconv.GoroutineIDKey), a.Key == string(semconv.BlockDurationKey), a.Key == string(semconv.BlockLongestDurationKey),
							strings.HasPrefix(a.Key, "goroutine."), a.Key == string(semconv.ServerPortKey), a.Key == string(semconv.NetworkLocalPortKey):
							a.Value = nil
						}
					}
				}
			}
			b, err := proto.MarshalOptions{Deterministic: true}.Marshal(rs)
			if err != nil {
				t.Fatal(err)
			}
			sent[name] = append(sent[name], b...)
		}
		if n < 8 {
			t.Errorf("%s: got %d spans, want more than 8", name, n)
		}
	}
	if !bytes.Equal(sent["sdk"], sent["lean"]) {
		t.Errorf("sent\n%q\nwant as of the SDK\n%q", sent["lean"], sent["sdk"])
	}
}

var (
	times  = regexp.MustCompile(`"\d{4}-[^"]*Z?"`)
	counts = regexp.MustCompile(`"ChildSpanCount":\d+`)
	values = regexp.MustCompile(`("(?:goroutine\.[^"]*|block\.(?:longest\.)?duration|network\.local\.port)","Value":\{"Type":"[A-Z0-9]*","Value":)[^}]*`)
)

// As text, too.
func TestLeanStdout(t *testing.T) {
	url := refusing(t)
	printed := map[string]string{}
	for name, make := range providers {
		text := printedBy(t, make, url)
		text = times.ReplaceAllString(text, "TIME")
		text = counts.ReplaceAllString(text, "CHILDREN") // not of mixed spans
		printed[name] = values.ReplaceAllString(text, "${1}VALUE")
	}
	if printed["sdk"] != printed["lean"] {
		t.Errorf("printed\n%s\nwant as of the SDK\n%s", printed["lean"], printed["sdk"])
	}
}

// And with a processor of OpenTelemetry's contrib that sets attributes when a span
// starts. They come before those of a block that the SDK's spans are given then.
func TestLeanBaggage(t *testing.T) {
	text := printedBy(t, providers["lean"], refusing(t), baggagecopy.NewSpanProcessor(baggagecopy.AllowAllMembers))
	spans, tenants := strings.Count(text, `"SpanContext":{"TraceID":"01`), strings.Count(text, `"acme"`)
	if tenants < 8 || tenants > spans {
		t.Errorf("got %d of %d spans with the baggage, want all", tenants, spans)
	}
}

func printedBy(t *testing.T, make func(...sdktrace.SpanProcessor) provider, url string, before ...sdktrace.SpanProcessor) string {
	t.Helper()
	var b bytes.Buffer
	e, err := stdouttrace.New(stdouttrace.WithWriter(&b))
	if err != nil {
		t.Fatal(err)
	}
	converse(t, make(append(before, sdktrace.NewSimpleSpanProcessor(e))...), url)
	return b.String()
}
