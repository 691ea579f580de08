package gorillaws_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/meter"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// collect returns the data points, one a line. Of a histogram it has the sum and the
// count; of one of times, the count alone.
func collect(t *testing.T, r sdkmetric.Reader) string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			add := func(set attribute.Set, value string) {
				lines = append(lines, fmt.Sprintf("%s{%s} %s\n", m.Name, set.Encoded(attribute.DefaultEncoder()), value))
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					add(p.Attributes, fmt.Sprintf("%d in %d", p.Sum, p.Count))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if m.Name == semconv.MetricHandshakeDuration {
						add(p.Attributes, fmt.Sprint(p.Count))
					} else if p.Count == 0 || p.Sum <= 0 {
						t.Errorf("%s: got %v in %d", m.Name, p.Sum, p.Count)
					}
				}
			}
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// The metrics of a connection do not depend on sampling, nor on how they are collected.
func TestMetrics(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		for _, produced := range []bool{true, false} {
			t.Run(fmt.Sprintf("sampled %v, produced %v", sampled, produced), func(t *testing.T) {
				h := meter.New()
				reader := sdkmetric.NewManualReader()
				if produced {
					reader = sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
				}
				var mp metric.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
				if produced {
					mp = h.MeterProvider(mp)
				}
				sampler := sdktrace.NeverSample()
				if sampled {
					sampler = sdktrace.AlwaysSample()
				}
				opts := []gorillaws.Option{gorillaws.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))), gorillaws.WithMeterProvider(mp)}
				url, served := listenWith(t, echo, opts)
				d := gorillaws.Dialer{Options: opts}
				c, _, err := d.DialContext(t.Context(), url, nil)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := c.WriteMessage(gorillaws.TextMessage, []byte("hello")); err != nil {
						t.Fatal(err)
					}
					if _, _, err := c.ReadMessage(); err != nil {
						t.Fatal(err)
					}
				}
				w, err := c.NextWriter(gorillaws.BinaryMessage)
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					_, _ = w.Write(make([]byte, 3000))
				}
				_ = w.Close()
				_, r, err := c.NextReader()
				if err != nil {
					t.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, r); n != 9000 || err != nil {
					t.Errorf("got %d, %v", n, err)
				}
				_ = c.WriteMessage(gorillaws.CloseMessage, gorillaws.FormatCloseMessage(gorillaws.CloseNormalClosure, ""))
				_, _, _ = c.ReadMessage()
				_ = c.Close()
				served()
				want := `websocket.handshake.duration{http.response.status_code=101,websocket.role=client} 1
websocket.handshake.duration{http.response.status_code=101,websocket.role=server} 1
websocket.io{network.io.direction=receive,websocket.role=client} 9022
websocket.io{network.io.direction=receive,websocket.role=server} 9054
websocket.io{network.io.direction=transmit,websocket.role=client} 9054
websocket.io{network.io.direction=transmit,websocket.role=server} 9022
websocket.message.size{network.io.direction=receive,websocket.role=client} 9010 in 3
websocket.message.size{network.io.direction=receive,websocket.role=server} 9010 in 3
websocket.message.size{network.io.direction=transmit,websocket.role=client} 9012 in 4
websocket.message.size{network.io.direction=transmit,websocket.role=server} 9010 in 3
websocket.messages{network.io.direction=receive,websocket.role=client} 3
websocket.messages{network.io.direction=receive,websocket.role=server} 3
websocket.messages{network.io.direction=transmit,websocket.role=client} 3
websocket.messages{network.io.direction=transmit,websocket.role=server} 3
websocket.open_connections{websocket.role=client} 0
websocket.open_connections{websocket.role=server} 0
`
				got := collect(t, reader)
				if got != want {
					t.Errorf("got\n%s\nwant\n%s", got, want)
				}
			})
		}
	}
}

// listenWith serves fn with these options. served waits until fn has returned.
func listenWith(t *testing.T, fn func(*gorillaws.Conn) error, opts []gorillaws.Option) (url string, served func()) {
	t.Helper()
	var handlers sync.WaitGroup
	h := gorillaws.Handler("serve", func(_ context.Context, c *gorillaws.Conn) error { return fn(c) },
		append([]gorillaws.Option{gorillaws.WithUpgrader(&gorillaws.Upgrader{Options: opts})}, opts...)...)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		h.ServeHTTP(w, r)
	}))
	srv.Listener = small{srv.Listener}
	srv.Start()
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http"), handlers.Wait
}

// small is a listener whose connections have small buffers.
type small struct{ net.Listener }

func (l small) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(16 << 10)
	}
	return nc, err
}

// A connection whose peer does not read is in the live view, with its writer and since
// when, and its blocked write is in the gauges, even if it is measured but not sampled.
func TestLive(t *testing.T) {
	for _, sampled := range []bool{true, false} {
		t.Run(fmt.Sprintf("sampled %v", sampled), func(t *testing.T) {
			reader := sdkmetric.NewManualReader()
			mp := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
			sampler := sdktrace.NeverSample()
			if sampled {
				sampler = sdktrace.AlwaysSample()
			}
			opts := []gorillaws.Option{
				gorillaws.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))),
				gorillaws.WithMeterProvider(mp),
			}
			url, served := listenWith(t, func(c *gorillaws.Conn) error {
				for {
					if err := c.WriteMessage(gorillaws.BinaryMessage, make([]byte, 4<<10)); err != nil {
						return err
					}
				}
			}, opts)
			d := gorillaws.Dialer{NetDialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := (&net.Dialer{}).DialContext(ctx, network, addr)
				if tcp, ok := nc.(*net.TCPConn); ok {
					_ = tcp.SetReadBuffer(16 << 10)
				}
				return nc, err
			}}
			c, _, err := d.DialContext(t.Context(), url, nil)
			if err != nil {
				t.Fatal(err)
			}
			server := func() (conn live.Connection, waits int) {
				v := live.Snapshot()
				for _, conn = range v.Connections {
					if conn.Role == "server" {
						break
					}
				}
				for _, n := range v.Counts.Waits {
					if n.Reason == string(semconv.ReasonNetWrite) && !n.Idle {
						waits += n.N
					}
				}
				return conn, waits
			}
			var conn live.Connection
			until(t, "the write is blocked", func() (blocked bool) { // which it may be for a moment before
				var waits int
				conn, waits = server()
				return waits == 1 && conn.Writer != nil
			})
			if conn.Sampled != sampled || conn.Writer == nil || conn.MessagesWritten < 1 || conn.Local == "" {
				t.Errorf("got %+v", conn)
			}
			if sampled && conn.Writer != nil && conn.Writer.Name != "serve" {
				t.Errorf("got writer %+v, want serve", conn.Writer)
			}
			_ = c.Close()
			served()
			if v := live.Snapshot(); len(v.Connections) > 0 {
				t.Errorf("got %+v after the connection was closed", v.Connections)
			}
			if got := collect(t, reader); !strings.Contains(got, "websocket.messages{network.io.direction=transmit,websocket.role=server}") {
				t.Errorf("got\n%s", got)
			}
		})
	}
}
