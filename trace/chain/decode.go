package chain

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain/internal/lex"
)

// decoder reads spans from JSON of any format. Spans share equal texts and attribute lists.
type decoder struct {
	lex    *lex.Lexer
	format Format // of the first span
	into   *Collection
	room   int   // how many more spans may be read
	full   bool  // there were more spans
	whole  int64 // offset of the end of the last whole span

	fault  error // the first invalid value of the current span, process or resource
	faulty func(line int, err error)
	server string   // the server's error message
	fields []string // of objects without a known field
	known  bool     // an object had a known field

	texts map[string]string
	lists map[uint64][]attribute.KeyValue
	seed  maphash.Seed
	attrs []attribute.KeyValue // the lists that are being read
	raw   []byte

	depth int // nesting of the current value
}

const (
	maxTexts     = 1 << 16 // texts, and lists, that are kept for sharing
	maxSharedLen = 128     // bytes of a text that is shared
	maxNesting   = 100     // levels of values
)

func newDecoder(l *lex.Lexer, into *Collection) *decoder {
	return &decoder{
		lex: l, into: into, texts: make(map[string]string), lists: make(map[uint64][]attribute.KeyValue), seed: maphash.MakeSeed(),
	}
}

// add adds the whole span s and reports whether it did. If the span has an invalid value,
// it calls faulty.
func (d *decoder) add(f Format, s *Span) bool {
	switch {
	case d.lex.Err() != nil:
		return false
	case d.fault != nil:
		d.faulty(d.lex.Line(), fmt.Errorf("span %.40q: %w", s.Name, d.fault))
		d.fault = nil
		return false
	case d.room == 0:
		d.full = true
		d.lex.Fail("too many spans")
		return false
	case d.format == "":
		d.format = f
	}
	d.room--
	d.into.add(s)
	d.whole = d.lex.Offset()
	return true
}

// bad records err, unless nil, as the fault of the current span, if it is the first one.
func (d *decoder) bad(err error) {
	if err != nil && d.fault == nil {
		d.fault = err
	}
}

// within adds to the fault where it occurred, if there was none before.
func (d *decoder) within(before error, format string, args ...any) {
	if before == nil && d.fault != nil {
		d.fault = fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), d.fault)
	}
}

// text reads a text. It returns "" for null.
func (d *decoder) text() string { return d.share(d.lex.Text()) }

func (d *decoder) share(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if s, ok := d.texts[string(b)]; ok {
		return s
	}
	s := string(b)
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
		return s
	}
	if len(s) <= maxSharedLen {
		if len(d.texts) == maxTexts {
			clear(d.texts)
		}
		d.texts[s] = s
	}
	return s
}

// attributes reads a list of attributes in the format f. Other spans may share the list.
func (d *decoder) attributes(f Format) []attribute.KeyValue {
	from, what := len(d.attrs), "attribute"
	if f == FormatJaeger {
		what = "tag"
	}
	for range d.lex.Objects {
		before := d.fault
		var kv attribute.KeyValue
		var kind string // Jaeger
		var raw []byte
		for key := range d.lex.Object {
			switch string(key) {
			case "key", "Key":
				kv.Key = attribute.Key(d.text())
			case "type":
				kind = d.text()
			case "value", "Value":
				switch f {
				case FormatJaeger:
					d.raw = append(d.raw[:0], d.lex.Raw()...)
					raw = d.raw
				case FormatStdout:
					kv.Value = d.stdoutValue()
				default:
					kv.Value = d.otlpValue()
				}
			default:
				d.lex.Skip()
			}
		}
		if f == FormatJaeger {
			kv.Value = d.tag(kind, raw)
		}
		d.within(before, "%s %.40q", what, kv.Key)
		d.attrs = append(d.attrs, kv)
	}
	return d.list(from)
}

// list moves the attributes in d.attrs[from:] to a list of their own or a shared one.
func (d *decoder) list(from int) []attribute.KeyValue {
	list := d.attrs[from:]
	if len(list) == 0 {
		return nil
	}
	defer func() { d.attrs = d.attrs[:from] }()
	var h maphash.Hash
	h.SetSeed(d.seed)
	for i := range list {
		if !d.hash(&h, &list[i]) {
			return slices.Clone(list)
		}
	}
	sum := h.Sum64()
	if old, ok := d.lists[sum]; ok && slices.EqualFunc(old, list, same) {
		return old
	}
	if len(d.lists) == maxTexts {
		clear(d.lists)
	}
	list = slices.Clone(list)
	d.lists[sum] = list
	return list
}

// hash adds an attribute to h, and reports whether a list with such a value may be shared.
func (d *decoder) hash(h *maphash.Hash, kv *attribute.KeyValue) bool {
	h.WriteString(string(kv.Key))
	t := kv.Value.Type()
	h.WriteByte(byte(t))
	switch t {
	case attribute.STRING:
		h.WriteString(kv.Value.AsString())
	case attribute.INT64:
		maphash.WriteComparable(h, kv.Value.AsInt64())
	case attribute.BOOL:
		maphash.WriteComparable(h, kv.Value.AsBool())
	default:
		return false
	}
	return true
}

func same(a, b attribute.KeyValue) bool {
	if a.Key != b.Key || a.Value.Type() != b.Value.Type() {
		return false
	}
	switch a.Value.Type() {
	case attribute.STRING:
		return a.Value.AsString() == b.Value.AsString()
	case attribute.INT64:
		return a.Value.AsInt64() == b.Value.AsInt64()
	default:
		return a.Value.AsBool() == b.Value.AsBool()
	}
}

// service returns the service.name of a resource.
func service(resource []attribute.KeyValue) string { return str(resource, semconv.ServiceNameKey) }

// integer reads a number or a text with one: JSON writers quote 64-bit integers, because
// not every reader supports them. It returns 0 for null.
func (d *decoder) integer() int64 {
	b, ok := d.number()
	if !ok {
		return 0
	}
	i, err := parseInt(b)
	d.bad(err)
	return i
}

func parseInt(b []byte) (int64, error) {
	if i, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return i, nil
	}
	// Some writers only have floats: 1.7e+18.
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(f >= -1<<63 && f < 1<<63) {
		return 0, fmt.Errorf("%.40q is no 64-bit integer", b)
	}
	return int64(f), nil
}

// float reads a number or a text with one, such as NaN or an infinity. It returns 0 for
// null.
func (d *decoder) float() float64 {
	b, ok := d.number()
	if !ok {
		return 0
	}
	f, err := parseFloat(b)
	d.bad(err)
	return f
}

func parseFloat(b []byte) (float64, error) {
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%.40q is no number", b)
	}
	return f, nil
}

func (d *decoder) number() ([]byte, bool) {
	if c := d.lex.Peek(); c == '{' || c == '[' || c == 't' || c == 'f' {
		d.bad(fmt.Errorf("a number expected, not %.20q", d.lex.Raw()))
		return nil, false
	}
	b, quoted := d.lex.Scalar()
	if quoted {
		b = trim(b)
	}
	return b, len(b) > 0
}

func trim(b []byte) []byte {
	for len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	for len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

func (d *decoder) boolean() bool {
	switch w := d.lex.Raw(); string(w) {
	case "true", `"true"`:
		return true
	case "false", `"false"`, "null":
	default:
		d.bad(fmt.Errorf("true or false expected, not %.20q", w))
	}
	return false
}

func (d *decoder) traceID() (id oteltrace.TraceID) {
	d.bad(decodeID(id[:], d.lex.Text()))
	return id
}

func (d *decoder) spanID() (id oteltrace.SpanID) {
	d.bad(decodeID(id[:], d.lex.Text()))
	return id
}

// decodeID decodes the id of a trace or span into dst. It is hexadecimal, or base64 as
// protobuf's JSON writes bytes. An empty text is the zero id.
func decodeID(dst, s []byte) error {
	if len(s) == 0 {
		return nil
	}
	if len(s) == hex.EncodedLen(len(dst)) {
		if _, err := hex.Decode(dst, s); err == nil {
			return nil
		}
	} else if raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(string(s), "=")); err == nil && len(raw) == len(dst) {
		copy(dst, raw)
		return nil
	}
	clear(dst)
	return fmt.Errorf("%.40q is no id of %d bytes", s, len(dst))
}

// nested calls f to read a value inside another one, unless they are nested too deeply.
func (d *decoder) nested(f func()) {
	if d.depth == maxNesting {
		d.lex.Fail("more than %d values inside one another", maxNesting)
		return
	}
	d.depth++
	f()
	d.depth--
}

// array returns values as a slice of their type, as before the export, if they are all of
// one simple type. Otherwise it returns a SLICE.
func array(all []attribute.Value) attribute.Value {
	kind := attribute.Type(math.MaxInt)
	for i, v := range all {
		if i == 0 {
			kind = v.Type()
		} else if kind != v.Type() {
			kind = attribute.EMPTY
		}
	}
	switch kind {
	case attribute.STRING:
		return attribute.StringSliceValue(collect(all, attribute.Value.AsString))
	case attribute.BOOL:
		return attribute.BoolSliceValue(collect(all, attribute.Value.AsBool))
	case attribute.INT64:
		return attribute.Int64SliceValue(collect(all, attribute.Value.AsInt64))
	case attribute.FLOAT64:
		return attribute.Float64SliceValue(collect(all, attribute.Value.AsFloat64))
	default:
		return attribute.SliceValue(all...)
	}
}

func collect[T any](in []attribute.Value, as func(attribute.Value) T) []T {
	out := make([]T, len(in))
	for i, v := range in {
		out[i] = as(v)
	}
	return out
}

// unquote decodes raw if it is a JSON string.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}

// says returns a message as one line: shortened, and safe to print.
func says(message string) string { return text.Printable(text.Shorten(message, 200)) }
