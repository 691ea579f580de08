package chain

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// ReadOTLP reads spans in OTLP/JSON: one or more ExportTraceServiceRequest
// objects ("resourceSpans"), one per line as the collector's file exporter
// writes them, or formatted in any way. Unknown fields are ignored, and so are
// objects of logs and metrics.
//
// Ids may be hexadecimal, as OTLP says, or base64, as protobuf's own JSON has
// them; integers may be quoted, enumerations may be names.
//
// An error names the line, and comes with the spans of the objects before.
// A file that is still being written ends in io.ErrUnexpectedEOF.
//
// It holds one top-level object in memory at a time, besides the spans.
func ReadOTLP(r io.Reader) ([]Span, error) {
	var spans []Span
	err := readAll("OTLP", r, func(doc *otlpDocument) error {
		if doc.Data != nil {
			return errors.New("this is Jaeger's format, see ReadJaeger")
		}
		read, err := doc.otlpSpans.spans()
		spans = append(spans, read...)
		return err
	})
	return spans, err
}

type otlpDocument struct {
	otlpSpans
	Data *ignored `json:"data"`
}

// ignored notes that a field is there.
type ignored struct{}

func (*ignored) UnmarshalJSON([]byte) error { return nil }

// otlpSpans and what follows are the messages of OTLP, as far as needed here.
type otlpSpans struct {
	ResourceSpans []struct {
		Resource struct {
			Attributes []otlpKeyValue `json:"attributes"`
		} `json:"resource"`
		ScopeSpans []otlpScope `json:"scopeSpans"`
		Old        []otlpScope `json:"instrumentationLibrarySpans"` // before OTLP 0.15
	} `json:"resourceSpans"`
}

type otlpScope struct {
	Scope struct {
		Name string `json:"name"`
	} `json:"scope"`
	Old struct {
		Name string `json:"name"`
	} `json:"instrumentationLibrary"`
	Spans []otlpSpan `json:"spans"`
}

type otlpSpan struct {
	TraceID    string         `json:"traceId"`
	SpanID     string         `json:"spanId"`
	ParentID   string         `json:"parentSpanId"`
	Name       string         `json:"name"`
	Kind       word           `json:"kind"`
	Start      number         `json:"startTimeUnixNano"`
	End        number         `json:"endTimeUnixNano"`
	Attributes []otlpKeyValue `json:"attributes"`
	Links      []struct {
		TraceID    string         `json:"traceId"`
		SpanID     string         `json:"spanId"`
		TraceState string         `json:"traceState"`
		Flags      number         `json:"flags"`
		Attributes []otlpKeyValue `json:"attributes"`
	} `json:"links"`
	Status struct {
		Code    word   `json:"code"`
		Message string `json:"message"`
	} `json:"status"`
}

type otlpKeyValue struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

type otlpValue struct {
	String *string `json:"stringValue"`
	Bool   *bool   `json:"boolValue"`
	Int    *number `json:"intValue"`
	Double *number `json:"doubleValue"`
	Bytes  *string `json:"bytesValue"`
	Array  *struct {
		Values []otlpValue `json:"values"`
	} `json:"arrayValue"`
	Map *struct {
		Values []otlpKeyValue `json:"values"`
	} `json:"kvlistValue"`
}

func (o *otlpSpans) spans() ([]Span, error) {
	var spans []Span
	for _, r := range o.ResourceSpans {
		res, err := otlpAttributes(r.Resource.Attributes)
		if err != nil {
			return spans, err
		}
		service := str(res, semconv.ServiceNameKey)
		for _, scopes := range [][]otlpScope{r.ScopeSpans, r.Old} {
			for _, scope := range scopes {
				name := scope.Scope.Name
				if name == "" {
					name = scope.Old.Name
				}
				for i := range scope.Spans {
					s, err := scope.Spans[i].span()
					if err != nil {
						return spans, fmt.Errorf("span %.40q: %w", scope.Spans[i].Name, err)
					}
					s.Resource, s.Service, s.Scope = res, service, name
					spans = append(spans, s)
				}
			}
		}
	}
	return spans, nil
}

func (o *otlpSpan) span() (Span, error) {
	s := Span{Name: o.Name, Kind: o.kind(), Status: o.status()}
	var err error
	s.Start, err = unixNano(o.Start, err)
	s.End, err = unixNano(o.End, err)
	if err == nil {
		err = decodeIDs(&s.TraceID, &s.SpanID, o.TraceID, o.SpanID)
	}
	if err == nil {
		err = decodeID(s.ParentID[:], o.ParentID)
	}
	if err != nil {
		return s, err
	}
	if s.Attributes, err = otlpAttributes(o.Attributes); err != nil {
		return s, err
	}
	if len(o.Links) > 0 {
		s.Links = make([]Link, len(o.Links))
	}
	for i, l := range o.Links {
		var c oteltrace.SpanContextConfig
		if err := decodeIDs(&c.TraceID, &c.SpanID, l.TraceID, l.SpanID); err != nil {
			return s, fmt.Errorf("link: %w", err)
		}
		flags, err := l.Flags.int64()
		if err != nil {
			return s, fmt.Errorf("link: %w", err)
		}
		c.TraceFlags = oteltrace.TraceFlags(flags & 0xFF)
		// A state that no one can read is no reason to lose the link.
		c.TraceState, _ = oteltrace.ParseTraceState(l.TraceState)
		s.Links[i].SpanContext = oteltrace.NewSpanContext(c)
		if s.Links[i].Attributes, err = otlpAttributes(l.Attributes); err != nil {
			return s, fmt.Errorf("link: %w", err)
		}
	}
	return s, nil
}

func decodeIDs(t *oteltrace.TraceID, s *oteltrace.SpanID, traceID, spanID string) error {
	if err := decodeID(t[:], traceID); err != nil {
		return err
	}
	return decodeID(s[:], spanID)
}

// unixNano returns the time n, unless there was an error before. Zero is a time
// that the source does not know.
func unixNano(n number, before error) (time.Time, error) {
	if before != nil {
		return time.Time{}, before
	}
	ns, err := n.int64()
	if err != nil || ns == 0 {
		return time.Time{}, err
	}
	return time.Unix(0, ns), nil
}

// kind returns the kind of the span; OTLP numbers kinds as the API does.
func (o *otlpSpan) kind() oteltrace.SpanKind {
	switch o.Kind {
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

// status returns the status of the span; OTLP numbers the codes unlike the API.
func (o *otlpSpan) status() Status {
	s := Status{Description: o.Status.Message}
	switch o.Status.Code {
	case "1", "STATUS_CODE_OK":
		s.Code = codes.Ok
	case "2", "STATUS_CODE_ERROR":
		s.Code = codes.Error
	}
	return s
}

func otlpAttributes(kvs []otlpKeyValue) ([]attribute.KeyValue, error) {
	if len(kvs) == 0 {
		return nil, nil
	}
	attrs := make([]attribute.KeyValue, len(kvs))
	for i, kv := range kvs {
		v, err := kv.Value.value()
		if err != nil {
			return nil, fmt.Errorf("attribute %.40q: %w", kv.Key, err)
		}
		attrs[i] = attribute.KeyValue{Key: attribute.Key(kv.Key), Value: v}
	}
	return attrs, nil
}

// value returns v, the zero Value if it holds none. How deep it nests is limited
// by encoding/json.
func (v *otlpValue) value() (attribute.Value, error) {
	switch {
	case v.String != nil:
		return attribute.StringValue(*v.String), nil
	case v.Bool != nil:
		return attribute.BoolValue(*v.Bool), nil
	case v.Int != nil:
		i, err := v.Int.int64()
		return attribute.Int64Value(i), err
	case v.Double != nil:
		f, err := v.Double.float64()
		return attribute.Float64Value(f), err
	case v.Bytes != nil:
		b, err := base64.StdEncoding.DecodeString(*v.Bytes)
		return attribute.ByteSliceValue(b), err
	case v.Array != nil:
		return otlpArray(v.Array.Values)
	case v.Map != nil:
		kvs, err := otlpAttributes(v.Map.Values)
		return attribute.MapValue(kvs...), err
	default:
		return attribute.Value{}, nil
	}
}

// otlpArray returns the slice that the values were before they were exported,
// if they are of one simple type.
func otlpArray(in []otlpValue) (attribute.Value, error) {
	all := make([]attribute.Value, len(in))
	kind := attribute.Type(math.MaxInt)
	for i := range in {
		v, err := in[i].value()
		if err != nil {
			return v, err
		}
		if i == 0 {
			kind = v.Type()
		} else if kind != v.Type() {
			kind = attribute.EMPTY
		}
		all[i] = v
	}
	switch kind {
	case attribute.STRING:
		return attribute.StringSliceValue(collect(all, attribute.Value.AsString)), nil
	case attribute.BOOL:
		return attribute.BoolSliceValue(collect(all, attribute.Value.AsBool)), nil
	case attribute.INT64:
		return attribute.Int64SliceValue(collect(all, attribute.Value.AsInt64)), nil
	case attribute.FLOAT64:
		return attribute.Float64SliceValue(collect(all, attribute.Value.AsFloat64)), nil
	default:
		return attribute.SliceValue(all...), nil
	}
}

func collect[T any](in []attribute.Value, as func(attribute.Value) T) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = as(v)
	}
	return out
}
