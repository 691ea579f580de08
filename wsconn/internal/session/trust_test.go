package session_test

import (
	"context"
	"net/http"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// nothing propagates nothing, under a header of its own.
type nothing struct{}

func (nothing) Inject(context.Context, propagation.TextMapCarrier) {}

func (nothing) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context { return ctx }

func (nothing) Fields() []string { return []string{"nothing"} }

// A client does not decide what a public endpoint records. Its span and its writes are
// linked to, and are not parents.
func TestPublicEndpoint(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{tcp: true, server: []session.Option{session.WithPublicEndpoint(), session.WithPublicPeerLinks(), session.WithPeerParent()}})
		_ = p.client.Write(t.Context(), messageText, []byte("a"))
		if _, _, err := p.server.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		theirs, ours := tracetest.One(t, p.clientSpans.Chain(), semconv.SpanHandshake), tracetest.One(t, p.serverSpans.Chain(), semconv.SpanHandshake)
		if ours.ParentID.IsValid() || ours.TraceID == theirs.TraceID {
			t.Errorf("the handshake is adopted: its parent is %v", ours.ParentID)
		}
		if l := ours.Links; len(l) != 1 || l[0].SpanContext.SpanID() != theirs.SpanID {
			t.Errorf("got links %v, want one to %v", l, theirs.SpanID)
		}
		read := tracetest.One(t, p.serverSpans.Chain(), semconv.SpanRead)
		if got, want := read.TraceID, ours.TraceID; got != want {
			t.Errorf("the read is of trace %v, want %v", got, want)
		}
		if l := read.Links; len(l) != 1 || l[0].SpanContext.SpanID() != tracetest.One(t, p.clientSpans.Chain(), semconv.SpanWrite).SpanID {
			t.Errorf("got links %v of the read, want one to the client's write", l)
		}
	})
}

// An untrusted client that asks for trace pongs gets no ids, unless the program allows
// it.
func TestPublicEndpointAgreesToNoPongs(t *testing.T) {
	for _, agrees := range []bool{false, true} {
		each(t, func(t *testing.T, lib library) {
			opts := []session.Option{session.WithPublicEndpoint()}
			if agrees {
				opts = append(opts, session.WithPublicPeerLinks())
			}
			l, url := listen(t)
			rec := newRecorder(t)
			serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := lib.traced.accept(w, r, options{}, append(opts, rec.option())...)
				if err != nil {
					t.Error(err)
					return
				}
				_ = c.Write(r.Context(), messageText, []byte("a"))
				_ = c.CloseNow()
			}))
			c, resp, err := lib.bare.dial(t.Context(), url, options{header: http.Header{tracepong.Header: {tracepong.Version}}})
			if err != nil {
				t.Fatal(err)
			}
			_ = c.CloseNow()
			if got := resp.Header.Get(tracepong.Header) != ""; got != agrees {
				t.Errorf("it agrees to trace pongs: %t, want %t", got, agrees)
			}
		})
	}
}

// A span of the server's own is the parent at a public endpoint as well; a
// middleware's of another process is not. The client's baggage stays out, and the middleware's stays.
func TestPublicEndpointBehindMiddleware(t *testing.T) {
	for _, remote := range []bool{false, true} {
		each(t, func(t *testing.T, lib library) {
			client, server := newRecorder(t), newRecorder(t)
			l, url := listen(t)
			middle := make(chan oteltrace.SpanContext, 1)
			bags := make(chan string, 1)
			handler := lib.handler("ws", func(ctx context.Context, c conn) error {
				bags <- baggage.FromContext(ctx).String()
				return nil
			}, session.WithPublicEndpoint(), server.option())
			serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, span := server.Tracer("middleware").Start(r.Context(), "middleware")
				defer span.End()
				if remote {
					ctx = oteltrace.ContextWithRemoteSpanContext(r.Context(), span.SpanContext())
				}
				middle <- span.SpanContext()
				own, _ := baggage.NewMember("own", "green")
				bag, _ := baggage.New(own)
				ctx = baggage.ContextWithBaggage(ctx, bag)
				handler.ServeHTTP(w, r.WithContext(ctx))
			}))
			member, _ := baggage.NewMember("tenant", "blue")
			bag, _ := baggage.New(member)
			c, _, err := lib.traced.dial(baggage.ContextWithBaggage(t.Context(), bag), url, options{}, client.option())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.CloseNow() }()
			if got := <-bags; got != "own=green" {
				t.Errorf("got baggage %q, want that of the middleware alone", got)
			}
			wantEnd(t, server, semconv.SpanHandshake, 1)
			h, want := tracetest.One(t, server.Chain(), semconv.SpanHandshake), <-middle
			if got := h.ParentID == want.SpanID(); got == remote {
				t.Errorf("remote %t: the middleware's span is the parent: %t", remote, got)
			}
			if got := len(h.Links) == 1; got != remote {
				t.Errorf("remote %t: the handshake links to it: %t", remote, got)
			}
		})
	}
}

// Whether a connection is traced is decided where its trace begins. So both ends agree.
func TestSampling(t *testing.T) {
	by := func(s sdktrace.Sampler) func(*testing.T) *recorder {
		return func(t *testing.T) *recorder { return newRecorder(t, sdktrace.WithSampler(s)) }
	}
	byDefault := func(t *testing.T) *recorder { return newRecorder(t) }
	public, w3c, none := session.WithPublicEndpoint(), session.WithPropagators(nil), session.WithPropagators(nothing{})
	for _, test := range []struct {
		name           string
		client, server func(*testing.T) *recorder
		opts           []session.Option
		sampled        [2]bool // client, server
		links          bool
	}{
		{"both", byDefault, byDefault, nil, [2]bool{true, true}, true},
		{"an unsampled client", never, byDefault, nil, [2]bool{false, false}, false},
		{"an unsampled client, a server that samples always", never, by(sdktrace.AlwaysSample()), nil, [2]bool{false, false}, false},
		{
			"a sampled client, a server that begins no trace", byDefault,
			by(sdktrace.ParentBased(sdktrace.NeverSample())), nil,
			[2]bool{true, true},
			true,
		},
		{"a sampled client, a server that refuses", byDefault, never, nil, [2]bool{true, false}, false},
		{"no propagation", byDefault, byDefault, []session.Option{none}, [2]bool{true, true}, true},
		{"no propagation, an unsampled client", never, byDefault, []session.Option{none}, [2]bool{false, true}, false},
		{"the default propagation", byDefault, byDefault, []session.Option{w3c}, [2]bool{true, true}, true},
		{"a public endpoint, an unsampled client", never, byDefault, []session.Option{public}, [2]bool{false, true}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				client, server := test.client(t), test.server(t)
				p := connected(t, lib, lib, options{}, client, server, test.opts...)
				_ = p.client.Write(t.Context(), messageText, []byte("a"))
				if _, _, err := p.server.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
				for i, r := range []*recorder{client, server} {
					if got := len(r.Chain().Named(semconv.SpanHandshake)) > 0; got != test.sampled[i] {
						t.Errorf("side %d is traced: %t, want %t", i, got, test.sampled[i])
					}
				}
				links := 0
				for _, r := range server.Chain().Named(semconv.SpanRead) {
					links += len(r.Links)
				}
				if got := links > 0; got != test.links {
					t.Errorf("the server's read links: %t, want %t", got, test.links)
				}
				if h := server.Chain().Named(semconv.SpanHandshake); len(h) > 0 && len(h[0].Links) > 0 {
					t.Error("the handshake links to a span that nobody recorded")
				}
			})
		})
	}
}
