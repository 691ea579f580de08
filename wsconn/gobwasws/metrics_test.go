package gobwasws_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace/noop"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace/meter"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/gobwasws"
)

// The metrics of a connection that is not recorded are the same from a producer and from
// the SDK. The last two bytes are the close frame of the Handler's end.
func TestMetrics(t *testing.T) {
	h := meter.New()
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(h.Producer(nil)))
	opts := []gobwasws.Option{
		wsconn.WithTracerProvider(noop.NewTracerProvider()),
		wsconn.WithMeterProvider(h.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))),
	}
	var handlers sync.WaitGroup
	echo := gobwasws.Handler("echo", func(_ context.Context, c *gobwasws.Conn) error {
		for {
			p, op, err := c.ReadMessage()
			if err != nil {
				return err
			}
			if err := c.WriteMessage(op, p); err != nil {
				return err
			}
		}
	}, opts...)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		echo.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c, _, err := gobwasws.Dial(t.Context(), ws.Dialer{}, "ws"+strings.TrimPrefix(srv.URL, "http"), opts...)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := c.WriteMessage(ws.OpText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.ReadMessage(); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Close()
	handlers.Wait()

	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			add := func(set attribute.Set, value string) {
				lines = append(lines, fmt.Sprintf("%s{%s} %s", m.Name, set.Encoded(attribute.DefaultEncoder()), value))
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
			}
		}
	}
	slices.Sort(lines)
	want := `websocket.io{network.io.direction=receive,websocket.role=client} 14
websocket.io{network.io.direction=receive,websocket.role=server} 22
websocket.io{network.io.direction=transmit,websocket.role=client} 22
websocket.io{network.io.direction=transmit,websocket.role=server} 16
websocket.message.size{network.io.direction=receive,websocket.role=client} 10 in 2
websocket.message.size{network.io.direction=receive,websocket.role=server} 10 in 2
websocket.message.size{network.io.direction=transmit,websocket.role=client} 10 in 2
websocket.message.size{network.io.direction=transmit,websocket.role=server} 10 in 2
websocket.messages{network.io.direction=receive,websocket.role=client} 2
websocket.messages{network.io.direction=receive,websocket.role=server} 2
websocket.messages{network.io.direction=transmit,websocket.role=client} 2
websocket.messages{network.io.direction=transmit,websocket.role=server} 2
websocket.open_connections{websocket.role=client} 0
websocket.open_connections{websocket.role=server} 0`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
