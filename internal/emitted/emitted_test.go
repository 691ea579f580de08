package emitted_test

import (
	"context"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/lean"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// stage is the providers of a scenario, and the spans that it emitted.
type stage struct {
	*testing.T
	spans   exporter
	tp      oteltrace.TracerProvider
	meters  metric.MeterProvider
	metered bool
}

var providers = map[string]func(sdktrace.SpanExporter, settings) oteltrace.TracerProvider{
	"sdk": func(e sdktrace.SpanExporter, s settings) oteltrace.TracerProvider {
		opts := []sdktrace.TracerProviderOption{sdktrace.WithSyncer(e), sdktrace.WithResource(resource.Empty())}
		if s.sampler != nil {
			opts = append(opts, sdktrace.WithSampler(s.sampler))
		}
		if s.limits != nil {
			opts = append(opts, sdktrace.WithRawSpanLimits(*s.limits))
		}
		return sdktrace.NewTracerProvider(opts...)
	},
	"lean": func(e sdktrace.SpanExporter, s settings) oteltrace.TracerProvider {
		opts := []lean.Option{lean.WithSyncer(e), lean.WithResource(resource.Empty())}
		if s.sampler != nil {
			opts = append(opts, lean.WithSampler(s.sampler))
		}
		if s.limits != nil {
			opts = append(opts, lean.WithRawSpanLimits(*s.limits))
		}
		return lean.NewTracerProvider(opts...)
	},
}

// settings are the differences of a scenario's provider from the default.
type settings struct {
	sampler sdktrace.Sampler
	limits  *sdktrace.SpanLimits
}

// context returns a context whose spans and, if the scenario asks for them, metrics
// are kept.
func (s *stage) context(opts ...trace.Option) context.Context {
	return trace.New(append(s.options(), opts...)...).NewContext(context.Background())
}

func (s *stage) options() []trace.Option {
	opts := []trace.Option{trace.WithTracerProvider(s.tp)}
	if s.metered {
		opts = append(opts, trace.WithMeterProvider(s.meters))
	}
	return opts
}

// scenario is a program, and which of its telemetry is kept.
type scenario struct {
	play    func(*stage)
	metrics bool
	settings
}

// Every scenario emits what its golden file has, with either provider.
func TestEmitted(t *testing.T) {
	all := scenarios(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, provider := range []string{"sdk", "lean"} {
			t.Run(name+"/"+provider, func(t *testing.T) {
				golden(t, name, all[name].run(t, provider), *update && provider == "sdk")
			})
		}
	}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".txt"); all[name].play == nil {
			t.Errorf("%s belongs to no scenario", f)
		}
	}
}

// scenarios returns all of them by name.
func scenarios(t *testing.T) map[string]scenario {
	t.Helper()
	all := map[string]scenario{}
	for _, some := range []map[string]scenario{operations, primitives, connections, handshakes, volumes} {
		for name, s := range some {
			if _, twice := all[name]; twice {
				t.Fatalf("two scenarios %s", name)
			}
			all[name] = s
		}
	}
	return all
}

func (sc scenario) run(t *testing.T, provider string) (got string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, metered: sc.metrics}
		reader := sdkmetric.NewManualReader()
		s.meters = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(resource.Empty()))
		s.tp = providers[provider](&s.spans, sc.settings)
		t.Cleanup(func() { // runs after the scenario's own cleanups
			synctest.Wait()
			got = dumpSpans(s.spans.all())
			if sc.metrics {
				var rm metricdata.ResourceMetrics
				if err := reader.Collect(context.Background(), &rm); err != nil {
					t.Error(err)
				}
				got += "\n" + dumpMetrics(&rm)
			}
		})
		sc.play(s)
	})
	return got
}

func golden(t *testing.T, name, got string, write bool) {
	t.Helper()
	file := filepath.Join("testdata", name+".txt")
	if write {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := lineOf(gotLines, i), lineOf(wantLines, i)
		if g != w {
			t.Errorf("%s:%d differs (go test ./internal/emitted -update writes it; read every line)\n got %s\nwant %s", file, i+1, g, w)
			return
		}
	}
}

func lineOf(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(no more)"
}
