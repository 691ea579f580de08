//go:build unix

package interop_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sys/unix"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/lean/otlp"
	"github.com/wakechain/wakechain/wsconn"
)

// exported is a way to trace with an exporter, on a connection of its own.
type exported struct {
	name        string
	exporter    string // official: OpenTelemetry's; own: otlp; dropped: one that does nothing
	hand        bool   // spans by hand, one around each read and write
	make        func(e sdktrace.SpanExporter) flusher
	echo        func() error
	flush       func()
	cpu, allocs []float64 // a message, of each round
}

type flusher interface {
	provider
	ForceFlush(context.Context) error
}

func bySDK(e sdktrace.SpanExporter) flusher {
	return sdktrace.NewTracerProvider(sdktrace.WithBatcher(e, sdktrace.WithMaxQueueSize(1<<16)))
}

func byLean(e sdktrace.SpanExporter) flusher {
	return lean.NewTracerProvider(lean.WithBatcher(e, sdktrace.WithMaxQueueSize(1<<16)))
}

// BenchmarkOTLP is a message of 128 bytes there and back, with all spans of both sides
// sent by OTLP over HTTP to a server in the same process that reads and drops them: the
// CPU time is that of all three. All ways are open at the same time; one iteration is
// one round, which runs a chunk of messages of each in a shuffled order and divides its
// CPU time by bare's in the same round. It prints a table: -benchtime=100x sets the
// rounds, MODES="bare;lean full, own" what runs.
func BenchmarkOTLP(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	b.Cleanup(sink.Close) // after those that send to it
	all := []*exported{
		{name: "bare"},
		{name: "control"},
		{name: "handwritten, dropped", exporter: "dropped", hand: true, make: bySDK},
		{name: "handwritten, official", exporter: "official", hand: true, make: bySDK},
		{name: "handwritten, own", exporter: "own", hand: true, make: bySDK},
		{name: "full, official", exporter: "official", make: bySDK},
		{name: "full, own", exporter: "own", make: bySDK},
		{name: "lean full, dropped", exporter: "dropped", make: byLean},
		{name: "lean full, official", exporter: "official", make: byLean},
		{name: "lean full, own", exporter: "own", make: byLean},
	}
	if names := os.Getenv("MODES"); names != "" {
		all = slices.DeleteFunc(all, func(m *exported) bool { return !slices.Contains(strings.Split(names, ";"), m.name) })
	}
	for _, m := range all {
		m.open(b, sink.URL)
		m.chunk(b, 100) // warm
	}
	n := 1000
	if testing.Short() {
		n = 10
	}
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			all[i].measure(b, n)
		}
	}
	table(all)
}

// dropped is an exporter that does nothing.
type dropped struct{}

func (dropped) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (dropped) Shutdown(context.Context) error                             { return nil }

// open makes the connection.
func (m *exported) open(b *testing.B, url string) {
	opts := []wsconn.Option{wsconn.WithTracerProvider(noop.NewTracerProvider()), wsconn.WithMessageSpans(wsconn.MessagesAll)}
	span := func(string) func() { return func() {} }
	ctx := context.Background()
	m.flush = func() {}
	if m.make != nil {
		var e sdktrace.SpanExporter
		var err error
		switch m.exporter {
		case "official":
			e, err = otlptrace.New(ctx, otlptracehttp.NewClient(otlptracehttp.WithEndpointURL(url)))
		case "own":
			e, err = otlp.NewExporter(ctx, otlp.WithEndpointURL(url))
		default:
			e = dropped{}
		}
		if err != nil {
			b.Fatal(err)
		}
		tp := m.make(e)
		b.Cleanup(func() { _ = tp.Shutdown(context.Background()) })
		m.flush = func() { _ = tp.ForceFlush(context.Background()) }
		if m.hand {
			tracer := tp.Tracer("bench")
			root, s := tracer.Start(ctx, "root")
			s.End()
			ctx = root // as below a request; spans of wsconn have the connection's
			span = func(name string) func() {
				_, s := tracer.Start(ctx, name, oteltrace.WithAttributes(attribute.String("network.io.direction", name)))
				return func() {
					s.SetAttributes(attribute.Int("websocket.message.size", 128))
					s.End()
				}
			}
		} else {
			opts[0] = wsconn.WithTracerProvider(tp)
		}
	}
	read := func(c *wsconn.Conn) (wsconn.MessageType, []byte, error) {
		defer span("read")()
		return c.Read(ctx)
	}
	write := func(c *wsconn.Conn, p []byte) error {
		defer span("write")()
		return c.Write(ctx, wsconn.MessageBinary, p)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wsconn.Accept(w, r, nil, opts...)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			_, p, err := read(c)
			if err != nil || write(c, p) != nil {
				return
			}
		}
	}))
	b.Cleanup(srv.Close)
	c, _, err := wsconn.Dial(ctx, strings.Replace(srv.URL, "http", "ws", 1), nil, opts...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.CloseNow() })
	msg := make([]byte, 128)
	m.echo = func() error {
		if err := write(c, msg); err != nil {
			return err
		}
		_, _, err := read(c)
		return err
	}
}

func (m *exported) chunk(b *testing.B, n int) {
	for range n {
		if err := m.echo(); err != nil {
			b.Fatal(err)
		}
	}
	m.flush()
}

func (m *exported) measure(b *testing.B, n int) {
	m.flush()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := cpuTime(b)
	m.chunk(b, n)
	m.cpu = append(m.cpu, float64(cpuTime(b)-start)/float64(n))
	runtime.ReadMemStats(&after)
	m.allocs = append(m.allocs, float64(after.Mallocs-before.Mallocs)/float64(n))
}

// table prints the medians, and of the ratios the interval in which the median lies by
// 95 %. Added is what is added to bare, by what spans by hand add with
// OpenTelemetry's exporter.
func table(all []*exported) {
	ratios := func(m *exported) (r []float64) {
		for i := range m.cpu {
			r = append(r, m.cpu[i]/all[0].cpu[i])
		}
		slices.Sort(r)
		return r
	}
	added := make([]float64, len(all[0].cpu))
	hand := all[max(0, slices.IndexFunc(all, func(m *exported) bool { return m.hand && m.exporter == "official" }))]
	fmt.Fprintf(os.Stdout, "\n%-22s %8s %8s %14s %8s %12s\n", "mode", "µs", "of bare", "95 %", "added", "allocations")
	for _, m := range all {
		r := ratios(m)
		n := len(r)
		half := int(0.98*math.Sqrt(float64(n))) + 1
		low, high := r[max(n/2-half, 0)], r[min(n/2+half, n-1)]
		for i := range added {
			added[i] = (m.cpu[i] - all[0].cpu[i]) / (hand.cpu[i] - all[0].cpu[i])
		}
		fmt.Fprintf(os.Stdout, "%-22s %8.1f %8.2f %7.2f..%5.2f %8.2f %12.1f\n",
			m.name, median(m.cpu)/1e3, r[n/2], low, high, median(added), median(m.allocs))
	}
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
