package chain

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otelsemconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Span is one span from any source. The upper fields are the source's. [New] sets the lower
// ones, and leaves them unset in its input.
//
// The slices are shared with the source: do not modify them.
type Span struct {
	TraceID  oteltrace.TraceID
	SpanID   oteltrace.SpanID
	ParentID oteltrace.SpanID // zero: none

	Name    string
	Kind    oteltrace.SpanKind
	Service string // service.name; New takes it from Resource if it is empty
	Scope   string // instrumentation scope

	// Start and End are corrected for clock skew in a Chain, see [Skew]. A zero End means
	// that the span had not ended when it was recorded.
	Start, End time.Time

	Attributes []attribute.KeyValue
	Resource   []attribute.KeyValue
	Links      []Link
	Status     Status

	// StartedOn and EndedOn are the numbers of the goroutines that started and ended the
	// span, unique across all processes of the chain. Only a recorder in the process can
	// know them; 0: not known. Spans that have them must be passed to New in the order of
	// the calls, which decides between equal times.
	StartedOn, EndedOn int64

	// Set by New.

	Parent     *Span   // nil: a root, or see Orphan
	Children   []*Span // in the order of the chain
	LinkedFrom []*Span // the spans with a link to this one, in the order of the chain
	Seq        int     // the position in Chain.Spans, from 0

	proc, clock int32
	arrival     int // the position in the order of arrival

	runner  *Span       // see Goroutine
	conn    *Connection // see Connection
	partner *Span       // of a block, its wake; of a handshake, its other side; of a goroutine, its rest
}

// Link is a reference from a span to another one that is not its parent. On a `wake` it
// points to the span that caused it.
type Link struct {
	SpanContext oteltrace.SpanContext
	Attributes  []attribute.KeyValue

	// Span is the span that the link points to, set by New. It is nil if the chain does not
	// have it.
	Span *Span
}

// Status is the status of a span.
type Status struct {
	Code        codes.Code
	Description string
}

// Attr returns the value of the attribute key and whether the span has it. If
// the source repeats the key, the last value counts.
func (s *Span) Attr(key attribute.Key) (attribute.Value, bool) {
	return lookup(s.Attributes, key)
}

func lookup(attrs []attribute.KeyValue, key attribute.Key) (attribute.Value, bool) {
	for i := len(attrs) - 1; i >= 0; i-- {
		if attrs[i].Key == key {
			return attrs[i].Value, true
		}
	}
	return attribute.Value{}, false
}

// Str returns the attribute key as text, or "" if the span has no such attribute. A value
// that is not a string is formatted by its String method.
func (s *Span) Str(key attribute.Key) string { return str(s.Attributes, key) }

func str(attrs []attribute.KeyValue, key attribute.Key) string {
	v, ok := lookup(attrs, key)
	switch {
	case !ok:
		return ""
	case v.Type() == attribute.STRING:
		return v.AsString()
	default:
		return v.String()
	}
}

// Int returns the attribute key as an integer, or 0 if the span has no such attribute or it
// is no number. A float is truncated.
func (s *Span) Int(key attribute.Key) int64 {
	v, _ := s.Attr(key)
	if v.Type() == attribute.FLOAT64 {
		return int64(v.AsFloat64())
	}
	if v.Type() == attribute.INT64 {
		return v.AsInt64()
	}
	return 0
}

// Float returns the attribute key as a float, or 0 if the span has no such attribute or it
// is no number.
func (s *Span) Float(key attribute.Key) float64 {
	v, _ := s.Attr(key)
	if v.Type() == attribute.INT64 {
		return float64(v.AsInt64())
	}
	if v.Type() == attribute.FLOAT64 {
		return v.AsFloat64()
	}
	return 0
}

// Duration returns End-Start, or 0 for a span that had not ended or that ended before it
// started.
func (s *Span) Duration() time.Duration {
	if s.End.IsZero() {
		return 0
	}
	return max(s.End.Sub(s.Start), 0)
}

// Blocked returns how long the span was blocked: the sum of its `block` children or, if it
// has none (as a goroutine), its block.duration and that of its [Span.Rest].
func (s *Span) Blocked() time.Duration {
	var sum time.Duration
	var seen bool
	for _, c := range s.Children {
		if c.Is(semconv.SpanBlock) {
			sum, seen = sum+c.Duration(), true
		}
	}
	if !seen {
		sum = s.Seconds(semconv.BlockDurationKey)
		if rest := s.Rest(); rest != nil {
			sum = Sum(sum, rest.Seconds(semconv.BlockDurationKey))
		}
	}
	return sum
}

// Seconds returns the attribute key, a number of seconds, as a duration. It is 0 if the
// span has no such attribute, or it is negative or no number, and the longest duration if
// it does not fit.
func (s *Span) Seconds(key attribute.Key) time.Duration { return seconds(s.Float(key)) }

func seconds(f float64) time.Duration {
	switch ns := f * float64(time.Second); {
	case !(ns > 0):
		return 0
	case ns >= float64(1<<63-1):
		return 1<<63 - 1
	default:
		return time.Duration(ns)
	}
}

// Sum returns a+b, or the longest duration if that does not fit, as may happen with hostile
// input. Neither may be negative.
func Sum(a, b time.Duration) time.Duration {
	if a > 1<<63-1-b {
		return 1<<63 - 1
	}
	return a + b
}

// Site returns where in the program the span is, as function:line without the path of the
// package and without "main.". It is "" if the code.* attributes do not have it.
func (s *Span) Site() string {
	fn := s.Str(semconv.CodeFunctionNameKey)
	if fn == "" {
		return ""
	}
	fn = strings.TrimPrefix(fn[strings.LastIndexByte(fn, '/')+1:], "main.")
	if line := s.Int(semconv.CodeLineNumberKey); line > 0 {
		fn += ":" + strconv.FormatInt(line, 10)
	}
	return fn
}

// Failed reports whether the status of the span is Error.
func (s *Span) Failed() bool { return s.Status.Code == codes.Error }

// Orphan reports whether the span names a parent that the chain does not have.
func (s *Span) Orphan() bool { return s.Parent == nil && s.ParentID.IsValid() }

// SpanContext returns the span's identity as the context of a sampled remote span.
func (s *Span) SpanContext() oteltrace.SpanContext {
	return oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: s.TraceID, SpanID: s.SpanID, TraceFlags: oteltrace.FlagsSampled, Remote: true,
	})
}

// Process returns the name of the process that ran the span: its service and, after an "@",
// its instance, if the resource has one (service.instance.id, otherwise host and process
// id).
func (s *Span) Process() string {
	name := s.Service
	if name == "" {
		name = str(s.Resource, otelsemconv.ServiceNameKey)
	}
	instance := str(s.Resource, otelsemconv.ServiceInstanceIDKey)
	if instance == "" {
		instance = str(s.Resource, otelsemconv.HostNameKey)
		if instance == "" {
			instance = str(s.Resource, otelsemconv.HostIDKey)
		}
		if pid := str(s.Resource, otelsemconv.ProcessPIDKey); pid != "" {
			instance += "#" + pid
		}
	}
	if instance != "" {
		return name + "@" + instance
	}
	return name
}

// host returns the machine of the resource, or "" if it has none.
func (s *Span) host() string {
	name, id := str(s.Resource, otelsemconv.HostNameKey), str(s.Resource, otelsemconv.HostIDKey)
	if name == "" && id == "" {
		return ""
	}
	return name + "\x00" + id
}

// String returns a short reference to the span, such as
// "write #312 (socket_start)".
func (s *Span) String() string {
	if s.Service == "" {
		return fmt.Sprintf("%s #%d", text.Printable(s.Name), s.Seq)
	}
	return fmt.Sprintf("%s #%d (%s)", text.Printable(s.Name), s.Seq, text.Printable(s.Service))
}

// Ancestors yields the span's parent, the parent's parent, and so on up to the root.
func (s *Span) Ancestors() iter.Seq[*Span] {
	return func(yield func(*Span) bool) {
		for p := s.Parent; p != nil; p = p.Parent {
			if !yield(p) {
				return
			}
		}
	}
}

// Walk yields the span and all below it, each parent before its children and siblings in
// the order of the chain, with the depth below s: 0 for s itself.
func (s *Span) Walk() iter.Seq2[int, *Span] {
	return func(yield func(int, *Span) bool) {
		walk([]*Span{s}, yield)
	}
}

// walk yields roots and all spans below them. It has its own stack: traces may be very
// deep.
func walk(roots []*Span, yield func(int, *Span) bool) {
	stack := [][]*Span{roots}
	for len(stack) > 0 {
		top := len(stack) - 1
		if len(stack[top]) == 0 {
			stack = stack[:top]
			continue
		}
		s := stack[top][0]
		stack[top] = stack[top][1:]
		if !yield(top, s) {
			return
		}
		stack = append(stack, s.Children)
	}
}

// Goroutine returns the span of the goroutine that ran the span, or nil if the chain
// does not show it. For the span of a goroutine it returns the goroutine that started
// it.
func (s *Span) Goroutine() *Span { return s.runner }

// Connection returns the end of a connection that the span is on, or nil if it is not
// known. It is the one that the span's websocket.connection.id names or, if the span has
// none, the only one that is open in its place in the chain.
func (s *Span) Connection() *Connection { return s.conn }

// OtherSide returns, for the handshake of a client or a server, the same handshake as the
// other side recorded it. It is nil for every other span, and if the chain does not have
// it.
func (s *Span) OtherSide() *Span {
	if !s.Is(semconv.SpanHandshake) {
		return nil
	}
	return s.partner
}

// Wake returns, for a `block`, the `wake` that ended it. It is nil for every other span,
// and if the chain does not have it.
func (s *Span) Wake() *Span {
	if !s.Is(semconv.SpanBlock) {
		return nil
	}
	return s.partner
}

// Waker returns the span that a `wake`, or the one that ended a `block`, links to. It is
// nil for every other span, and if the chain does not have it.
func (s *Span) Waker() *Span {
	wake := s.Wake()
	if s.Is(semconv.SpanWake) {
		wake = s
	}
	if wake != nil {
		for _, l := range wake.Links {
			if l.Span != nil {
				return l.Span
			}
		}
	}
	return nil
}

// Word returns the kind of span that the name means: see [semconv.KindOf]. For the span of
// a goroutine it is the whole name.
func (s *Span) Word() string {
	word := semconv.KindOf(s.Name)
	if len(word) == len(s.Name) {
		return word
	}
	if s.ofGoroutine() {
		return s.Name
	}
	return word
}

// Named reports whether the span has the name, or the name is the span's [Span.Word].
func (s *Span) Named(name string) bool { return s.Name == name || s.Is(name) }

// Is reports whether [Span.Word] is word. Is("block") reports whether s is a `block`,
// whatever it waited for.
func (s *Span) Is(word string) bool {
	return strings.HasPrefix(s.Name, word) && s.Word() == word
}

// Operation returns the operation that the span belongs to: the nearest span at
// or above it that is neither a `block` nor a `wake`, or nil if there is none.
func (s *Span) Operation() *Span {
	for s != nil && s.tile() {
		s = s.Parent
	}
	return s
}

// Caller returns the span that caused s: its parent or, for a server's span without one,
// the client's span that it links to, as public endpoints do. It is nil if the chain has
// neither.
func (s *Span) Caller() *Span {
	if s.Parent != nil || s.Kind != oteltrace.SpanKindServer {
		return s.Parent
	}
	for _, l := range s.Links {
		if l.Span != nil && l.Span.Kind == oteltrace.SpanKindClient {
			return l.Span
		}
	}
	return nil
}

// tile reports whether the span is a `block` or a `wake`, which tile an operation.
func (s *Span) tile() bool { return s.Is(semconv.SpanBlock) || s.Is(semconv.SpanWake) }
