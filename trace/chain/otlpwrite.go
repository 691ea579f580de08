package chain

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// WriteOTLP writes spans as OTLP/JSON, one export of at most 512 spans per line, as the
// collector's file exporter does. Any OpenTelemetry backend accepts it. The spans keep
// their order, and [Read] returns them unchanged, except for StartedOn and EndedOn, which
// OTLP does not have. Fields that [New] has set are not written. The error wraps the
// writer's.
func WriteOTLP(w io.Writer, spans []Span) error {
	b := bufio.NewWriterSize(w, 64<<10)
	var e otlpWriter
	for len(spans) > 0 {
		n := min(len(spans), spansPerLine)
		e.b = e.b[:0]
		e.export(spans[:n])
		spans = spans[n:]
		if _, err := b.Write(e.b); err != nil {
			return fmt.Errorf("chain: write OTLP: %w", err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("chain: write OTLP: %w", err)
	}
	return nil
}

const spansPerLine = 512

// otlpWriter appends OTLP/JSON. encoding/json would take several times as long, and cannot
// write NaN.
type otlpWriter struct{ b []byte }

// export writes spans as one export. A resource or scope that comes again after another one
// is written again, to keep the order.
func (e *otlpWriter) export(spans []Span) {
	e.raw(`{"resourceSpans":[`)
	for i := 0; i < len(spans); {
		n := i + 1
		for n < len(spans) && sameResource(&spans[n], &spans[i]) {
			n++
		}
		e.comma(i)
		e.resource(spans[i:n])
		i = n
	}
	e.raw("]}\n")
}

func sameResource(a, b *Span) bool {
	return a.Service == b.Service && len(a.Resource) == len(b.Resource) && (len(a.Resource) == 0 || &a.Resource[0] == &b.Resource[0])
}

func (e *otlpWriter) resource(spans []Span) {
	e.raw(`{"resource":{"attributes":[`)
	of := &spans[0]
	for i, kv := range of.Resource {
		e.comma(i)
		e.attribute(kv)
	}
	if of.Service != "" && service(of.Resource) != of.Service {
		e.comma(len(of.Resource))
		e.attribute(semconv.ServiceName(of.Service))
	}
	e.raw(`]},"scopeSpans":[`)
	for i := 0; i < len(spans); {
		n := i + 1
		for n < len(spans) && spans[n].Scope == spans[i].Scope {
			n++
		}
		e.comma(i)
		e.raw(`{"scope":{"name":`)
		e.text(spans[i].Scope)
		e.raw(`},"spans":[`)
		for j := range spans[i:n] {
			e.comma(j)
			e.span(&spans[i+j])
		}
		e.raw(`]}`)
		i = n
	}
	e.raw(`]}`)
}

func (e *otlpWriter) span(s *Span) {
	e.raw(`{"traceId":"`)
	e.b = hex.AppendEncode(e.b, s.TraceID[:])
	e.raw(`","spanId":"`)
	e.b = hex.AppendEncode(e.b, s.SpanID[:])
	if s.ParentID.IsValid() {
		e.raw(`","parentSpanId":"`)
		e.b = hex.AppendEncode(e.b, s.ParentID[:])
	}
	e.raw(`","name":`)
	e.text(s.Name)
	if s.Kind != 0 {
		e.raw(`,"kind":`)
		e.b = strconv.AppendInt(e.b, int64(s.Kind), 10)
	}
	e.time(`,"startTimeUnixNano":"`, s.Start)
	e.time(`,"endTimeUnixNano":"`, s.End)
	if len(s.Attributes) > 0 {
		e.raw(`,"attributes":`)
		e.attributes(s.Attributes)
	}
	if len(s.Links) > 0 {
		e.raw(`,"links":[`)
		for i := range s.Links {
			e.comma(i)
			e.link(&s.Links[i])
		}
		e.raw(`]`)
	}
	e.raw(`,"status":{`)
	switch s.Status.Code { // OTLP numbers them differently from the API
	case codes.Ok:
		e.raw(`"code":1`)
	case codes.Error:
		e.raw(`"code":2`)
	}
	if s.Status.Description != "" {
		if s.Status.Code == codes.Ok || s.Status.Code == codes.Error {
			e.raw(`,`)
		}
		e.raw(`"message":`)
		e.text(s.Status.Description)
	}
	e.raw(`}}`)
}

// time writes a time, unless it is unknown.
func (e *otlpWriter) time(key string, t time.Time) {
	if t.IsZero() {
		return
	}
	e.raw(key)
	e.b = strconv.AppendInt(e.b, nanos(t), 10)
	e.raw(`"`)
}

func (e *otlpWriter) link(l *Link) {
	c := l.SpanContext
	traceID, spanID := c.TraceID(), c.SpanID()
	e.raw(`{"traceId":"`)
	e.b = hex.AppendEncode(e.b, traceID[:])
	e.raw(`","spanId":"`)
	e.b = hex.AppendEncode(e.b, spanID[:])
	e.raw(`"`)
	if state := c.TraceState().String(); state != "" {
		e.raw(`,"traceState":`)
		e.text(state)
	}
	if f := c.TraceFlags(); f != 0 {
		e.raw(`,"flags":`)
		e.b = strconv.AppendInt(e.b, int64(f), 10)
	}
	if len(l.Attributes) > 0 {
		e.raw(`,"attributes":`)
		e.attributes(l.Attributes)
	}
	e.raw(`}`)
}

func (e *otlpWriter) attributes(kvs []attribute.KeyValue) {
	e.raw(`[`)
	for i, kv := range kvs {
		e.comma(i)
		e.attribute(kv)
	}
	e.raw(`]`)
}

func (e *otlpWriter) attribute(kv attribute.KeyValue) {
	e.raw(`{"key":`)
	e.text(string(kv.Key))
	e.raw(`,"value":`)
	e.value(kv.Value)
	e.raw(`}`)
}

func (e *otlpWriter) value(v attribute.Value) {
	switch v.Type() {
	case attribute.STRING:
		e.raw(`{"stringValue":`)
		e.text(v.AsString())
	case attribute.BOOL:
		e.raw(`{"boolValue":`)
		e.b = strconv.AppendBool(e.b, v.AsBool())
	case attribute.INT64:
		e.raw(`{"intValue":"`)
		e.b = strconv.AppendInt(e.b, v.AsInt64(), 10)
		e.raw(`"`)
	case attribute.FLOAT64:
		e.raw(`{"doubleValue":`)
		e.float(v.AsFloat64())
	case attribute.BYTESLICE:
		e.raw(`{"bytesValue":"`)
		e.b = base64.StdEncoding.AppendEncode(e.b, v.AsByteSlice())
		e.raw(`"`)
	case attribute.STRINGSLICE:
		values(e, v.AsStringSlice(), attribute.StringValue)
	case attribute.BOOLSLICE:
		values(e, v.AsBoolSlice(), attribute.BoolValue)
	case attribute.INT64SLICE:
		values(e, v.AsInt64Slice(), attribute.Int64Value)
	case attribute.FLOAT64SLICE:
		values(e, v.AsFloat64Slice(), attribute.Float64Value)
	case attribute.SLICE:
		values(e, v.AsSlice(), func(v attribute.Value) attribute.Value { return v })
	case attribute.MAP:
		e.raw(`{"kvlistValue":{"values":`)
		e.attributes(v.AsMap())
		e.raw(`}`)
	default:
		e.raw(`{`)
	}
	e.raw(`}`)
}

func values[T any](e *otlpWriter, all []T, value func(T) attribute.Value) {
	e.raw(`{"arrayValue":{"values":[`)
	for i, v := range all {
		e.comma(i)
		e.value(value(v))
	}
	e.raw(`]}`)
}

// float writes a number, or a quoted name for one that JSON does not have.
func (e *otlpWriter) float(f float64) {
	switch {
	case math.IsNaN(f):
		e.raw(`"NaN"`)
	case math.IsInf(f, 1):
		e.raw(`"Infinity"`)
	case math.IsInf(f, -1):
		e.raw(`"-Infinity"`)
	default:
		e.b = strconv.AppendFloat(e.b, f, 'g', -1, 64)
	}
}

func (e *otlpWriter) raw(s string) { e.b = append(e.b, s...) }

// comma writes the comma before the i-th element of a list.
func (e *otlpWriter) comma(i int) {
	if i > 0 {
		e.raw(",")
	}
}

// text writes s in quotes. Invalid UTF-8 becomes U+FFFD.
func (e *otlpWriter) text(s string) {
	const digits = "0123456789abcdef"
	e.raw(`"`)
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			e.b = append(e.b, '\\', c)
		case c < ' ' || c == 0x7f:
			e.b = append(e.b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c < utf8.RuneSelf:
			e.b = append(e.b, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			e.b = utf8.AppendRune(e.b, r)
			i += n
			continue
		}
		i++
	}
	e.raw(`"`)
}
