package otlp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/lean/otlp"
)

// The exporter replaces OpenTelemetry's for HTTP. Without options the environment says
// where to send; the default is http://localhost:4318.
func Example() {
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.URL.Path, r.Header.Get("Content-Type"))
	}))
	defer collector.Close()

	ctx := context.Background()
	exporter, err := otlp.NewExporter(ctx, otlp.WithEndpointURL(collector.URL+"/v1/traces"))
	if err != nil {
		fmt.Println(err)
		return
	}
	provider := lean.NewTracerProvider(lean.WithBatcher(exporter))
	ctx = trace.New(trace.WithTracerProvider(provider)).NewContext(ctx)
	_ = trace.Handle(ctx, "greet", func(context.Context) error { return nil })
	if err := provider.Shutdown(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: /v1/traces application/x-protobuf
}
