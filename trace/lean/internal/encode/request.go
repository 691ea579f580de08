package encode

import (
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// The fields of the messages ExportTraceServiceRequest, ResourceSpans, ScopeSpans,
// Resource and InstrumentationScope.
const (
	requestResourceSpans = 1

	resourceSpansResource = 1
	resourceSpansScopes   = 2
	resourceSpansSchema   = 3

	scopeSpansScope  = 1
	scopeSpansSpans  = 2
	scopeSpansSchema = 3

	resourceAttrs = 1

	scopeName    = 1
	scopeVersion = 2
	scopeAttrs   = 3
)

// A Request builds an ExportTraceServiceRequest. The zero Request is empty. It is not safe
// for concurrent use.
type Request struct {
	groups []group
	size   int // of the spans
	last   int // the group of the last span
	head   Buffer
}

// group is the spans of one resource and scope.
type group struct {
	Origin
	is       *Origin // of its lean spans; nil: it has none
	resource attribute.Distinct
	scope    Buffer // the encoded scope; made by AppendTo
	spans    Buffer
	written  bool
}

// Reset empties the request, and keeps its memory.
func (r *Request) Reset() {
	for i := range r.groups {
		g := &r.groups[i]
		*g = group{scope: Buffer{g.scope.b[:0]}, spans: Buffer{g.spans.b[:0]}}
	}
	r.groups, r.size, r.last, r.head.b = r.groups[:0], 0, 0, r.head.b[:0]
}

// Size returns the size of the spans in bytes, without resources and scopes.
func (r *Request) Size() int { return r.size }

// Cap returns how many bytes of memory the request has for spans.
func (r *Request) Cap() (n int) {
	groups := r.groups[:cap(r.groups)]
	for i := range groups {
		n += cap(groups[i].spans.b)
	}
	return n
}

// Add adds a span, unless it is nil.
func (r *Request) Add(s sdktrace.ReadOnlySpan) {
	if s == nil {
		return
	}
	lean, ok := s.(Span)
	var g *group
	if ok {
		g = r.of(lean.EncodeOrigin())
	} else {
		g = r.like(s.Resource(), s.InstrumentationScope())
	}
	before := len(g.spans.b)
	if ok {
		lean.EncodeTo(&g.spans)
	} else {
		g.spans.AddAny(s)
	}
	r.size += len(g.spans.b) - before
}

// of returns the group of lean spans of an origin.
func (r *Request) of(o *Origin) *group {
	if r.last < len(r.groups) && r.groups[r.last].is == o {
		return &r.groups[r.last]
	}
	for i := range r.groups {
		if r.groups[i].is == o {
			r.last = i
			return &r.groups[i]
		}
	}
	g := r.like(o.Resource, o.Scope)
	if g.is == nil {
		g.is = o
	}
	return g
}

// like returns the group of a resource and a scope.
func (r *Request) like(res *resource.Resource, scope instrumentation.Scope) *group {
	if r.last < len(r.groups) {
		if g := &r.groups[r.last]; g.Resource == res && g.Scope == scope {
			return g
		}
	}
	key := res.Equivalent()
	for i := range r.groups {
		if g := &r.groups[i]; g.resource == key && g.Scope == scope {
			r.last = i
			return g
		}
	}
	r.last = len(r.groups)
	if r.last < cap(r.groups) {
		r.groups = r.groups[:r.last+1]
	} else {
		r.groups = append(r.groups, group{})
	}
	g := &r.groups[r.last]
	g.Resource, g.Scope, g.resource = res, scope, key
	return g
}

// AppendTo appends the message. No span may be added afterwards.
func (r *Request) AppendTo(b []byte) []byte {
	for i := range r.groups {
		g := &r.groups[i]
		g.scope.b = g.scope.b[:0]
		if g.Scope != (instrumentation.Scope{}) {
			at := g.scope.message(scopeSpansScope, 1)
			g.scope.text(scopeName, g.Scope.Name)
			g.scope.text(scopeVersion, g.Scope.Version)
			g.scope.set(scopeAttrs, g.Scope.Attributes.Iter())
			g.scope.end(at, 1)
		}
	}
	out := Buffer{b}
	for i := range r.groups {
		if !r.groups[i].written {
			r.resourceSpans(&out, i)
		}
	}
	return out.b
}

// resourceSpans writes all groups with the resource of the given one, which is the first.
func (r *Request) resourceSpans(out *Buffer, first int) {
	key, res := r.groups[first].resource, r.groups[first].Resource
	r.head.b = r.head.b[:0]
	if res != nil {
		at := r.head.message(resourceSpansResource, 1)
		r.head.set(resourceAttrs, res.Iter())
		r.head.end(at, 1)
	}
	size := len(r.head.b) + sizeText(res.SchemaURL())
	for i := first; i < len(r.groups); i++ {
		if g := &r.groups[i]; g.resource == key {
			n := g.size()
			size += 1 + sizeVarint(uint64(n)) + n
		}
	}
	out.b = append(out.b, tag(requestResourceSpans, bytes))
	out.varint(uint64(size))
	out.b = append(out.b, r.head.b...)
	for i := first; i < len(r.groups); i++ {
		if g := &r.groups[i]; g.resource == key {
			g.written = true
			out.b = append(out.b, tag(resourceSpansScopes, bytes))
			out.varint(uint64(g.size()))
			out.b = append(out.b, g.scope.b...)
			out.b = append(out.b, g.spans.b...)
			out.text(scopeSpansSchema, g.Scope.SchemaURL)
		}
	}
	out.text(resourceSpansSchema, res.SchemaURL())
}

// size returns the size of the group as the content of a ScopeSpans, in bytes.
func (g *group) size() int {
	return len(g.scope.b) + len(g.spans.b) + sizeText(g.Scope.SchemaURL)
}

// sizeText returns the size of a field that text writes, in bytes.
func sizeText(s string) int {
	if s == "" {
		return 0
	}
	n := len(valid(s))
	return 1 + sizeVarint(uint64(n)) + n
}

// set writes the attributes of a set.
func (e *Buffer) set(number byte, all attribute.Iterator) {
	for all.Next() {
		a := all.Attribute()
		e.Attribute(number, a.Key, &a.Value)
	}
}
