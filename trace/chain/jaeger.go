package chain

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// Tags of Jaeger's format that are fields in OTLP. They are words of the format, not
// attributes.
const (
	jaegerChildOf   = "CHILD_OF"
	jaegerKind      = "span.kind"
	jaegerFailed    = "error"
	jaegerOldScope  = "otel.library.name"
	jaegerStatusOK  = "OK"
	jaegerStatusErr = "ERROR"
)

// jaegerResource is a process, as the attributes of a resource.
type jaegerResource struct {
	service string
	attrs   []attribute.KeyValue
}

// jaegerTraces reads the list "data" of Jaeger's API. Times are in whole microseconds. The
// first reference CHILD_OF to the same trace is the parent, all others are links.
func (d *decoder) jaegerTraces() {
	for range d.lex.Array {
		if c := d.lex.Peek(); c != '{' {
			d.lex.Skip() // the API also answers other data, such as names of services
			continue
		}
		var t jaegerTrace
		for key := range d.lex.Object {
			d.jaegerField(&t, string(key))
		}
		d.endJaeger(&t)
	}
}

// jaegerTrace is a trace that is being read. Its processes may come after its spans.
type jaegerTrace struct {
	processes map[string]jaegerResource
	from      int      // the index in d.into of its first span
	ids       []string // by span from there: the id of its process
	begun     bool
}

// jaegerField decodes a field of a trace.
func (d *decoder) jaegerField(t *jaegerTrace, key string) {
	switch key {
	case "spans":
		if !t.begun {
			t.from, t.begun = d.into.Len(), true
		}
		for range d.lex.Objects {
			d.jaegerSpan(t)
		}
	case "processes":
		d.jaegerProcesses(t)
	default:
		d.lex.Skip()
	}
}

// endJaeger sets the service and the resource of a trace's spans.
func (d *decoder) endJaeger(t *jaegerTrace) {
	for i, id := range t.ids {
		if id == "" {
			continue
		}
		s, p := d.into.at(t.from+i), t.processes[id]
		s.Service, s.Resource = p.service, p.attrs
	}
}

func (d *decoder) jaegerProcesses(t *jaegerTrace) {
	t.processes = make(map[string]jaegerResource)
	for key := range d.lex.Object {
		id := d.share(key)
		t.processes[id] = d.jaegerProcess()
		if d.fault != nil {
			d.faulty(d.lex.Line(), fmt.Errorf("process %.40q: %w", id, d.fault))
			d.fault = nil
		}
	}
}

func (d *decoder) jaegerProcess() (p jaegerResource) {
	for key := range d.lex.Object {
		switch string(key) {
		case "serviceName":
			p.service = d.text()
		case "tags":
			p.attrs = d.attributes(FormatJaeger)
		default:
			d.lex.Skip()
		}
	}
	if p.service != "" {
		p.attrs = append(slices.Clip(p.attrs), semconv.ServiceName(p.service))
	}
	return p
}

func (d *decoder) jaegerSpan(t *jaegerTrace) {
	var s Span
	var id string
	var parent oteltrace.SpanID
	var refs []jaegerRef
	var start, duration int64
	for key := range d.lex.Object {
		switch string(key) {
		case "traceID":
			d.padded(s.TraceID[:])
		case "spanID":
			d.padded(s.SpanID[:])
		case "parentSpanID": // before Jaeger had references
			d.padded(parent[:])
		case "operationName":
			s.Name = d.text()
		case "references":
			refs = d.references()
		case "startTime":
			start = d.integer()
		case "duration":
			duration = d.integer()
		case "tags":
			s.Attributes = d.attributes(FormatJaeger)
		case "processID":
			id = d.text()
		case "process":
			p := d.jaegerProcess()
			s.Service, s.Resource = p.service, p.attrs
		default:
			d.lex.Skip()
		}
	}
	if start != 0 {
		s.Start = time.UnixMicro(start)
		s.End = s.Start.Add(time.Duration(min(max(duration, 0), 1<<62/1000)) * time.Microsecond)
	}
	s.refer(refs, parent)
	s.takeFields()
	if !d.add(FormatJaeger, &s) {
		return
	}
	if s.Resource != nil {
		id = "" // it has its own
	}
	t.ids = append(t.ids, id)
}

type jaegerRef struct {
	child bool
	to    oteltrace.SpanContextConfig
}

func (d *decoder) references() (refs []jaegerRef) {
	before := d.fault
	for range d.lex.Objects {
		var ref jaegerRef
		for key := range d.lex.Object {
			switch string(key) {
			case "refType":
				ref.child = string(d.lex.Text()) == jaegerChildOf
			case "traceID":
				d.padded(ref.to.TraceID[:])
			case "spanID":
				d.padded(ref.to.SpanID[:])
			default:
				d.lex.Skip()
			}
		}
		refs = append(refs, ref)
	}
	d.within(before, "reference")
	return refs
}

// refer sets the span's parent and links.
func (s *Span) refer(refs []jaegerRef, parent oteltrace.SpanID) {
	for _, ref := range refs {
		if ref.child && ref.to.TraceID == s.TraceID && !s.ParentID.IsValid() {
			s.ParentID = ref.to.SpanID
			continue
		}
		s.Links = append(s.Links, Link{SpanContext: oteltrace.NewSpanContext(ref.to)})
	}
	if !s.ParentID.IsValid() {
		s.ParentID = parent
	}
}

// padded reads an id and restores the leading zeros that Jaeger leaves out, above all those
// of 64-bit trace ids.
func (d *decoder) padded(dst []byte) {
	id := d.lex.Text()
	if n := 2*len(dst) - len(id); len(id) > 0 && n > 0 {
		var full [32]byte
		copy(full[:], strings.Repeat("0", n))
		copy(full[n:], id)
		id = full[:2*len(dst)]
	}
	d.bad(decodeID(dst, id))
}

// takeFields moves tags from the attributes of s to its fields.
func (s *Span) takeFields() {
	if !slices.ContainsFunc(s.Attributes, func(kv attribute.KeyValue) bool { return s.takeField(kv) }) {
		return
	}
	kept := make([]attribute.KeyValue, 0, len(s.Attributes)-1) // other spans may share the list
	for _, kv := range s.Attributes {
		if !s.takeField(kv) {
			kept = append(kept, kv)
		}
	}
	s.Attributes = kept
}

// takeField sets the field of s that kv stands for, and reports whether the tag can be
// dropped.
func (s *Span) takeField(kv attribute.KeyValue) bool {
	switch kv.Key {
	case jaegerKind:
		v := kv.Value.String()
		for k := oteltrace.SpanKindInternal; k <= oteltrace.SpanKindConsumer; k++ {
			if k.String() == v {
				s.Kind = k
				return true
			}
		}
		return false
	case semconv.OTelScopeNameKey, jaegerOldScope:
		s.Scope = kv.Value.String()
	case semconv.OTelStatusCodeKey:
		switch kv.Value.String() {
		case jaegerStatusOK:
			s.Status.Code = codes.Ok
		case jaegerStatusErr:
			s.Status.Code = codes.Error
		}
	case semconv.OTelStatusDescriptionKey:
		s.Status.Description = kv.Value.String()
	case jaegerFailed:
		if kv.Value.String() != "true" {
			return false
		}
		s.Status.Code = codes.Error
	default:
		return false
	}
	return true
}

// tag returns the value of a tag of type kind, which is raw in the source.
func (d *decoder) tag(kind string, raw []byte) attribute.Value {
	switch kind {
	case "int64":
		i, err := parseInt(d.bare(raw))
		d.bad(err)
		return attribute.Int64Value(i)
	case "float64":
		f, err := parseFloat(d.bare(raw))
		d.bad(err)
		return attribute.Float64Value(f)
	case "bool":
		var b bool
		if json.Unmarshal(raw, &b) == nil {
			return attribute.BoolValue(b)
		}
	}
	if len(raw) == 0 {
		return attribute.Value{}
	}
	s, ok := unquote(raw)
	switch {
	case !ok:
		return attribute.StringValue(d.share(raw)) // unchanged
	case kind == "binary":
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			d.bad(errors.New("no base64"))
		}
		return attribute.ByteSliceValue(b)
	default:
		return attribute.StringValue(d.share([]byte(s)))
	}
}

// bare returns the number in raw, without its quotes, or 0 if it is none.
func (d *decoder) bare(raw []byte) []byte {
	if len(raw) > 1 && raw[0] == '"' {
		raw = trim(raw[1 : len(raw)-1])
	}
	if len(raw) == 0 || raw[0] != '-' && raw[0] != '+' && (raw[0] < '0' || raw[0] > '9') && raw[0] != 'N' && raw[0] != 'I' {
		d.bad(fmt.Errorf("a number expected, not %.20q", raw))
		return []byte("0")
	}
	return raw
}
