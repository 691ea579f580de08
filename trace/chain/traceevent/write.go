package traceevent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Write writes the chain. The error wraps the writer's.
func Write(w io.Writer, c *chain.Chain) error {
	if c == nil {
		c = chain.New(nil)
	}
	b := bufio.NewWriterSize(w, 64<<10)
	l := arrange(c)
	e := encoder{w: b, args: map[string]any{}}
	e.json = json.NewEncoder(&e.text)
	fmt.Fprintf(b, `{"displayTimeUnit":"ns","otherData":{"start":%q},"traceEvents":[`, l.start.UTC().Format(time.RFC3339Nano))
	e.names(l)
	for i := range l.slices {
		e.slice(&l.slices[i])
	}
	e.arrows(c, l)
	b.WriteString("\n]}\n")
	if err := e.err; err != nil {
		return fmt.Errorf("traceevent: %w", err)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("traceevent: %w", err)
	}
	return nil
}

// event is an event of the format. The fields that all kinds need come first.
type event struct {
	Name  string  `json:"name"`
	Phase string  `json:"ph"`
	TS    micros  `json:"ts"`
	PID   int     `json:"pid"`
	TID   int     `json:"tid"`
	Dur   *micros `json:"dur,omitempty"`
	Cat   string  `json:"cat,omitempty"`
	ID    int     `json:"id,omitempty"`
	Bind  string  `json:"bp,omitempty"`
	Args  any     `json:"args,omitempty"`
}

// micros is a time in microseconds; a nanosecond is its third decimal.
type micros time.Duration

func (m micros) MarshalJSON() ([]byte, error) {
	ns := int64(m)
	b := strconv.AppendInt(nil, ns/1000, 10)
	if rest := ns % 1000; rest != 0 {
		if ns < 0 && ns > -1000 {
			b = append([]byte("-"), b...)
		}
		b = fmt.Appendf(b, ".%03d", max(rest, -rest))
	}
	return b, nil
}

// encoder writes events. It reuses its memory, since there may be millions of events.
type encoder struct {
	w    *bufio.Writer
	n    int
	err  error
	ev   event
	args map[string]any
	text bytes.Buffer
	json *json.Encoder // writes to text
}

func (e *encoder) write(ev event) {
	e.ev = ev
	e.text.Reset()
	if err := e.json.Encode(&e.ev); err != nil {
		e.err = err
		return
	}
	if e.n++; e.n > 1 {
		e.w.WriteByte(',')
	}
	e.w.WriteByte('\n')
	_, _ = e.w.Write(bytes.TrimSuffix(e.text.Bytes(), []byte("\n"))) // Flush returns the error
}

type (
	nameArgs struct {
		Name string `json:"name"`
	}
	indexArgs struct {
		Index int `json:"sort_index"`
	}
)

// names writes the names of processes and tracks, and their order.
func (e *encoder) names(l *layout) {
	for i, p := range l.processes {
		e.write(event{Name: "process_name", Phase: "M", PID: i + 1, Args: nameArgs{p}})
		e.write(event{Name: "process_sort_index", Phase: "M", PID: i + 1, Args: indexArgs{i}})
	}
	for i, t := range l.tracks {
		e.write(event{Name: "thread_name", Phase: "M", PID: t.pid, TID: i + 1, Args: nameArgs{t.name}})
		e.write(event{Name: "thread_sort_index", Phase: "M", PID: t.pid, TID: i + 1, Args: indexArgs{i}})
	}
}

// slice writes a slice: complete, or only its beginning if it has no end.
func (e *encoder) slice(s *slice) {
	ev := event{
		Name: text.Printable(s.name), Phase: "B", TS: micros(s.from), Cat: category(s.span), PID: s.pid, TID: s.tid, Args: e.about(s.span),
	}
	if s.to != open {
		d := micros(s.to - s.from)
		ev.Phase, ev.Dur = "X", &d
	}
	if s.still {
		ev.Cat = semconv.SpanBlock
	}
	e.write(ev)
}

// category returns the category of a slice, which viewers can filter by.
func category(s *chain.Span) string {
	switch word := s.Word(); word {
	case semconv.SpanBlock, semconv.SpanWake, semconv.SpanStalled:
		return word
	}
	if s.Failed() {
		return "operation,failed"
	}
	return "operation"
}

// about returns a span's arguments, valid until the next call.
func (e *encoder) about(s *chain.Span) map[string]any {
	m := e.args
	clear(m)
	for _, kv := range s.Attributes {
		m[text.Printable(string(kv.Key))] = value(kv.Value)
	}
	m["trace_id"], m["span_id"] = s.TraceID.String(), s.SpanID.String()
	if s.Failed() || s.Status.Description != "" {
		m["status"] = text.Printable(s.Status.Code.String() + " " + s.Status.Description)
	}
	return m
}

// maxArg is the most characters that a text in an argument has.
const maxArg = 1000

// value returns an attribute's value for JSON. A number that JSON or JavaScript cannot
// hold, and every value that is no scalar, is a text.
func value(v attribute.Value) any {
	switch v.Type() {
	case attribute.BOOL:
		return v.AsBool()
	case attribute.INT64:
		if i := v.AsInt64(); i < 1<<53 && i > -1<<53 {
			return i
		}
	case attribute.FLOAT64:
		if f := v.AsFloat64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	case attribute.STRING:
		return text.Printable(text.Shorten(v.AsString(), maxArg))
	}
	return text.Printable(text.Shorten(v.String(), maxArg))
}

// arrows writes the links. An arrow goes from a time when the target had begun to the
// beginning of the span that links.
func (e *encoder) arrows(c *chain.Chain, l *layout) {
	id := 0
	for _, s := range c.Spans {
		to, ok := l.place[s]
		if !ok {
			continue
		}
		for i := range s.Links {
			of := s.Links[i].Span
			from, ok := l.place[of]
			if of == nil || of == s || !ok {
				continue
			}
			a, b := &l.slices[from], &l.slices[to]
			at := b.from
			if a.to != open {
				at = min(at, a.to)
			}
			at = max(at, a.from)
			if at > b.from {
				continue // no arrow goes back in time
			}
			id++
			name := "link"
			if s.Is(semconv.SpanWake) {
				name = semconv.SpanWake
			}
			e.write(event{Name: name, Cat: name, Phase: "s", ID: id, TS: micros(at), PID: a.pid, TID: a.tid})
			e.write(event{Name: name, Cat: name, Phase: "f", Bind: "e", ID: id, TS: micros(b.from), PID: b.pid, TID: b.tid})
		}
	}
}
