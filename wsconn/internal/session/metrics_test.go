package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/meter"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// measured is a MeterProvider, and what it has measured.
type measured struct {
	metric.MeterProvider
	reader *sdkmetric.ManualReader
}

func newMeasured(opts ...sdkmetric.Option) *measured {
	r := sdkmetric.NewManualReader()
	return &measured{sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(r))...), r}
}

// newProduced is newMeasured with histograms that a producer collects.
func newProduced(opts ...sdkmetric.Option) *measured {
	h := meter.New()
	r := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
	return &measured{h.MeterProvider(sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(r))...)), r}
}

func (m *measured) option() session.Option { return session.WithMeterProvider(m.MeterProvider) }

func (m *measured) collect(t *testing.T) []metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := m.reader.Collect(context.WithoutCancel(t.Context()), &rm); err != nil {
		t.Fatal(err)
	}
	var all []metricdata.Metrics
	for _, sm := range rm.ScopeMetrics {
		if sm.Scope.Name != trace.ScopeName || sm.Scope.Version != trace.Version {
			t.Errorf("got scope %v", sm.Scope)
		}
		all = append(all, sm.Metrics...)
	}
	return all
}

// text returns the data points, one a line: the name, the unit, the attributes and the
// value; of a histogram the sum and the count.
func (m *measured) text(t *testing.T) string {
	t.Helper()
	var lines []string
	add := func(m metricdata.Metrics, attrs attribute.Set, value string) {
		var words []string
		for _, kv := range attrs.ToSlice() {
			words = append(words, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s\n", m.Name, m.Unit, strings.Join(words, " "), value))
	}
	for _, m := range m.collect(t) {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				add(m, p.Attributes, fmt.Sprint(p.Value))
			}
		case metricdata.Histogram[int64]:
			for _, p := range data.DataPoints {
				add(m, p.Attributes, fmt.Sprintf("%d in %d", p.Sum, p.Count))
			}
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				add(m, p.Attributes, fmt.Sprintf("%v in %d", p.Sum, p.Count))
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// unindent takes the indentation of the first line off every line.
func unindent(s string) string {
	s = strings.TrimRight(strings.TrimPrefix(s, "\n"), "\t\n ")
	if s == "" {
		return ""
	}
	margin := s[:len(s)-len(strings.TrimLeft(s, "\t"))]
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimPrefix(lines[i], margin)
	}
	return strings.Join(lines, "\n") + "\n"
}

func wantMetrics(t *testing.T, m *measured, want string) {
	t.Helper()
	if got := m.text(t); got != unindent(want) {
		t.Errorf("metrics:\ngot\n%swant\n%s", got, unindent(want))
	}
}

// Metrics do not depend on sampling, nor on how they are collected.
func TestMetrics(t *testing.T) {
	for name, provider := range map[string]func() session.Option{
		"sampled":   func() session.Option { return newRecorder(t).option() },
		"unsampled": func() session.Option { return offs(t)["unsampled"].option() },
		"no spans":  func() session.Option { return session.WithTracerProvider(noopProvider) },
		"followed":  func() session.Option { return session.WithLive() },
	} {
		for _, produced := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, produced %v", name, produced), func(t *testing.T) {
				testMetrics(t, provider, produced)
			})
		}
	}
}

func testMetrics(t *testing.T, provider func() session.Option, produced bool) {
	bubble(t, func(t *testing.T, lib library) {
		m := newMeasured()
		if produced {
			m = newProduced()
		}
		c, _, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{provider(), m.option()}})
		go func() {
			time.Sleep(10 * ms)
			p.send(t, p.frame(opText, "one"))
			_, _ = p.receive(t)
		}()
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = c.Write(t.Context(), messageText, []byte("three"))
		synctest.Wait()

		// The peer does not read: one write parks, and the next waits for it.
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { _ = c.Write(t.Context(), messageText, []byte("three")) })
			synctest.Wait()
		}
		wantMetrics(t, m, `
					wakechain.block.duration s block.reason=net.read: 0.01 in 1
					websocket.handshake.duration s http.response.status_code=101 websocket.role=client: 0 in 1
					websocket.io By network.io.direction=receive websocket.role=client: 5
					websocket.io By network.io.direction=transmit websocket.role=client: 11
					websocket.message.size By network.io.direction=receive websocket.role=client: 3 in 1
					websocket.message.size By network.io.direction=transmit websocket.role=client: 5 in 1
					websocket.messages {message} network.io.direction=receive websocket.role=client: 1
					websocket.messages {message} network.io.direction=transmit websocket.role=client: 1
					websocket.open_connections {connection} websocket.role=client: 1
					websocket.writes.waiting {write} websocket.role=client: 1
				`)
		time.Sleep(20 * ms)
		drained := p.drain()
		wg.Wait()
		_ = c.CloseNow()
		<-drained
		wantMetrics(t, m, `
					wakechain.block.duration s block.reason=net.read: 0.01 in 1
					wakechain.block.duration s block.reason=net.write: 0.02 in 1
					wakechain.block.duration s block.reason=write.lock: 0.02 in 1
					websocket.handshake.duration s http.response.status_code=101 websocket.role=client: 0 in 1
					websocket.io By network.io.direction=receive websocket.role=client: 5
					websocket.io By network.io.direction=transmit websocket.role=client: 33
					websocket.message.size By network.io.direction=receive websocket.role=client: 3 in 1
					websocket.message.size By network.io.direction=transmit websocket.role=client: 15 in 3
					websocket.messages {message} network.io.direction=receive websocket.role=client: 1
					websocket.messages {message} network.io.direction=transmit websocket.role=client: 3
					websocket.open_connections {connection} websocket.role=client: 0
					websocket.writes.waiting {write} websocket.role=client: 0
				`)
	})
}

// What a sampled connection suppresses is counted. What is not sampled is not.
func TestMetricsSuppressed(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		for name, test := range map[string]struct {
			rec  *recorder
			want string
		}{
			"sampled":   {newRecorder(t), "wakechain.spans.suppressed {span} : 4\n"},
			"unsampled": {offs(t)["unsampled"], ""},
		} {
			m := newMeasured()
			c, _, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{
				test.rec.option(), m.option(), session.WithMessageSpans(session.MessagesNone),
			}})
			go func() {
				time.Sleep(10 * ms)
				p.send(t, p.frame(opText, "one")) // a read with a block and a wake
				_, _ = p.receive(t)
			}()
			_, _, _ = c.Read(t.Context())
			_ = c.Write(t.Context(), messageText, nil)
			got := ""
			for line := range strings.Lines(m.text(t)) {
				if strings.HasPrefix(line, semconv.MetricSpansSuppressed) {
					got += line
				}
			}
			if got != test.want {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
		}
	})
}

// A handshake that is refused is measured, and is no connection.
func TestMetricsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		client, server := newMeasured(), newMeasured()
		s := setup{options: options{header: http.Header{"Origin": {"https://example.com"}}}}
		url := dialable(t, &s, lib.handler("never", nil, session.WithTracerProvider(noopProvider), server.option()))
		if c, _, err := lib.traced.dial(t.Context(), url, s.options, session.WithTracerProvider(noopProvider), client.option()); err == nil {
			_ = c.CloseNow()
			t.Fatal("the handshake was not refused")
		}
		for role, m := range map[string]*measured{"client": client, "server": server} {
			wantMetrics(t, m, fmt.Sprintf(`
				websocket.handshake.duration s error.type=403 http.response.status_code=403 websocket.role=%s: 0 in 1
			`, role))
		}
	})
}

// The exemplars of a sampled connection name its spans.
func TestMetricsExemplars(t *testing.T) {
	for _, m := range []func() *measured{
		func() *measured { return newMeasured() }, func() *measured { return newProduced() },
	} {
		testExemplars(t, m)
	}
}

func testExemplars(t *testing.T, measure func() *measured) {
	t.Helper()
	bubble(t, func(t *testing.T, lib library) {
		m := measure()
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{m.option()}})
		go func() {
			time.Sleep(10 * ms)
			p.send(t, p.frame(opText, "one"))
		}()
		_, _, _ = c.Read(t.Context())
		read := tracetest.One(t, rec.Chain(), semconv.SpanRead).SpanID
		for _, got := range m.collect(t) {
			var ids [][]byte
			switch data := got.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, e := range data.DataPoints[0].Exemplars {
					ids = append(ids, e.SpanID)
				}
			case metricdata.Histogram[int64]:
				for _, e := range data.DataPoints[0].Exemplars {
					ids = append(ids, e.SpanID)
				}
			}
			want := read
			switch got.Name {
			case semconv.MetricHandshakeDuration:
				want = tracetest.One(t, rec.Chain(), semconv.SpanHandshake).SpanID
			case semconv.MetricBlockDuration, semconv.MetricMessageSize:
			default:
				continue
			}
			if len(ids) != 1 || string(ids[0]) != string(want[:]) {
				t.Errorf("%s: got exemplars of spans %x, want %x", got.Name, ids, want)
			}
		}
	})
}

// Without an option the global provider measures. If that is a no-op, a connection that is
// not sampled is the library's own.
func TestMetricsGlobal(t *testing.T) {
	before := otel.GetMeterProvider()
	t.Cleanup(func() { otel.SetMeterProvider(before) })
	bubble(t, func(t *testing.T, lib library) {
		m := newMeasured()
		for _, global := range []metric.MeterProvider{noop.NewMeterProvider(), m.MeterProvider} {
			otel.SetMeterProvider(global)
			tracer := trace.New(trace.WithTracerProvider(noopProvider))
			_, _, err := lib.traced.dial(tracer.NewContext(t.Context()), "ws://127.0.0.1:0", options{})
			if err == nil {
				t.Fatal("somebody listens on port 0")
			}
		}
		if got := m.text(t); !strings.HasPrefix(got, semconv.MetricHandshakeDuration) || !strings.HasSuffix(got, "in 1\n") {
			t.Errorf("got %q, want the handshake that failed", got)
		}
	})
}

// refusing is a meter whose instruments fail.
type refusing struct{ noop.Meter }

var errRefused = errors.New("refused")

func (refusing) Int64Counter(string, ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return nil, errRefused
}

func (refusing) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errRefused
}

type refusingProvider struct{ noop.MeterProvider }

func (refusingProvider) Meter(string, ...metric.MeterOption) metric.Meter { return refusing{} }

// A meter whose instruments fail does not affect the program.
func TestMetricsRefusedInstruments(t *testing.T) {
	before := otel.GetErrorHandler()
	t.Cleanup(func() { otel.SetErrorHandler(before) })
	var errs []error
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { errs = append(errs, err) }))
	each(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{client: []session.Option{session.WithMeterProvider(refusingProvider{})}})
		go func() { _ = p.client.Write(t.Context(), messageText, []byte("hi")) }()
		if _, msg, err := p.server.Read(t.Context()); err != nil || string(msg) != "hi" {
			t.Errorf("got %q, %v", msg, err)
		}
	})
	if len(errs) == 0 {
		t.Error("nothing was reported")
	}
	for _, err := range errs {
		if !errors.Is(err, errRefused) {
			t.Errorf("got %v, want %v", err, errRefused)
		}
	}
}

// Measuring a connection that is not sampled allocates nothing, however metrics are
// collected.
func TestMetricsAllocate(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	each(t, func(t *testing.T, lib library) {
		measure := func(s setup) float64 {
			p := connect(t, lib, s)
			msg := make([]byte, 100)
			done := make(chan error, 1)
			go func() { done <- echoes(context.Background(), p.server) }()
			n := testing.AllocsPerRun(1000, func() {
				_ = p.client.Write(context.Background(), messageBinary, msg)
				_, _, _ = p.client.Read(context.Background())
			})
			_ = p.client.CloseNow()
			<-done
			return n
		}
		bare := measure(setup{tcp: true, bare: true})
		for name, m := range map[string]*measured{"synchronous": newMeasured(), "produced": newProduced()} {
			opts := []session.Option{offs(t)["unsampled"].option(), m.option()}
			if got := measure(setup{tcp: true, client: opts, server: opts}); got > bare {
				t.Errorf("%s: got %v allocations an echo, bare %v", name, got, bare)
			}
			if text := m.text(t); !strings.Contains(text, "websocket.messages {message} network.io.direction=receive websocket.role=client: 1001\n") {
				t.Errorf("%s: got\n%s", name, text)
			}
		}
	})
}

// No measurement is lost while connections are closed and freed during a collection.
func TestMetricsOfClosedConnections(t *testing.T) {
	lib := libraries[0]
	m := newProduced()
	opts := []session.Option{session.WithTracerProvider(noopProvider), m.option()}
	const connections, messages = 40, 3
	var last int64
	for i := range connections {
		p := connect(t, lib, setup{client: opts, server: opts})
		done := make(chan error, 1)
		go func() { done <- echoes(t.Context(), p.server) }()
		for range messages {
			_ = p.client.Write(t.Context(), messageText, []byte("four"))
			_, _, _ = p.client.Read(t.Context())
		}
		_ = p.client.CloseNow()
		<-done
		_ = p.server.CloseNow()
		if i%10 == 0 {
			runtime.GC()
		}
		var n int64
		for _, metric := range m.collect(t) {
			if data, ok := metric.Data.(metricdata.Sum[int64]); ok && metric.Name == semconv.MetricMessages {
				for _, p := range data.DataPoints {
					n += p.Value
				}
			}
		}
		if n < last+4*messages {
			t.Fatalf("got %d messages after %d", n, last)
		}
		last = n
	}
	for range 2 {
		runtime.GC() // cleanups run some time after it
	}
	for line := range strings.Lines(m.text(t)) {
		for name, want := range map[string]string{
			semconv.MetricMessages:        fmt.Sprint(": ", connections*messages),
			semconv.MetricMessageSize:     fmt.Sprintf(": %d in %d", 4*connections*messages, connections*messages),
			semconv.MetricOpenConnections: ": 0",
		} {
			if strings.HasPrefix(line, name+" ") && !strings.HasSuffix(line, want+"\n") {
				t.Errorf("got %q, want%s", line, want)
			}
		}
	}
}
