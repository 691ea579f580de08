package emitted_test

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// exporter keeps the spans that it receives. It is safe for concurrent use.
type exporter struct {
	mu    sync.Mutex
	spans []sdktrace.ReadOnlySpan
}

func (e *exporter) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.spans = append(e.spans, spans...)
	return nil
}

func (e *exporter) Shutdown(context.Context) error { return nil }

func (e *exporter) all() []sdktrace.ReadOnlySpan {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.spans)
}

// key is the identity of a span.
type key struct {
	trace oteltrace.TraceID
	span  oteltrace.SpanID
}

func keyOf(sc oteltrace.SpanContext) key { return key{sc.TraceID(), sc.SpanID()} }

// node is a span in the dump.
type node struct {
	sdktrace.ReadOnlySpan
	children []*node
	label    string
	line     string
	order    string // of siblings with the same times: all of their text except ids
}

// dump writes spans as a tree that does not depend on ids or the order of export. Siblings
// are sorted by their times, then by their text.
type dump struct {
	epoch  time.Time
	nodes  map[key]*node
	traces map[oteltrace.TraceID]int
	conns  map[string]*node // by connection id
	others []string         // ids of connections whose handshake is missing
	out    strings.Builder
}

func dumpSpans(spans []sdktrace.ReadOnlySpan) string {
	d := &dump{nodes: map[key]*node{}, traces: map[oteltrace.TraceID]int{}, conns: map[string]*node{}}
	var roots []*node
	for _, s := range spans {
		n := &node{ReadOnlySpan: s}
		if _, twice := d.nodes[keyOf(s.SpanContext())]; twice {
			fmt.Fprintf(&d.out, "the same ids twice: %s\n", s.Name())
		}
		d.nodes[keyOf(s.SpanContext())] = n
		if !coarse(s) && (d.epoch.IsZero() || s.StartTime().Before(d.epoch)) {
			d.epoch = s.StartTime()
		}
		d.conns[s.SpanContext().SpanID().String()] = n
	}
	for _, n := range d.nodes {
		n.line = d.line(n)
		n.order = n.line
		for _, a := range sorted(n.Attributes()) {
			if a.Key != semconv.WebSocketConnectionIDKey {
				n.order += fmt.Sprintf("\n%s=%s", a.Key, d.value(a))
			}
		}
	}
	for _, n := range d.nodes {
		if p := d.nodes[keyOf(n.Parent())]; p != nil && n.Parent().IsValid() {
			p.children = append(p.children, n)
		} else {
			roots = append(roots, n)
		}
	}
	d.sort(roots)
	count := 0
	d.number(roots, &count)
	d.write(roots, 0)
	return d.out.String()
}

// sort sorts siblings. Their order includes what is below them, so that it is the same in
// each run even if they differ in their children alone.
func (d *dump) sort(nodes []*node) {
	for _, n := range nodes {
		d.sort(n.children)
		for _, c := range n.children {
			n.order += "\n" + c.order
		}
	}
	slices.SortFunc(nodes, func(a, b *node) int {
		return cmp.Or(d.start(a).Compare(d.start(b)), a.EndTime().Compare(b.EndTime()),
			cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.order, b.order))
	})
}

// coarse reports whether a span's times come from a timer of the process, whose ticks
// differ from run to run.
func coarse(s sdktrace.ReadOnlySpan) bool {
	return s.Name() == semconv.SpanHistory || s.Name() == semconv.SpanStalled
}

// start returns when a span began, with no more precision than is the same in each run.
func (d *dump) start(n *node) time.Time {
	if coarse(n) {
		return d.epoch
	}
	return n.StartTime()
}

func (d *dump) number(nodes []*node, count *int) {
	for _, n := range nodes {
		*count++
		n.label = fmt.Sprintf("#%d", *count)
		if _, ok := d.traces[n.SpanContext().TraceID()]; !ok {
			d.traces[n.SpanContext().TraceID()] = len(d.traces) + 1
		}
		d.number(n.children, count)
	}
}

// line returns the first line of a span.
func (d *dump) line(n *node) string {
	var b strings.Builder
	if fmt.Fprint(&b, n.Name()); !coarse(n) {
		fmt.Fprintf(&b, " %v+%v", n.StartTime().Sub(d.epoch), n.EndTime().Sub(n.StartTime()))
	}
	if n.SpanKind() != oteltrace.SpanKindInternal {
		fmt.Fprintf(&b, " %v", n.SpanKind())
	}
	if st := n.Status(); st.Code != codes.Unset || st.Description != "" {
		fmt.Fprintf(&b, " %v", st.Code)
		if st.Description != "" {
			fmt.Fprintf(&b, " %q", stable(st.Description))
		}
	}
	if state := n.SpanContext().TraceState().String(); state != "" {
		fmt.Fprintf(&b, " state=%s", state)
	}
	if f := n.SpanContext().TraceFlags(); f != oteltrace.FlagsSampled {
		fmt.Fprintf(&b, " flags=%v", f)
	}
	if p := n.Parent(); p.IsRemote() {
		b.WriteString(" remote-parent")
	}
	for _, c := range []struct {
		what string
		n    int
	}{{"attributes", n.DroppedAttributes()}, {"links", n.DroppedLinks()}, {"events", n.DroppedEvents()}} {
		if c.n > 0 {
			fmt.Fprintf(&b, " dropped-%s=%d", c.what, c.n)
		}
	}
	return b.String()
}

// stable removes from a description what differs from run to run: a key, and which of two
// ends that come at the same instant of the bubble the library saw first.
func stable(description string) string {
	for _, end := range []string{"deadline exceeded", "use of closed network connection", "no close frame from the peer within"} {
		if strings.Contains(description, end) {
			return "(a deadline, or the close that it led to)"
		}
	}
	return keys.ReplaceAllString(description, `key "*"`)
}

var keys = regexp.MustCompile(`key "[^"]*"`)

var times = regexp.MustCompile(`@-?[\d.]+(\+[\d.]+)?`) // of a history

func (d *dump) write(nodes []*node, depth int) {
	for _, n := range nodes {
		indent := strings.Repeat("  ", depth)
		fmt.Fprintf(&d.out, "%s%s %s", indent, n.label, n.line)
		if depth == 0 {
			fmt.Fprintf(&d.out, " trace=%d", d.traces[n.SpanContext().TraceID()])
			if p := n.Parent(); p.IsValid() {
				fmt.Fprintf(&d.out, " parent=%s", d.target(p))
			}
		} else if n.Parent().TraceID() != n.SpanContext().TraceID() {
			fmt.Fprintf(&d.out, " trace=%d", d.traces[n.SpanContext().TraceID()])
		}
		d.out.WriteByte('\n')
		if s := n.InstrumentationScope(); s.Name != trace.ScopeName || s.Version != trace.Version {
			fmt.Fprintf(&d.out, "%s    scope %s %s\n", indent, s.Name, s.Version)
		}
		for _, a := range sorted(n.Attributes()) {
			fmt.Fprintf(&d.out, "%s    %s=%s\n", indent, a.Key, d.value(a))
		}
		for _, l := range n.Links() {
			fmt.Fprintf(&d.out, "%s    -> %s%s", indent, d.target(l.SpanContext), d.nameOf(l.SpanContext))
			for _, a := range sorted(l.Attributes) {
				fmt.Fprintf(&d.out, " %s=%s", a.Key, d.value(a))
			}
			d.out.WriteByte('\n')
		}
		for _, e := range n.Events() {
			fmt.Fprintf(&d.out, "%s    event %s %v\n", indent, e.Name, sorted(e.Attributes))
		}
		d.write(n.children, depth+1)
	}
}

// target returns the name of the span that a parent or a link refers to.
func (d *dump) target(sc oteltrace.SpanContext) string {
	name := "elsewhere"
	if n := d.nodes[keyOf(sc)]; n != nil {
		name = n.label
	} else if of := d.traces[sc.TraceID()]; of > 0 {
		name = fmt.Sprintf("elsewhere in trace %d", of)
	}
	if sc.IsRemote() {
		name += " (remote)"
	}
	return name
}

func (d *dump) nameOf(sc oteltrace.SpanContext) string {
	if n := d.nodes[keyOf(sc)]; n != nil {
		return " " + n.Name()
	}
	return ""
}

// unstable are the keys whose values differ from run to run.
var unstable = map[attribute.Key]bool{
	semconv.GoroutineIDKey:      true,
	semconv.BlockLongestSpanKey: true,
	semconv.CodeStacktraceKey:   true,

	semconv.StalledAgeKey:          true, // depends on the same timer
	semconv.WebSocketReaderAwayKey: true,

	semconv.CodeFunctionNameKey: true, // of a test's anonymous functions
	semconv.CodeLineNumberKey:   true,
}

func (d *dump) value(a attribute.KeyValue) string {
	if unstable[a.Key] {
		return "* " + a.Value.Type().String()
	}
	if a.Key == semconv.WebSocketConnectionIDKey {
		if n := d.conns[a.Value.AsString()]; n != nil {
			return "of " + n.label
		}
		i := slices.Index(d.others, a.Value.AsString())
		if i < 0 {
			i, d.others = len(d.others), append(d.others, a.Value.AsString())
		}
		return fmt.Sprintf("elsewhere %d", i+1)
	}
	if a.Key == semconv.WebSocketHistoryReceiveKey || a.Key == semconv.WebSocketHistoryTransmitKey {
		return fmt.Sprintf("%q", times.ReplaceAllString(a.Value.AsString(), ""))
	}
	switch a.Value.Type() {
	case attribute.STRING:
		return fmt.Sprintf("%q", a.Value.AsString())
	case attribute.FLOAT64:
		return fmt.Sprintf("%gf", a.Value.AsFloat64())
	default:
		return a.Value.String()
	}
}

func sorted(attrs []attribute.KeyValue) []attribute.KeyValue {
	attrs = slices.Clone(attrs)
	slices.SortStableFunc(attrs, func(a, b attribute.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	return attrs
}

// dumpMetrics writes all data points. Of exemplars it writes how many name a span and how
// many do not.
func dumpMetrics(rm *metricdata.ResourceMetrics) string {
	var lines []string
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			add := func(set attribute.Set, format string, args ...any) {
				lines = append(lines, fmt.Sprintf("%s [%s] {%s} ", m.Name, m.Unit, set.Encoded(attribute.DefaultEncoder()))+fmt.Sprintf(format, args...))
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "%d", p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "now %d", p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "now %g", p.Value)
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "%d in %d %v, exemplars %s", p.Sum, p.Count, p.BucketCounts, exemplars(p.Exemplars))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, "%.6g in %d %v, exemplars %s", p.Sum, p.Count, p.BucketCounts, exemplars(p.Exemplars))
				}
			default:
				add(attribute.Set{}, "%T", m.Data)
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

func exemplars[N int64 | float64](all []metricdata.Exemplar[N]) string {
	with := 0
	for _, e := range all {
		if len(e.SpanID) > 0 {
			with++
		}
	}
	if with == len(all) {
		return fmt.Sprint(with)
	}
	return fmt.Sprintf("%d, %d without a span", len(all), len(all)-with)
}
