package lean

import (
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace/lean/internal/encode"
)

// What this file has is for package otlp: spans that are written from what they hold,
// and not from the slices that an exporter asks for.

var (
	_ encode.Span = (*span)(nil)
	_ encode.Span = (*part)(nil)
)

// EncodeOrigin returns what the spans of the tracer have in common.
func (s *span) EncodeOrigin() *encode.Origin { return &s.tracer().origin }

// EncodeTo writes the span as OTLP.
func (s *span) EncodeTo(b *encode.Buffer) {
	s.d.Mu.Lock()
	if s.d.Rest != nil {
		s.d.Mu.Unlock()
		b.AddAny(s)
		return
	}
	defer s.d.Mu.Unlock()
	d := &s.d
	if clash(&d.Laid, d.Attrs) {
		d.All()
	}
	h := encode.Head{
		Context: d.Context, Parent: d.Parent.SpanContext(), Name: d.Name, Kind: oteltrace.SpanKind(d.Kind),
		Start: d.StartTime.UnixNano(),
	}
	if d.Ended() {
		h.End = d.EndTime().UnixNano()
	}
	at := b.Begin()
	b.Head(&h)
	facts(b, &d.Laid)
	b.Attributes(encode.SpanAttributes, d.Attrs)
	for i := range d.Links {
		b.Link(d.Links[i])
	}
	b.Tail(&h, codes.Code(d.Code), why(d))
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

// clash reports whether one of the attributes has a key of the facts.
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

// EncodeOrigin returns what the spans of the tracer have in common.
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

// repeats reports whether a key is there twice.
func (p *part) repeats() bool {
	for i := range p.Attrs {
		if key := p.Attrs[i].Key; key == p.Key || has(p.Attrs[:i], key) {
			return true
		}
	}
	return false
}
