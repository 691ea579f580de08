package sequence_test

import (
	"flag"
	"io"
	"math/rand/v2"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/traceevent"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

var many = flag.Int("spans", 8_000, "how many spans TestManySpans sends through every format")

// knots returns n spans of a hostile source: of all kinds and several services, with
// parents and links in cycles and long chains, and some ids twice.
func knots(n int) spans {
	r := rand.New(rand.NewPCG(1, 2))
	names := []string{
		semconv.SpanHandshake, semconv.SpanSegment, semconv.SpanRead, semconv.SpanWrite, semconv.SpanClose, semconv.SpanLock,
		semconv.BlockName(semconv.ReasonNetWrite, semconv.CausePeerWindow), semconv.WakeName(semconv.WakePeerRead), semconv.SpanStalled,
		"worker", "GET /",
	}
	ss := make(spans, 0, n)
	for i := range n {
		name := names[r.IntN(len(names))]
		at := r.Float64() * 10_000
		parent := -1
		if i > 0 && r.IntN(20) > 0 {
			parent = max(i-1-r.IntN(1+r.IntN(50)), 0)
		}
		attrs := []attribute.KeyValue{
			semconv.BlockReasonKey.String([]string{"net.write", "lock", "chan.send"}[r.IntN(3)]),
			semconv.WebSocketConnectionIDKey.String(strconv.Itoa(r.IntN(200))), semconv.HTTPResponseStatusCodeKey.Int(101),
			semconv.StalledAgeKey.Float64(r.Float64()), semconv.GoroutineStateKey.String("failed"), semconv.ErrorTypeKey.String("eof"),
		}
		s := ss.add("service"+strconv.Itoa(r.IntN(5)), name, parent, at, at+r.Float64()*1000, attrs[r.IntN(len(attrs)):]...)
		ss[s].Kind = oteltrace.SpanKind(r.IntN(6))
		switch r.IntN(50) {
		case 0: // a cycle of parents
			ss[r.IntN(i+1)].ParentID = ss[s].SpanID
		case 1:
			ss[s].SpanID = ss[r.IntN(i+1)].SpanID
		}
		for range r.IntN(3) {
			ss.link(s, r.IntN(i+1))
			ss.link(r.IntN(i+1), s)
		}
	}
	return ss
}

// stages returns all that is made of spans, in order. A stage may use the results of
// earlier ones.
func stages(ss spans) []stage {
	var c *chain.Chain
	var found []explain.Finding
	var d *sequence.Diagram
	all := []stage{
		{"chain", func(io.Writer) error { c = chain.New(ss); return nil }, 0, 1_400},
		{"explain", func(io.Writer) error { found = explain.Explain(c); return nil }, 0, 300},
		{"tree", func(w io.Writer) error {
			return c.WriteTree(w, chain.WithMaxLines(1_000), chain.WithWidth(200))
		}, 1_000_000, 250},
		{"whole tree", func(w io.Writer) error { return c.WriteTree(w) }, 0, 1_300},
		{"trace events", func(w io.Writer) error { return traceevent.Write(w, c) }, 0, 2_000},
		{"OTLP", func(w io.Writer) error { return chain.WriteOTLP(w, ss) }, 0, 200},
		{"answers", func(w io.Writer) error { return explain.WriteJSON(w, c, found) }, 0, 100},
		{"diagram", func(io.Writer) error { d = sequence.New(c); return nil }, 0, 1_700},
	}
	for _, f := range sequence.Formats() {
		each := 150
		switch f { // drawn again, with as many lifelines as fit
		case sequence.Text, sequence.SVG, sequence.HTML:
			each = 2_000
		}
		all = append(all, stage{string(f), func(w io.Writer) error { return d.Write(w, f) }, 12_000_000, each})
	}
	return all
}

type stage struct {
	name string
	do   func(w io.Writer) error
	most int // maximum bytes that it writes; 0: no maximum
	each int // maximum bytes that it allocates for each further span
}

// run returns how many bytes the stage wrote, and how many it allocated.
func (s *stage) run(t *testing.T) (wrote int, allocated uint64) {
	t.Helper()
	var before, after runtime.MemStats
	var size counter
	runtime.ReadMemStats(&before)
	if err := s.do(&size); err != nil || s.most > 0 && int(size) > s.most {
		t.Errorf("%s: %d bytes, %v", s.name, size, err)
	}
	runtime.ReadMemStats(&after)
	return int(size), after.TotalAlloc - before.TotalAlloc
}

// Knots can be written in every format. The rows bound the size of a diagram, not the
// spans.
func TestManySpans(t *testing.T) {
	t.Parallel()
	all := stages(knots(*many))
	for i := range all {
		begun := time.Now()
		wrote, allocated := all[i].run(t)
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("%8v  %5d MB in use, %5d MB allocated, %9d bytes: %s", time.Since(begun).Round(time.Millisecond),
			m.HeapAlloc>>20, allocated>>20, wrote, all[i].name)
	}
}

// Everything that is made of spans takes about four times the memory for four times the
// spans, and no more than so many bytes for each further one. The test is not parallel,
// since it counts what the process allocates.
func TestManySpansGrow(t *testing.T) {
	const n, more, slack = 2_000, 4, 1.5
	few, many := stages(knots(n)), stages(knots(more*n))
	for i := range few {
		_, a := few[i].run(t)
		_, b := many[i].run(t)
		each := (float64(b) - float64(a)) / ((more - 1) * n)
		t.Logf("%6.0f bytes a span, and %6.0f for each further one: %s", float64(a)/n, each, few[i].name)
		most := float64(few[i].each)
		if race {
			most *= 2
		}
		if each > most {
			t.Errorf("%s: %.0f bytes for each further span, want %.0f at the most", few[i].name, each, most)
		}
		if float64(b) > slack*more*float64(a)+1<<20 {
			t.Errorf("%s: %d bytes for %d spans, and %d for %d", few[i].name, a, n, b, more*n)
		}
	}
}

// counter counts the bytes that are written.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
