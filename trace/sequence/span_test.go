package sequence_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// zero is the time at which the tests' spans begin.
var zero = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// spans are made by hand, with ids that count up.
type spans []chain.Span

// add adds a span of a service and returns its number. Times are in milliseconds. The
// parent is a number; -1 is none.
func (ss *spans) add(service, name string, parent int, from, to float64, attrs ...attribute.KeyValue) int {
	s := chain.Span{
		Name: name, Service: service, Scope: trace.ScopeName, Attributes: attrs,
		Start: zero.Add(time.Duration(from * 1e6)), End: zero.Add(time.Duration(to * 1e6)),
	}
	s.TraceID = oteltrace.TraceID{1}
	binary.BigEndian.PutUint64(s.SpanID[:], uint64(len(*ss)+1))
	if parent >= 0 {
		s.ParentID = (*ss)[parent].SpanID
	}
	*ss = append(*ss, s)
	return len(*ss) - 1
}

// end ends the span of a goroutine.
func (ss spans) end(run int, end float64, attrs ...attribute.KeyValue) {
	ss[run].End = zero.Add(time.Duration(end * 1e6))
	ss[run].Attributes = append(ss[run].Attributes, attrs...)
}

// link adds a link from one span to another.
func (ss spans) link(from, to int) {
	ss[from].Links = append(ss[from].Links, chain.Link{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
		TraceID: ss[to].TraceID, SpanID: ss[to].SpanID,
	})})
}

func (ss spans) fail(i int, kind string) {
	ss[i].Status = chain.Status{Code: codes.Error, Description: kind}
	ss[i].Attributes = append(ss[i].Attributes, semconv.ErrorTypeKey.String(kind))
}

// deep returns n spans of two services, each below the one before.
func deep(n int) spans {
	var ss spans
	for i := range n {
		ss.add(string(rune('a'+i%2)), "x", i-1, float64(i), 1e6)
	}
	return ss
}

// shop returns spans of other libraries: an HTTP request through three services with a
// database, and a message through a queue.
func shop() spans {
	var ss spans
	gate := ss.add("gateway", "POST /orders", -1, 0, 62, attribute.String("http.route", "/orders"))
	call := ss.add("gateway", "POST", gate, 1, 60, attribute.String("server.address", "orders.internal"))
	order := ss.add("orders", "POST /orders", call, 3, 58)
	for i := range 12 {
		at := 5 + float64(i)*2
		ss.add("orders", "SELECT stock", order, at, at+1.5, attribute.String("db.operation.name", "SELECT"))
	}
	publish := ss.add("orders", "publish order.created", order, 33, 35)
	charge := ss.add("orders", "charge", order, 36, 55)
	pay := ss.add("payments", "Charge", charge, 38, 53, attribute.String("rpc.method", "Charge"))
	ss.fail(pay, "card_declined")
	consume := ss.add("mailer", "process order.created", -1, 140, 190)
	ss.link(consume, publish)
	ss.add("mailer", "smtp", consume, 145, 185)
	for i := range ss {
		ss[i].Scope = "shop"
		ss[i].Kind = oteltrace.SpanKindInternal
	}
	for i, kind := range map[int]oteltrace.SpanKind{
		gate: oteltrace.SpanKindServer, call: oteltrace.SpanKindClient, order: oteltrace.SpanKindServer,
		publish: oteltrace.SpanKindProducer, charge: oteltrace.SpanKindClient, pay: oteltrace.SpanKindServer,
		consume: oteltrace.SpanKindConsumer,
	} {
		ss[i].Kind = kind
	}
	return ss
}

// recorded returns the chain of a scenario in testdata.
func recorded(t testing.TB, name string) *chain.Chain {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	read, _, err := chain.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return chain.New(read)
}

// scenarios are the recorded ones.
var scenarios = []string{
	"stalled", "resumed", "reset", "slowly", "halfclosed", "halfresumed", "network", "closed", "deadline", "canceled",
	"deadlock", "writers", "refused", "echo", "segments", "lock", "channel",
}

// drawn returns the diagram in a format.
func drawn(t testing.TB, d *sequence.Diagram, f sequence.Format, opts ...sequence.Option) string {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(&b, f, opts...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// outline returns the rows of a diagram, one a line: kind, lifelines, title.
func outline(d *sequence.Diagram) string {
	var b strings.Builder
	lane := func(i int) string {
		if i == sequence.None {
			return "-"
		}
		return strings.TrimSpace(d.Lifelines[i].Service + " " + d.Lifelines[i].Name)
	}
	for _, r := range d.Rows {
		b.WriteString(kinds[r.Kind] + " " + lane(r.From) + " > " + lane(r.To))
		if r.Proven {
			b.WriteString(" !")
		}
		b.WriteString(": " + r.Title() + "\n")
	}
	return b.String()
}

var kinds = map[sequence.Kind]string{
	sequence.Step: "step", sequence.Call: "call", sequence.Return: "return", sequence.Spawn: "spawn",
	sequence.Message: "message", sequence.Sent: "sent", sequence.Got: "got", sequence.Block: "block",
	sequence.Wake: "wake", sequence.Failure: "failure", sequence.End: "end", sequence.Omitted: "omitted",
}
