package netpoll

import (
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Observer is called when a call parks and when it wakes, on the goroutine of the call
// and in this order. A [Conn] that has one Observer for both directions calls it
// concurrently.
type Observer interface {
	// Park is called when the call is about to park, in the callback of the runtime's
	// poller, where the descriptor is locked. It may store a few words, and nothing
	// else. A Close of the connection in it never returns.
	Park(p Park)

	// Wake is called when the call runs again, and may do anything. The exception is a
	// Wake without a reason, which reverts the last Park, since the goroutine did not
	// park after all: it is called where Park is.
	Wake(w Wake)
}

// Park is the begin of a block.
type Park struct {
	At       time.Time
	Reason   semconv.Reason
	Source   semconv.Source // how it was observed; "": it is a wait for another call of this Conn
	Evidence Evidence       // of its cause, as far as known; nil: nothing
}

// Wake is the end of a block.
type Wake struct {
	At       time.Time
	Reason   semconv.WakeReason
	Blocked  time.Duration         // since the Park
	By       oteltrace.SpanContext // the span that caused it; invalid: not known
	Evidence Evidence              // measured about the block; nil: nothing
}

// Evidence makes attributes of measurements. It is valid until the method that it is
// passed to returns.
type Evidence interface {
	AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue
}

// Attributes are an [Evidence] that is known beforehand.
type Attributes []attribute.KeyValue

// AppendTo appends them.
func (a Attributes) AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	return append(attrs, a...)
}

// Call reports one call to an Observer or, without an allocation, to an operation. The
// zero Call ignores reports.
type Call struct {
	to   Observer
	op   trace.Op
	also Observer // of [Conn.WatchRead] or WatchWrite
}

// For returns a Call that reports to the operation.
func For(op trace.Op) Call { return Call{op: op} }

// Observed reports whether the Call has an observer.
func (c Call) Observed() bool { return c.to != nil || c.op.Valid() || c.also != nil }

// wants reports whether the evidence of a read that was blocked for d is used.
func (c Call) wants(d time.Duration) bool {
	return c.also != nil || c.to != nil || c.op.Wants(d)
}

// SpanContext returns the operation's span, which the wakes that this call causes link
// to. It is invalid as long as there is none.
func (c Call) SpanContext() oteltrace.SpanContext { return c.op.SpanContext() }

// Park reports that the call is about to park.
func (c Call) Park(p Park) {
	if c.also != nil {
		c.also.Park(p)
	}
	if c.to != nil {
		c.to.Park(p)
		return
	}
	if !c.op.Valid() {
		return
	}
	edge := core.Edge{Reason: string(p.Reason), Attrs: sourceAttrs(p.Source)}
	if p.Evidence != nil {
		edge.Attrs = p.Evidence.AppendTo(edge.Attrs[:len(edge.Attrs):len(edge.Attrs)])
	}
	core.Ref(c.op).Block(p.At, edge)
}

// The attributes of a block without other evidence, by source.
var polledBlock, timedBlock, memoryBlock = attrsOf(semconv.SourcePoll), attrsOf(semconv.SourceTimed), attrsOf(semconv.SourceMemory)

func attrsOf(s semconv.Source) []attribute.KeyValue {
	return []attribute.KeyValue{semconv.BlockSourceKey.String(string(s))}
}

func sourceAttrs(s semconv.Source) []attribute.KeyValue {
	switch s {
	case semconv.SourcePoll:
		return polledBlock
	case semconv.SourceTimed:
		return timedBlock
	case semconv.SourceMemory:
		return memoryBlock
	}
	return nil
}

// ends reports whether a wake ends the direction. Few do, and their evidence is used
// however the operation ends.
func ends(w semconv.WakeReason) bool {
	return w == semconv.WakePeerClosed || w == semconv.WakePeerReset || w == semconv.WakeDeadline
}

// Wake reports that the call runs again.
func (c Call) Wake(w Wake) {
	if c.also != nil {
		c.also.Wake(w)
	}
	switch {
	case c.to != nil:
		c.to.Wake(w)
	case w.Reason == "":
		core.Ref(c.op).Unblock()
	case w.Evidence != nil && (ends(w.Reason) || c.op.Wants(w.Blocked)):
		c.op.Wake(w.Reason, trace.At(w.At), trace.CausedBy(w.By), trace.Evidence(w.Evidence.AppendTo(nil)...))
	default:
		c.op.Wake(w.Reason, trace.At(w.At), trace.CausedBy(w.By))
	}
}
