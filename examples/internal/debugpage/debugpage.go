// Package debugpage serves what is in progress in an example: package live's page, and
// the metrics for Prometheus, on an address of its own.
package debugpage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/meter"
)

// Where the page and the metrics are.
const (
	Path        = "/debug/wakechain"
	MetricsPath = "/metrics"
)

// Page is a served page.
type Page struct {
	URL string

	// Meters is the source of the metrics at MetricsPath, in the text formats of
	// Prometheus and OpenMetrics; the latter has exemplars.
	Meters metric.MeterProvider

	srv  *http.Server
	done chan error
}

// Start serves the page at addr until it is closed. An address without a host, such as
// :6060, is only reachable from this machine: the page shows names and addresses of the
// program, and has no password. With a host, others can see it.
func Start(ctx context.Context, addr string, opts ...live.Option) (*Page, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && host == "" {
		addr = net.JoinHostPort("127.0.0.1", port)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("the debug page: %w", err)
	}
	registry := prometheus.NewRegistry()
	histograms := meter.New()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithProducer(histograms.Producer(nil)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the metrics: %w", err), l.Close())
	}
	mux := http.NewServeMux()
	mux.Handle(MetricsPath, promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.Handle(Path, live.Handler(opts...))
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace) // for wakechain record
	p := &Page{
		URL:    "http://" + l.Addr().String() + Path,
		Meters: histograms.MeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))),
		srv:    &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second},
		done:   make(chan error, 1),
	}
	go func() { p.done <- p.srv.Serve(l) }()
	return p, nil
}

// Close closes the page and its connections. A nil Page does nothing.
func (p *Page) Close() error {
	if p == nil {
		return nil
	}
	err := p.srv.Close()
	if served := <-p.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
