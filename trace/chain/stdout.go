package chain

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// stdoutSpan is a span of the SDK's stdouttrace exporter that is being read. Its fields are
// those of a top-level object, and begin with a capital letter.
type stdoutSpan struct {
	Span
	parent oteltrace.SpanContextConfig
	seen   bool // it has a SpanContext
}

// stdoutFields are the fields that are read, each with the first byte of its value. '0'
// stands for any digit.
var stdoutFields = map[string]byte{
	"Name": '"', "SpanContext": '{', "Parent": '{', "SpanKind": '0', "StartTime": '"', "EndTime": '"', "Attributes": '[',
	"Links": '[', "Status": '{', "Resource": '[', "InstrumentationScope": '{', "InstrumentationLibrary": '{',
}

// stdoutField reads a field if it is one of stdoutFields, and reports whether it did.
func (d *decoder) stdoutField(s *stdoutSpan, key string) bool {
	begin, ok := stdoutFields[key]
	if c := d.lex.Peek(); !ok || c != begin && c != 'n' && (begin != '0' || c < '0' || c > '9') {
		return false
	}
	switch key {
	case "Name":
		s.Name = d.text()
	case "SpanContext":
		c := d.stdoutContext()
		s.TraceID, s.SpanID, s.seen = c.TraceID, c.SpanID, true
	case "Parent":
		s.parent = d.stdoutContext()
	case "SpanKind":
		if k := d.integer(); k >= 0 && k <= int64(oteltrace.SpanKindConsumer) {
			s.Kind = oteltrace.SpanKind(k)
		}
	case "StartTime":
		s.Start = d.stdoutTime()
	case "EndTime":
		s.End = d.stdoutTime()
	case "Attributes":
		s.Attributes = d.attributes(FormatStdout)
	case "Links":
		d.stdoutLinks(&s.Span)
	case "Status":
		d.stdoutStatus(&s.Status)
	case "Resource":
		s.Resource = d.attributes(FormatStdout)
		s.Service = service(s.Resource)
	case "InstrumentationScope", "InstrumentationLibrary":
		if name := d.nameOf("Name"); name != "" {
			s.Scope = name
		}
	}
	return true
}

// endStdout adds the span, if the object was one.
func (d *decoder) endStdout(s *stdoutSpan) {
	if !s.seen {
		return
	}
	if s.parent.TraceID == s.TraceID {
		s.ParentID = s.parent.SpanID
	}
	d.add(FormatStdout, &s.Span)
}

func (d *decoder) stdoutContext() (c oteltrace.SpanContextConfig) {
	for key := range d.lex.Object {
		switch string(key) {
		case "TraceID":
			c.TraceID = d.traceID()
		case "SpanID":
			c.SpanID = d.spanID()
		case "TraceFlags":
			if string(d.lex.Text()) == "01" {
				c.TraceFlags = oteltrace.FlagsSampled
			}
		case "TraceState":
			if state := d.text(); state != "" {
				c.TraceState, _ = oteltrace.ParseTraceState(state)
			}
		default:
			d.lex.Skip()
		}
	}
	return c
}

// stdoutTime reads a time. The exporter prints the zero time for an unknown one, or if it
// was configured to print no times.
func (d *decoder) stdoutTime() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(d.lex.Text()))
	if err != nil {
		d.bad(err)
	}
	if t.IsZero() {
		return time.Time{}
	}
	return t.Local()
}

func (d *decoder) stdoutStatus(s *Status) {
	for key := range d.lex.Object {
		switch string(key) {
		case "Code":
			switch code, _ := d.lex.Scalar(); string(code) {
			case "Error", "1":
				s.Code = codes.Error
			case "Ok", "2":
				s.Code = codes.Ok
			}
		case "Description":
			s.Description = d.text()
		default:
			d.lex.Skip()
		}
	}
}

func (d *decoder) stdoutLinks(s *Span) {
	for range d.lex.Objects {
		var l Link
		for key := range d.lex.Object {
			switch string(key) {
			case "SpanContext":
				l.SpanContext = oteltrace.NewSpanContext(d.stdoutContext())
			case "Attributes":
				l.Attributes = d.attributes(FormatStdout)
			default:
				d.lex.Skip()
			}
		}
		s.Links = append(s.Links, l)
	}
}

// stdoutValue reads {"Type":…,"Value":…}.
func (d *decoder) stdoutValue() attribute.Value {
	var kind string
	d.raw = d.raw[:0]
	for key := range d.lex.Object {
		switch string(key) {
		case "Type":
			kind = d.text()
		case "Value":
			d.raw = append(d.raw[:0], d.lex.Raw()...)
		default:
			d.lex.Skip()
		}
	}
	if d.lex.Err() != nil || len(d.raw) == 0 || kind == "EMPTY" {
		return attribute.Value{}
	}
	switch kind { // the most frequent types, at less cost
	case "STRING":
		if s, ok := unquote(d.raw); ok {
			return attribute.StringValue(d.share([]byte(s)))
		}
	case "INT64":
		if i, err := parseInt(d.raw); err == nil {
			return attribute.Int64Value(i)
		}
	}
	v, err := stdoutTyped(kind, d.raw, 0)
	d.bad(err)
	return v
}

// stdoutTyped decodes raw as the type that kind, the name of an attribute.Type, stands for.
func stdoutTyped(kind string, raw []byte, depth int) (attribute.Value, error) {
	switch kind {
	case "STRING":
		return decodeAs(raw, attribute.StringValue)
	case "BOOL":
		return decodeAs(raw, attribute.BoolValue)
	case "INT64":
		return decodeAs(raw, attribute.Int64Value)
	case "FLOAT64":
		return decodeAs(raw, attribute.Float64Value)
	case "STRINGSLICE":
		return decodeAs(raw, attribute.StringSliceValue)
	case "BOOLSLICE":
		return decodeAs(raw, attribute.BoolSliceValue)
	case "INT64SLICE":
		return decodeAs(raw, attribute.Int64SliceValue)
	case "FLOAT64SLICE":
		return decodeAs(raw, attribute.Float64SliceValue)
	case "BYTESLICE":
		return decodeAs(raw, attribute.ByteSliceValue)
	case "SLICE", "MAP":
		if depth < maxNesting {
			return stdoutNested(kind, raw, depth+1)
		}
	}
	// Values of unknown types, or nested too deeply, are kept as text.
	return attribute.StringValue(strings.ToValidUTF8(string(raw), "\uFFFD")), nil
}

func decodeAs[T any](raw []byte, make func(T) attribute.Value) (attribute.Value, error) {
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		return attribute.Value{}, fmt.Errorf("%.40q is no value of its type", raw)
	}
	return make(v), nil
}

func stdoutNested(kind string, raw []byte, depth int) (attribute.Value, error) {
	type typed struct {
		Type  string
		Value json.RawMessage
	}
	if kind == "SLICE" {
		var all []typed
		if err := json.Unmarshal(raw, &all); err != nil {
			return attribute.Value{}, fmt.Errorf("%.40q is no value of its type", raw)
		}
		values := make([]attribute.Value, len(all))
		for i, v := range all {
			var err error
			if values[i], err = stdoutTyped(v.Type, v.Value, depth); err != nil {
				return attribute.Value{}, err
			}
		}
		return attribute.SliceValue(values...), nil
	}
	var all []struct {
		Key   string
		Value typed
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return attribute.Value{}, fmt.Errorf("%.40q is no value of its type", raw)
	}
	kvs := make([]attribute.KeyValue, len(all))
	for i, kv := range all {
		v, err := stdoutTyped(kv.Value.Type, kv.Value.Value, depth)
		if err != nil {
			return attribute.Value{}, err
		}
		kvs[i] = attribute.KeyValue{Key: attribute.Key(kv.Key), Value: v}
	}
	return attribute.MapValue(kvs...), nil
}
