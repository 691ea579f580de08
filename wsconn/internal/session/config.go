package session

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
)

// Config is what the options of an adapter set.
type Config struct {
	Propagators propagation.TextMapPropagator
	CloseReason bool

	trace  []trace.Option // what is to be changed in the tracer of the context
	volume volume

	// WithoutPeerLinks, PublicEndpoint and PeerParent are the options of these
	// names.
	WithoutPeerLinks, PublicEndpoint, PeerParent bool

	// Accept is the adapter's *websocket.AcceptOptions for its Handler.
	Accept any
}

// Option configures connections.
type Option func(*Config)

// WithTracerProvider is trace.WithTracerProvider.
func WithTracerProvider(p oteltrace.TracerProvider) Option {
	return func(c *Config) {
		if p != nil {
			c.trace = append(c.trace, trace.WithTracerProvider(p))
		}
	}
}

// WithPropagators sets Propagators, unless p is nil.
func WithPropagators(p propagation.TextMapPropagator) Option {
	return func(c *Config) {
		if p != nil {
			c.Propagators = p
		}
	}
}

// WithCloseReason sets CloseReason.
func WithCloseReason() Option {
	return func(c *Config) { c.CloseReason = true }
}

// WithoutPeerLinks sets WithoutPeerLinks.
func WithoutPeerLinks() Option {
	return func(c *Config) { c.WithoutPeerLinks = true }
}

// WithPublicEndpoint sets PublicEndpoint.
func WithPublicEndpoint() Option {
	return func(c *Config) { c.PublicEndpoint = true }
}

// WithPeerParent sets PeerParent.
func WithPeerParent() Option {
	return func(c *Config) { c.PeerParent = true }
}

// WithAcceptOptions sets Accept to a copy of opts, unless opts is nil.
func WithAcceptOptions[T any](opts *T) Option {
	if opts == nil {
		return nil
	}
	o := *opts
	return func(c *Config) { c.Accept = &o }
}

var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// NewConfig applies opts; the last of a kind wins.
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
	if len(c.Propagators.Fields()) == 0 { // none was set
		c.Propagators = w3c
	}
	return &c
}

// tracer returns the tracer that ctx carries, with what is configured.
func (c *Config) tracer(ctx context.Context) *trace.Tracer {
	t := trace.FromContext(ctx)
	if len(c.trace) > 0 {
		t = t.With(c.trace...)
	}
	return t
}
