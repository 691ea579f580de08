package coderws

import (
	"github.com/coder/websocket"
	"go.opentelemetry.io/otel/propagation"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// Option configures [Accept], [Dial] and [Handler]. The last option of a kind
// wins, and an option that is given nil does nothing.
type Option = session.Option

// WithTracerProvider sets the provider of the spans. Without it they come from
// the tracer in the context (see trace.Tracer.NewContext), and else from the
// global provider.
func WithTracerProvider(p oteltrace.TracerProvider) Option { return session.WithTracerProvider(p) }

// WithPropagators sets how the trace travels in the handshake's headers.
// Without it it is the global propagator, otel's; and where none was set, W3C
// trace context and baggage.
func WithPropagators(p propagation.TextMapPropagator) Option { return session.WithPropagators(p) }

// WithCloseReason records the text of the peer's close frame in the close span.
// It is the peer's to choose, and not recorded by default.
func WithCloseReason() Option { return session.WithCloseReason() }

// WithAcceptOptions sets the options with which [Handler] accepts. They are
// copied.
func WithAcceptOptions(opts *websocket.AcceptOptions) Option {
	return session.WithAcceptOptions(opts)
}
