package encode

import (
	"encoding/binary"
	"math"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// The fields of the messages Span, Event, Link and Status.
const (
	spanTraceID           = 1
	spanID                = 2
	spanTraceState        = 3
	spanParentID          = 4
	spanName              = 5
	spanKind              = 6
	spanStart             = 7
	spanEnd               = 8
	spanAttributes        = 9
	spanDroppedAttributes = 10
	spanEvents            = 11
	spanDroppedEvents     = 12
	spanLinks             = 13
	spanDroppedLinks      = 14
	spanStatus            = 15
	spanFlags             = 16

	eventTime    = 1
	eventName    = 2
	eventAttrs   = 3
	eventDropped = 4

	linkTraceID = 1
	linkSpanID  = 2
	linkAttrs   = 4
	linkDropped = 5
	linkFlags   = 6

	statusMessage = 2
	statusCode    = 3
)

// Bits of the flags, besides those of W3C trace context.
const (
	knownRemote = 0x100 // isRemote is set
	isRemote    = 0x200
)

// Origin is the resource and the scope of one tracer's spans.
type Origin struct {
	Resource *resource.Resource
	Scope    instrumentation.Scope
}

// A Span is a span of package lean, which encodes itself at less cost than its methods have.
type Span interface {
	sdktrace.ReadOnlySpan

	// EncodeOrigin returns the Origin of its tracer, which does not change.
	EncodeOrigin() *Origin

	// EncodeTo writes the same as AddAny.
	EncodeTo(*Buffer)
}

// Begin begins a span. End takes what it returns.
func (e *Buffer) Begin() int { return e.message(scopeSpansSpans, 2) }

// End ends a span.
func (e *Buffer) End(at int) { e.end(at, 2) }

// A Head is the part of a span before the attributes.
type Head struct {
	Context    oteltrace.SpanContext
	Parent     oteltrace.SpanContext
	Name       string
	Kind       oteltrace.SpanKind
	Start, End int64 // Unix nanoseconds; not written if 0 or less
}

// Head writes the Head of a span.
func (e *Buffer) Head(h *Head) {
	e.ids(h.Context)
	if ts := h.Context.TraceState(); ts.Len() > 0 {
		e.text(spanTraceState, ts.String())
	}
	if up := h.Parent.SpanID(); up.IsValid() {
		e.b = append(e.b, tag(spanParentID, bytes), byte(len(up)))
		e.b = append(e.b, up[:]...)
	}
	e.text(spanName, h.Name)
	if h.Kind > oteltrace.SpanKindUnspecified && h.Kind <= oteltrace.SpanKindConsumer {
		e.uint(spanKind, uint64(h.Kind)) // the numbers are OTLP's
	}
	e.nanos(spanStart, h.Start)
	e.nanos(spanEnd, h.End)
}

// Link writes a link of a span, without attributes.
func (e *Buffer) Link(sc oteltrace.SpanContext) { e.link(&sdktrace.Link{SpanContext: sc}) }

// link writes a link. Its trace state is left out, as by OpenTelemetry's exporter.
func (e *Buffer) link(l *sdktrace.Link) {
	at := e.message(spanLinks, 1)
	e.ids(l.SpanContext)
	e.Attributes(linkAttrs, l.Attributes)
	e.uint(linkDropped, count(l.DroppedAttributeCount))
	e.b = append(e.b, tag(linkFlags, fixed32))
	e.flags(l.SpanContext.TraceFlags(), l.SpanContext)
	e.end(at, 1)
}

// ids writes trace id and span id, which are fields 1 and 2 of a span and a link.
func (e *Buffer) ids(sc oteltrace.SpanContext) {
	trace, span := sc.TraceID(), sc.SpanID()
	e.b = append(e.b, tag(spanTraceID, bytes), byte(len(trace)))
	e.b = append(e.b, trace[:]...)
	e.b = append(e.b, tag(spanID, bytes), byte(len(span)))
	e.b = append(e.b, span[:]...)
}

// Tail writes the part of a span after the links: status and flags.
func (e *Buffer) Tail(h *Head, c codes.Code, description string) {
	at := e.message(spanStatus, 1)
	e.text(statusMessage, description)
	switch c {
	case codes.Ok:
		e.uint(statusCode, 1)
	case codes.Error:
		e.uint(statusCode, 2)
	}
	e.end(at, 1)
	e.b = append(e.b, 0x80|tag(spanFlags&15, fixed32), spanFlags>>4) // a number above 15 takes two bytes
	e.flags(h.Context.TraceFlags(), h.Parent)
}

// flags writes the flags of a span whose parent is up, or of a link to up.
func (e *Buffer) flags(f oteltrace.TraceFlags, up oteltrace.SpanContext) {
	v := uint32(f) | knownRemote
	if up.IsRemote() {
		v |= isRemote
	}
	e.b = binary.LittleEndian.AppendUint32(e.b, v)
}

// AddAny writes any span.
func (e *Buffer) AddAny(s sdktrace.ReadOnlySpan) {
	at := e.Begin()
	h := Head{
		Context: s.SpanContext(), Parent: s.Parent(), Name: s.Name(), Kind: s.SpanKind(),
		Start: s.StartTime().UnixNano(), End: s.EndTime().UnixNano(),
	}
	e.Head(&h)
	e.Attributes(spanAttributes, s.Attributes())
	e.uint(spanDroppedAttributes, count(s.DroppedAttributes()))
	for _, ev := range s.Events() {
		at := e.message(spanEvents, 1)
		e.nanos(eventTime, ev.Time.UnixNano())
		e.text(eventName, ev.Name)
		e.Attributes(eventAttrs, ev.Attributes)
		e.uint(eventDropped, count(ev.DroppedAttributeCount))
		e.end(at, 1)
	}
	e.uint(spanDroppedEvents, count(s.DroppedEvents()))
	links := s.Links()
	for i := range links {
		e.link(&links[i])
	}
	e.uint(spanDroppedLinks, count(s.DroppedLinks()))
	status := s.Status()
	e.Tail(&h, status.Code, status.Description)
	e.End(at)
}

// count converts a number to the range of a uint32, its type in OTLP.
func count(n int) uint64 { return uint64(min(max(n, 0), math.MaxUint32)) }
