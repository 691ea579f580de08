package chain

import (
	"encoding/base64"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// resourceSpans takes OTLP's list of that name. Ids may be hexadecimal, as OTLP
// says, or base64, as protobuf's own JSON has them; integers may be quoted,
// enumerations may be names.
func (d *decoder) resourceSpans(f Format) {
	if !d.lex.Enter('[') {
		return
	}
	for d.lex.More(']') {
		d.ofResource(f)
	}
}

// ofResource takes the spans of one resource, which may come after them.
func (d *decoder) ofResource(f Format) {
	from := d.into.Len()
	var resource []attribute.KeyValue
	if !d.lex.Enter('{') {
		return
	}
	for d.lex.More('}') {
		switch string(d.lex.Key()) {
		case "resource":
			resource = d.attributesOf()
			if d.fault != nil {
				d.faulty(d.lex.Line(), d.fault)
				d.fault = nil
			}
		case "scopeSpans", "instrumentationLibrarySpans": // the latter before OTLP 0.15
			if d.lex.Enter('[') {
				for d.lex.More(']') {
					d.ofScope(f)
				}
			}
		default:
			d.lex.Skip()
		}
	}
	name := service(resource)
	for i := from; i < d.into.Len(); i++ {
		s := d.into.at(i)
		s.Resource, s.Service = resource, name
	}
}

// attributesOf takes the attributes of an object that has nothing else of use.
func (d *decoder) attributesOf() (attrs []attribute.KeyValue) {
	if !d.lex.Enter('{') {
		return nil
	}
	for d.lex.More('}') {
		if string(d.lex.Key()) == "attributes" {
			attrs = d.attributes()
		} else {
			d.lex.Skip()
		}
	}
	return attrs
}

func (d *decoder) ofScope(f Format) {
	from := d.into.Len()
	var name string
	if !d.lex.Enter('{') {
		return
	}
	for d.lex.More('}') {
		switch string(d.lex.Key()) {
		case "scope", "instrumentationLibrary":
			if n := d.nameOf("name"); n != "" {
				name = n
			}
		case "spans":
			if d.lex.Enter('[') {
				for d.lex.More(']') {
					var s Span
					if d.otlpSpan(&s) {
						d.add(f, &s)
					}
				}
			}
		default:
			d.lex.Skip()
		}
	}
	for i := from; i < d.into.Len(); i++ {
		d.into.at(i).Scope = name
	}
}

// nameOf takes the text in a field of an object.
func (d *decoder) nameOf(field string) (name string) {
	if !d.lex.Enter('{') {
		return ""
	}
	for d.lex.More('}') {
		if string(d.lex.Key()) == field {
			name = d.text()
		} else {
			d.lex.Skip()
		}
	}
	return name
}

// otlpSpan takes a span, and reports whether there is one.
func (d *decoder) otlpSpan(s *Span) bool {
	if !d.lex.Enter('{') {
		return false
	}
	for d.lex.More('}') {
		switch string(d.lex.Key()) {
		case "traceId":
			s.TraceID = d.traceID()
		case "spanId":
			s.SpanID = d.spanID()
		case "parentSpanId":
			s.ParentID = d.spanID()
		case "name":
			s.Name = d.text()
		case "kind":
			s.Kind = d.otlpKind()
		case "startTimeUnixNano":
			s.Start = unixNano(d.integer())
		case "endTimeUnixNano":
			s.End = unixNano(d.integer())
		case "attributes":
			s.Attributes = d.attributes()
		case "links":
			d.otlpLinks(s)
		case "status":
			d.otlpStatus(&s.Status)
		case "resourceSpans":
			// The line before was cut off, and another one follows it.
			d.lex.Fail("an export inside of a span")
		default:
			d.lex.Skip()
		}
	}
	return d.lex.Err() == nil
}

// unixNano returns the time n. Zero is a time that the source does not know.
func unixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// otlpKind takes a kind; OTLP numbers them as the API does.
func (d *decoder) otlpKind() oteltrace.SpanKind {
	kind, _ := d.lex.Scalar()
	switch string(kind) {
	case "1", "SPAN_KIND_INTERNAL":
		return oteltrace.SpanKindInternal
	case "2", "SPAN_KIND_SERVER":
		return oteltrace.SpanKindServer
	case "3", "SPAN_KIND_CLIENT":
		return oteltrace.SpanKindClient
	case "4", "SPAN_KIND_PRODUCER":
		return oteltrace.SpanKindProducer
	case "5", "SPAN_KIND_CONSUMER":
		return oteltrace.SpanKindConsumer
	default:
		return oteltrace.SpanKindUnspecified
	}
}

// otlpStatus takes a status; OTLP numbers the codes unlike the API.
func (d *decoder) otlpStatus(s *Status) {
	if !d.lex.Enter('{') {
		return
	}
	for d.lex.More('}') {
		switch string(d.lex.Key()) {
		case "code":
			code, _ := d.lex.Scalar()
			switch string(code) {
			case "1", "STATUS_CODE_OK":
				s.Code = codes.Ok
			case "2", "STATUS_CODE_ERROR":
				s.Code = codes.Error
			}
		case "message":
			s.Description = d.text()
		default:
			d.lex.Skip()
		}
	}
}

func (d *decoder) otlpLinks(s *Span) {
	before := d.fault
	if !d.lex.Enter('[') {
		return
	}
	for d.lex.More(']') {
		var c oteltrace.SpanContextConfig
		var l Link
		if !d.lex.Enter('{') {
			continue
		}
		for d.lex.More('}') {
			switch string(d.lex.Key()) {
			case "traceId":
				c.TraceID = d.traceID()
			case "spanId":
				c.SpanID = d.spanID()
			case "flags":
				c.TraceFlags = oteltrace.TraceFlags(d.integer() & 0xFF)
			case "traceState":
				// A state that no one can read is no reason to lose the link.
				if state := d.text(); state != "" {
					c.TraceState, _ = oteltrace.ParseTraceState(state)
				}
			case "attributes":
				l.Attributes = d.attributes()
			default:
				d.lex.Skip()
			}
		}
		l.SpanContext = oteltrace.NewSpanContext(c)
		s.Links = append(s.Links, l)
	}
	d.within(before, "link")
}

// attributes takes a list of attributes, which other spans may share.
func (d *decoder) attributes() []attribute.KeyValue {
	from := len(d.attrs)
	if !d.lex.Enter('[') {
		return nil
	}
	for d.lex.More(']') {
		if !d.lex.Enter('{') {
			continue
		}
		before := d.fault
		var kv attribute.KeyValue
		for d.lex.More('}') {
			switch string(d.lex.Key()) {
			case "key":
				kv.Key = attribute.Key(d.text())
			case "value":
				kv.Value = d.otlpValue()
			default:
				d.lex.Skip()
			}
		}
		d.within(before, "attribute %.40q", kv.Key)
		d.attrs = append(d.attrs, kv)
	}
	return d.list(from)
}

// otlpValue takes a value, the zero Value if it holds none.
func (d *decoder) otlpValue() (v attribute.Value) {
	if !d.lex.Enter('{') {
		return v
	}
	for d.lex.More('}') {
		switch string(d.lex.Key()) {
		case "stringValue":
			v = attribute.StringValue(d.text())
		case "boolValue":
			v = attribute.BoolValue(d.boolean())
		case "intValue":
			v = attribute.Int64Value(d.integer())
		case "doubleValue":
			v = attribute.Float64Value(d.float())
		case "bytesValue":
			b, err := base64.StdEncoding.DecodeString(string(d.lex.Text()))
			d.bad(err)
			v = attribute.ByteSliceValue(b)
		case "arrayValue":
			d.nested(func() { v = d.otlpArray() })
		case "kvlistValue":
			d.nested(func() { v = d.otlpMap() })
		default:
			d.lex.Skip()
		}
	}
	return v
}

func (d *decoder) otlpArray() attribute.Value {
	var all []attribute.Value
	if d.lex.Enter('{') {
		for d.lex.More('}') {
			if string(d.lex.Key()) != "values" {
				d.lex.Skip()
				continue
			}
			if d.lex.Enter('[') {
				for d.lex.More(']') {
					all = append(all, d.otlpValue())
				}
			}
		}
	}
	return array(all)
}

func (d *decoder) otlpMap() attribute.Value {
	var all []attribute.KeyValue
	if d.lex.Enter('{') {
		for d.lex.More('}') {
			if string(d.lex.Key()) == "values" {
				all = d.attributes()
			} else {
				d.lex.Skip()
			}
		}
	}
	return attribute.MapValue(all...)
}
