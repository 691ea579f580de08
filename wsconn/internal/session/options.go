package session

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Config is what an adapter's options set. The options and their defaults are
// documented in package wsconn.
type Config struct {
	Propagators propagation.TextMapPropagator

	// CloseReason, WithoutPeerLinks, PublicEndpoint, PublicPeerLinks and PeerParent are
	// the options of these names.
	CloseReason, WithoutPeerLinks, PublicEndpoint, PublicPeerLinks, PeerParent bool

	// Handler is the name of the adapter's Handler; "": none.
	Handler string

	// Accept are the adapter's own options for its Handler, and AcceptFor returns those
	// of a request, or nil.
	Accept    any
	AcceptFor func(*http.Request) any

	handlerName func(*http.Request) string
	attributes  func(*http.Request) []attribute.KeyValue
	onError     []func(context.Context, *http.Request, error)

	trace  []trace.Option // for the tracer in the context
	stalls *stallWatch    // nil: stalls are not reported

	derived atomic.Pointer[derived] // the last one used
	volume  volume
}

// Option configures connections.
type Option func(*Config)

// NewConfig applies opts; the last of each kind wins.
func NewConfig(opts []Option) *Config {
	c := Config{volume: volume{spans: DefaultTraceSpans, age: DefaultTraceAge}}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	if c.Propagators == nil {
		c.Propagators = otel.GetTextMapPropagator()
	}
	if len(c.Propagators.Fields()) == 0 { // the program has set none
		c.Propagators = w3c
	}
	return &c
}

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// peerLinks reports whether a server agrees to trace pongs, if a client asks.
func (c *Config) peerLinks() bool {
	return !c.WithoutPeerLinks && (!c.PublicEndpoint || c.PublicPeerLinks)
}

// tracer returns the tracer in ctx, with the configured options.
func (c *Config) tracer(ctx context.Context) *trace.Tracer {
	t := trace.FromContext(ctx)
	if len(c.trace) == 0 {
		return t
	}
	if d := c.derived.Load(); d != nil && d.from == t {
		return d.tracer
	}
	d := &derived{t, t.With(c.trace...)}
	c.derived.Store(d)
	return d.tracer
}

// derived is a tracer with the configured options. The connections of a handler share
// it.
type derived struct{ from, tracer *trace.Tracer }

// WithTracerProvider is trace.WithTracerProvider.
func WithTracerProvider(p oteltrace.TracerProvider) Option {
	return traceOption(trace.WithTracerProvider(p))
}

// WithMeterProvider is trace.WithMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return traceOption(trace.WithMeterProvider(p))
}

// WithMinBlock is trace.WithMinBlock.
func WithMinBlock(d time.Duration) Option { return traceOption(trace.WithMinBlock(d)) }

func traceOption(o trace.Option) Option {
	return func(c *Config) { c.trace = append(c.trace, o) }
}

// WithPropagators sets Propagators, unless p is nil.
func WithPropagators(p propagation.TextMapPropagator) Option {
	if p == nil {
		return nil
	}
	return func(c *Config) { c.Propagators = p }
}

// WithCloseReason sets CloseReason.
func WithCloseReason() Option { return func(c *Config) { c.CloseReason = true } }

// WithoutPeerLinks sets WithoutPeerLinks.
func WithoutPeerLinks() Option { return func(c *Config) { c.WithoutPeerLinks = true } }

// WithPublicEndpoint sets PublicEndpoint.
func WithPublicEndpoint() Option { return func(c *Config) { c.PublicEndpoint = true } }

// WithPublicPeerLinks sets PublicPeerLinks.
func WithPublicPeerLinks() Option { return func(c *Config) { c.PublicPeerLinks = true } }

// WithPeerParent sets PeerParent.
func WithPeerParent() Option { return func(c *Config) { c.PeerParent = true } }

// WithHandlerName names the goroutine of a request.
func WithHandlerName(f func(*http.Request) string) Option {
	return func(c *Config) { c.handlerName = f }
}

// NameFor returns the Handler's name for a request; "": there is no Handler.
func (c *Config) NameFor(r *http.Request) string {
	if c.handlerName != nil && c.Handler != "" {
		return cmp.Or(c.handlerName(r), c.Handler)
	}
	return c.Handler
}

// WithAttributes sets attributes of the handshake and of each segment.
func WithAttributes(f func(*http.Request) []attribute.KeyValue) Option {
	return func(c *Config) { c.attributes = f }
}

// WithOnError adds a function that is called when a Handler fails.
func WithOnError(f func(context.Context, *http.Request, error)) Option {
	if f == nil {
		return nil
	}
	return func(c *Config) { c.onError = append(c.onError, f) }
}

// WithLogger adds a function like WithOnError's that logs the error.
func WithLogger(l *slog.Logger) Option {
	if l == nil {
		return nil
	}
	return func(c *Config) {
		c.onError = append(c.onError, func(ctx context.Context, r *http.Request, err error) {
			l.ErrorContext(ctx, "websocket: handler failed", "handler", c.NameFor(r), "remote", r.RemoteAddr, "error", err)
		})
	}
}

// Failed calls the functions of WithOnError.
func (c *Config) Failed(ctx context.Context, r *http.Request, err error) {
	for _, f := range c.onError {
		f(ctx, r, err)
	}
}

// WithAcceptOptionsFor sets AcceptFor.
func WithAcceptOptionsFor[T any](f func(*http.Request) *T) Option {
	if f == nil {
		return nil
	}
	return func(c *Config) {
		c.AcceptFor = func(r *http.Request) any {
			if o := f(r); o != nil {
				return o
			}
			return nil
		}
	}
}

// AcceptOptions returns the adapter's own options for a request; nil: none are set.
func AcceptOptions[T any](c *Config, r *http.Request) *T {
	if c.AcceptFor != nil {
		if o, ok := c.AcceptFor(r).(*T); ok {
			return o
		}
	}
	o, _ := c.Accept.(*T)
	return o
}

// WithAcceptOptions sets Accept to a copy of opts, unless opts is nil.
func WithAcceptOptions[T any](opts *T) Option {
	if opts == nil {
		return nil
	}
	o := *opts
	return func(c *Config) { c.Accept = &o }
}

// MessageSpans selects which reads and writes have spans.
type MessageSpans uint8

// The values of MessageSpans.
const (
	MessagesAuto MessageSpans = iota
	MessagesAll
	MessagesBlocked
	MessagesNone
)

// String returns auto, all, blocked or none.
func (m MessageSpans) String() string {
	names := [...]string{"auto", "all", "blocked", "none"}
	if int(m) >= len(names) {
		return "MessageSpans(" + strconv.Itoa(int(m)) + ")"
	}
	return names[m]
}

// The default trace budget. Both ends of a connection may be in one trace, and Jaeger's
// page slows down above 2,000 spans.
const (
	DefaultTraceSpans = 1000
	DefaultTraceAge   = 10 * time.Minute
)

// WithMessageSpans sets which reads and writes have spans.
func WithMessageSpans(x MessageSpans) Option {
	return func(c *Config) { c.volume.messages, c.volume.chosen = x, true }
}

// WithTracePerMessage makes each read and write a trace of its own.
func WithTracePerMessage() Option { return func(c *Config) { c.volume.perMessage = true } }

// WithTraceBudget limits a connection's share of one trace.
func WithTraceBudget(spans int, age time.Duration) Option {
	return func(c *Config) { c.volume.spans, c.volume.age = spans, age }
}
