package lean

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/lean/internal/encode"
)

// This file is for package otlp. It encodes spans from their own state, without the slices
// that the methods for exporters make.

var (
	_ encode.Span = (*span)(nil)
	_ encode.Span = (*part)(nil)
)

// EncodeOrigin returns the resource and the scope of the tracer.
func (s *span) EncodeOrigin() *encode.Origin { return &s.tracer().origin }

// EncodeTo writes the span as OTLP.
func (s *span) EncodeTo(b *encode.Buffer) {
	s.d.mu.Lock()
	if s.d.rest != nil {
		s.d.mu.Unlock()
		b.AddAny(s)
		return
	}
	defer s.d.mu.Unlock()
	d := &s.d
	if clash(&d.facts, d.attrs) {
		d.all()
	}
	h := encode.Head{
		Context: d.context, Parent: d.parent.SpanContext(), Name: d.name, Kind: oteltrace.SpanKind(d.kind),
		Start: d.start.UnixNano(),
	}
	if d.ended() {
		h.End = d.endTime().UnixNano()
	}
	at := b.Begin()
	b.Head(&h)
	facts(b, &d.facts)
	b.Attributes(encode.SpanAttributes, d.attrs)
	for i := range d.links {
		b.Link(d.links[i])
	}
	b.Tail(&h, codes.Code(d.code), why(d))
	b.End(at)
}

// facts writes the attributes of facts, in their order.
func facts(b *encode.Buffer, f *core.Facts) {
	l := f.Of
	if l == nil {
		return
	}
	b.Attributes(encode.SpanAttributes, l.Fixed)
	if l.Text != "" {
		b.String(encode.SpanAttributes, l.Text, f.Text)
	}
	for i, key := range l.Ints[:l.N] {
		b.Int(encode.SpanAttributes, key, f.Ints[i])
	}
	if f.Blocked >= 0 {
		b.Float(encode.SpanAttributes, l.Blocked, f.Blocked)
	}
}

// clash reports whether an attribute has the same key as one of the facts.
func clash(f *core.Facts, attrs []attribute.KeyValue) bool {
	l := f.Of
	if l == nil {
		return false
	}
	for i := range attrs {
		key := attrs[i].Key
		if key == l.Text || key == l.Blocked || slices.Contains(l.Ints[:l.N], key) || has(l.Fixed, key) {
			return true
		}
	}
	return false
}

// has reports whether one of the attributes has the key.
func has(attrs []attribute.KeyValue, key attribute.Key) bool {
	for i := range attrs {
		if attrs[i].Key == key {
			return true
		}
	}
	return false
}

// EncodeOrigin returns the resource and the scope of the tracer.
func (p *part) EncodeOrigin() *encode.Origin { return p.of.EncodeOrigin() }

// EncodeTo writes the part as OTLP.
func (p *part) EncodeTo(b *encode.Buffer) {
	h := encode.Head{
		Context: p.SpanContext(), Parent: p.Parent(), Name: p.Name(), Kind: p.SpanKind(),
		Start: p.StartTime().UnixNano(), End: p.EndTime().UnixNano(),
	}
	at := b.Begin()
	b.Head(&h)
	if p.repeats() {
		b.Attributes(encode.SpanAttributes, p.Attributes())
	} else {
		b.Attributes(encode.SpanAttributes, p.Attrs)
		b.String(encode.SpanAttributes, p.Key, p.Reason)
	}
	if p.Link != nil {
		b.Link(*p.Link)
	}
	b.Tail(&h, codes.Unset, "")
	b.End(at)
}

// repeats reports whether two attributes have the same key.
func (p *part) repeats() bool {
	for i := range p.Attrs {
		if key := p.Attrs[i].Key; key == p.Key || has(p.Attrs[:i], key) {
			return true
		}
	}
	return false
}
