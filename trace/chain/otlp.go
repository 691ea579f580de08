package chain

import (
	"encoding/base64"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// resourceSpans reads OTLP's list of that name. Ids may be hexadecimal, as OTLP specifies,
// or base64, as protobuf's own JSON has them. Integers may be quoted, and enumerations may
// be names.
func (d *decoder) resourceSpans(f Format) {
	for range d.lex.Array {
		d.ofResource(f)
	}
}

// ofResource reads the spans of one resource, which may come after them.
func (d *decoder) ofResource(f Format) {
	from := d.into.Len()
	var resource []attribute.KeyValue
	for key := range d.lex.Object {
		switch string(key) {
		case "resource":
			resource = d.attributesOf()
			if d.fault != nil {
				d.faulty(d.lex.Line(), d.fault)
				d.fault = nil
			}
		case "scopeSpans", "instrumentationLibrarySpans": // the latter before OTLP 0.15
			for range d.lex.Array {
				d.ofScope(f)
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

// attributesOf reads the attributes of an object, and skips its other fields.
func (d *decoder) attributesOf() (attrs []attribute.KeyValue) {
	for key := range d.lex.Object {
		if string(key) == "attributes" {
			attrs = d.attributes(FormatOTLP)
		} else {
			d.lex.Skip()
		}
	}
	return attrs
}

func (d *decoder) ofScope(f Format) {
	from := d.into.Len()
	var name string
	for key := range d.lex.Object {
		switch string(key) {
		case "scope", "instrumentationLibrary":
			if n := d.nameOf("name"); n != "" {
				name = n
			}
		case "spans":
			for range d.lex.Objects {
				var s Span
				d.otlpSpan(&s)
				d.add(f, &s)
			}
		default:
			d.lex.Skip()
		}
	}
	for i := from; i < d.into.Len(); i++ {
		d.into.at(i).Scope = name
	}
}

// nameOf reads the text in one field of an object, and skips its other fields.
func (d *decoder) nameOf(field string) (name string) {
	for key := range d.lex.Object {
		if string(key) == field {
			name = d.text()
		} else {
			d.lex.Skip()
		}
	}
	return name
}

func (d *decoder) otlpSpan(s *Span) {
	for key := range d.lex.Object {
		switch string(key) {
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
			s.Attributes = d.attributes(FormatOTLP)
		case "links":
			d.otlpLinks(s)
		case "status":
			d.otlpStatus(&s.Status)
		case "resourceSpans":
			// The line was cut off, and the next one follows.
			d.lex.Fail("an export inside of a span")
		default:
			d.lex.Skip()
		}
	}
}

// unixNano returns the time ns. Zero is an unknown time.
func unixNano(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}

// otlpKind reads a kind. OTLP numbers them as the API does.
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

// otlpStatus reads a status. OTLP numbers the codes differently from the API.
func (d *decoder) otlpStatus(s *Status) {
	for key := range d.lex.Object {
		switch string(key) {
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
	for range d.lex.Objects {
		var c oteltrace.SpanContextConfig
		var l Link
		for key := range d.lex.Object {
			switch string(key) {
			case "traceId":
				c.TraceID = d.traceID()
			case "spanId":
				c.SpanID = d.spanID()
			case "flags":
				c.TraceFlags = oteltrace.TraceFlags(d.integer() & 0xFF)
			case "traceState":
				// An invalid state is no reason to lose the link.
				if state := d.text(); state != "" {
					c.TraceState, _ = oteltrace.ParseTraceState(state)
				}
			case "attributes":
				l.Attributes = d.attributes(FormatOTLP)
			default:
				d.lex.Skip()
			}
		}
		l.SpanContext = oteltrace.NewSpanContext(c)
		s.Links = append(s.Links, l)
	}
	d.within(before, "link")
}

// otlpValue reads a value. It returns the zero Value if there is none in the object.
func (d *decoder) otlpValue() (v attribute.Value) {
	for key := range d.lex.Object {
		switch string(key) {
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
	for key := range d.lex.Object {
		if string(key) != "values" {
			d.lex.Skip()
			continue
		}
		for range d.lex.Array {
			all = append(all, d.otlpValue())
		}
	}
	return array(all)
}

func (d *decoder) otlpMap() attribute.Value {
	var all []attribute.KeyValue
	for key := range d.lex.Object {
		if string(key) == "values" {
			all = d.attributes(FormatOTLP)
		} else {
			d.lex.Skip()
		}
	}
	return attribute.MapValue(all...)
}
