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

// knots are n spans of a hostile source: parents and links in circles and in long
// chains, of all kinds and some services, a few with one id.
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
		case 0: // a circle of parents
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

// TestManySpans sends knots through every format: what is written is bounded by rows
// and not by spans, and none takes more than its time.
func TestManySpans(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	step := func(what string) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("%8v  %5d MB  %s", time.Since(begun).Round(time.Millisecond), m.HeapAlloc>>20, what)
		begun = time.Now()
	}
	ss := knots(*many)
	step("made")
	c := chain.New(ss)
	step("chain")
	found := explain.Explain(c)
	step("explain: " + strconv.Itoa(len(found)) + " findings")
	var size counter
	if err := c.WriteTree(&size, chain.WithMaxLines(1_000), chain.WithWidth(200)); err != nil || size > 1_000_000 {
		t.Errorf("tree: %d bytes, %v", size, err)
	}
	step("tree")
	if err := c.WriteTree(io.Discard); err != nil {
		t.Error(err)
	}
	step("whole tree")
	if err := traceevent.Write(io.Discard, c); err != nil {
		t.Error(err)
	}
	step("trace events")
	if err := chain.WriteOTLP(io.Discard, ss); err != nil {
		t.Error(err)
	}
	step("OTLP")
	if err := explain.WriteJSON(io.Discard, c, found); err != nil {
		t.Error(err)
	}
	step("answers")
	d := sequence.New(c)
	step("diagram")
	for _, f := range sequence.Formats() {
		size = 0
		if err := d.Write(&size, f); err != nil || size > 12_000_000 {
			t.Errorf("%s: %d bytes, %v", f, size, err)
		}
		step(string(f) + ": " + strconv.Itoa(int(size)) + " bytes")
	}
}

// counter counts what is written.
type counter int

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}
