package chain

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
)

// ReadJaeger reads what Jaeger's query API answers, one object or more:
//
//   - /api/traces and /api/traces/{id}, also saved from its UI:
//     {"data":[{"spans":[…],"processes":{…}}]}. Times are in whole microseconds.
//     A reference CHILD_OF to the same trace is the parent, all others are links.
//   - /api/v3/traces/{id}?raw_traces=true: {"result":{"resourceSpans":[…]}}, or
//     its resourceSpans alone, see [ReadOTLP].
//
// An error names the line, and comes with the spans before. An error that
// Jaeger itself reports is returned as one.
func ReadJaeger(r io.Reader) ([]Span, error) {
	var spans []Span
	err := readAll("Jaeger", r, func(doc *jaegerDocument) error {
		for _, o := range []*otlpSpans{&doc.otlpSpans, &doc.Result} {
			read, err := o.spans()
			spans = append(spans, read...)
			if err != nil {
				return err
			}
		}
		for i := range doc.Data {
			read, err := doc.Data[i].spansOf()
			spans = append(spans, read...)
			if err != nil {
				return err
			}
		}
		return doc.failure()
	})
	return spans, err
}

type jaegerDocument struct {
	otlpSpans
	Result otlpSpans     `json:"result"`
	Data   []jaegerTrace `json:"data"`
	Errors []jaegerError `json:"errors"`
	Error  *jaegerError  `json:"error"`
}

type jaegerError struct {
	Msg     string `json:"msg"`
	Message string `json:"message"`
}

func (d *jaegerDocument) failure() error {
	all := d.Errors
	if d.Error != nil {
		all = append(all, *d.Error)
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("the server says: %s", text.Printable(text.Shorten(all[0].Msg+all[0].Message, 200)))
}

type jaegerTrace struct {
	Spans     []jaegerSpan             `json:"spans"`
	Processes map[string]jaegerProcess `json:"processes"`
}

type jaegerProcess struct {
	Service string      `json:"serviceName"`
	Tags    []jaegerTag `json:"tags"`
}

type jaegerSpan struct {
	TraceID    string `json:"traceID"`
	SpanID     string `json:"spanID"`
	ParentID   string `json:"parentSpanID"` // before Jaeger had references
	Name       string `json:"operationName"`
	References []struct {
		Type    string `json:"refType"`
		TraceID string `json:"traceID"`
		SpanID  string `json:"spanID"`
	} `json:"references"`
	Start     number         `json:"startTime"` // microseconds
	Duration  number         `json:"duration"`  // microseconds
	Tags      []jaegerTag    `json:"tags"`
	ProcessID string         `json:"processID"`
	Process   *jaegerProcess `json:"process"`
}

type jaegerTag struct {
	Key   string          `json:"key"`
	Type  string          `json:"type"`
	Value json.RawMessage `json:"value"`
}

// What Jaeger's format has as tags and OTLP as fields. These are words of the
// format, not attributes.
const (
	jaegerChildOf   = "CHILD_OF"
	jaegerKind      = "span.kind"
	jaegerFailed    = "error"
	jaegerOldScope  = "otel.library.name"
	jaegerStatusOK  = "OK"
	jaegerStatusErr = "ERROR"
)

// jaegerResource is a process as the attributes of a resource.
type jaegerResource struct {
	service string
	attrs   []attribute.KeyValue
}

func (p *jaegerProcess) resource() (jaegerResource, error) {
	attrs, err := jaegerAttributes(p.Tags)
	if p.Service != "" && err == nil {
		attrs = append(attrs, semconv.ServiceName(p.Service))
	}
	return jaegerResource{p.Service, attrs}, err
}

func (t *jaegerTrace) spansOf() ([]Span, error) {
	resources := make(map[string]jaegerResource, len(t.Processes))
	for key, p := range t.Processes {
		res, err := p.resource()
		if err != nil {
			return nil, fmt.Errorf("process %.40q: %w", key, err)
		}
		resources[key] = res
	}
	spans := make([]Span, 0, len(t.Spans))
	for i := range t.Spans {
		s, err := t.Spans[i].span(resources)
		if err != nil {
			return spans, fmt.Errorf("span %.40q: %w", t.Spans[i].Name, err)
		}
		spans = append(spans, s)
	}
	return spans, nil
}

func (j *jaegerSpan) span(resources map[string]jaegerResource) (Span, error) {
	s := Span{Name: j.Name}
	res := resources[j.ProcessID]
	var err error
	if j.Process != nil {
		if res, err = j.Process.resource(); err != nil {
			return s, err
		}
	}
	s.Service, s.Resource = res.service, res.attrs
	if s.Start, s.End, err = j.times(); err != nil {
		return s, err
	}
	if err = j.ids(&s); err != nil {
		return s, err
	}
	attrs, err := jaegerAttributes(j.Tags)
	if err != nil {
		return s, err
	}
	s.Attributes = attrs[:0]
	for _, kv := range attrs {
		if !s.jaegerField(kv) {
			s.Attributes = append(s.Attributes, kv)
		}
	}
	return s, nil
}

func (j *jaegerSpan) times() (start, end time.Time, err error) {
	us, err := j.Start.int64()
	if err != nil {
		return start, end, err
	}
	d, err := j.Duration.int64()
	if err != nil {
		return start, end, err
	}
	if us == 0 {
		return start, end, nil
	}
	return time.UnixMicro(us), time.UnixMicro(us).Add(time.Duration(min(max(d, 0), 1<<62/1000)) * time.Microsecond), nil
}

// ids sets the span's id, parent and links.
func (j *jaegerSpan) ids(s *Span) error {
	if err := jaegerIDs(&s.TraceID, &s.SpanID, j.TraceID, j.SpanID); err != nil {
		return err
	}
	for _, ref := range j.References {
		var c oteltrace.SpanContextConfig
		if err := jaegerIDs(&c.TraceID, &c.SpanID, ref.TraceID, ref.SpanID); err != nil {
			return fmt.Errorf("reference: %w", err)
		}
		if ref.Type == jaegerChildOf && c.TraceID == s.TraceID && !s.ParentID.IsValid() {
			s.ParentID = c.SpanID
			continue
		}
		s.Links = append(s.Links, Link{SpanContext: oteltrace.NewSpanContext(c)})
	}
	if s.ParentID.IsValid() || j.ParentID == "" {
		return nil
	}
	return decodeID(s.ParentID[:], pad(j.ParentID, len(s.ParentID)))
}

func jaegerIDs(t *oteltrace.TraceID, s *oteltrace.SpanID, traceID, spanID string) error {
	return decodeIDs(t, s, pad(traceID, len(t)), pad(spanID, len(s)))
}

// pad restores the leading zeros that Jaeger leaves out, of 64-bit trace ids
// above all.
func pad(id string, size int) string {
	if n := 2*size - len(id); id != "" && n > 0 {
		return strings.Repeat("0", n) + id
	}
	return id
}

// jaegerField takes a tag that is a field of s, and reports whether it did.
func (s *Span) jaegerField(kv attribute.KeyValue) bool {
	v := kv.Value.String()
	switch kv.Key {
	case jaegerKind:
		for k := oteltrace.SpanKindInternal; k <= oteltrace.SpanKindConsumer; k++ {
			if k.String() == v {
				s.Kind = k
				return true
			}
		}
		return false
	case semconv.OTelScopeNameKey, jaegerOldScope:
		s.Scope = v
	case semconv.OTelStatusCodeKey:
		switch v {
		case jaegerStatusOK:
			s.Status.Code = codes.Ok
		case jaegerStatusErr:
			s.Status.Code = codes.Error
		}
	case semconv.OTelStatusDescriptionKey:
		s.Status.Description = v
	case jaegerFailed:
		if v != "true" {
			return false
		}
		s.Status.Code = codes.Error
	default:
		return false
	}
	return true
}

func jaegerAttributes(tags []jaegerTag) ([]attribute.KeyValue, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	attrs := make([]attribute.KeyValue, len(tags))
	for i, t := range tags {
		v, err := t.value()
		if err != nil {
			return nil, fmt.Errorf("tag %.40q: %w", t.Key, err)
		}
		attrs[i] = attribute.KeyValue{Key: attribute.Key(t.Key), Value: v}
	}
	return attrs, nil
}

func (t *jaegerTag) value() (attribute.Value, error) {
	var n number
	switch t.Type {
	case "int64", "float64":
		if err := json.Unmarshal(t.Value, &n); err != nil {
			return attribute.Value{}, err
		}
	}
	switch t.Type {
	case "int64":
		i, err := n.int64()
		return attribute.Int64Value(i), err
	case "float64":
		f, err := n.float64()
		return attribute.Float64Value(f), err
	case "bool":
		var b bool
		if json.Unmarshal(t.Value, &b) == nil {
			return attribute.BoolValue(b), nil
		}
	}
	if len(t.Value) == 0 {
		return attribute.Value{}, nil
	}
	var s string
	if json.Unmarshal(t.Value, &s) != nil {
		return attribute.StringValue(string(t.Value)), nil // as it stands there
	}
	if t.Type == "binary" {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return attribute.Value{}, errors.New("no base64")
		}
		return attribute.ByteSliceValue(b), nil
	}
	return attribute.StringValue(s), nil
}
