package emitted_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Every scenario measures what its golden file has, with and without spans, in both ways
// and with both temporalities. The file was written when all instruments were synchronous.
func TestMetrics(t *testing.T) {
	const file = "testdata/metrics/all.txt"
	all := scenarios(t)
	got := map[string]string{}
	for _, way := range waysToMeasure {
		for _, sampled := range []string{"sampled", "unsampled"} {
			t.Run(way+"/"+sampled, func(t *testing.T) {
				var b strings.Builder
				for _, name := range slices.Sorted(maps.Keys(all)) {
					sc := all[name]
					if sampled == "unsampled" {
						sc.sampler = sdktrace.NeverSample()
					}
					if points := sc.measure(t, way); points != "" {
						fmt.Fprintf(&b, "== %s, %s\n%s\n", name, sampled, points)
					}
				}
				got[way+sampled] = b.String()
			})
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(got["synchronoussampled"]+got["synchronousunsampled"]), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range waysToMeasure {
		compareLines(t, way, got[way+"sampled"]+got[way+"unsampled"], string(want))
	}
}

func compareLines(t *testing.T, what, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	differ := 0
	for i := range max(len(g), len(w)) {
		if lineOf(g, i) != lineOf(w, i) {
			t.Errorf("%s, line %d:\n got %s\nwant %s", what, i+1, lineOf(g, i), lineOf(w, i))
			if differ++; differ == 10 {
				return
			}
		}
	}
}

// measure plays the scenario and returns its metrics. Meanwhile it collects deltas, ever
// more rarely, whose sums must be the same.
func (sc scenario) measure(t *testing.T, way string) (got string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, metered: true}
		mp, cumulative, delta := newMeters(way)
		s.meters = mp
		s.tp = providers["sdk"](&s.spans, sc.settings)
		parts := points{}
		over, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			for d := 5 * ms; ; d *= 2 {
				select {
				case <-over:
					return
				case <-time.After(d):
					parts.collect(t, delta)
				}
			}
		}()
		t.Cleanup(func() { // runs after the scenario's own cleanups
			synctest.Wait()
			close(over)
			<-ended
			whole := points{}
			whole.collect(t, cumulative)
			parts.collect(t, delta)
			got = whole.text(true)
			if sum, want := parts.text(false), whole.text(false); sum != want {
				t.Errorf("the sum of what was collected with delta temporality is\n%swant\n%s", sum, want)
			}
		})
		sc.play(s)
	})
	return got
}

// points are data points, by name and attributes.
type points map[string]point

type point struct {
	histogram  bool
	value      float64 // or the sum
	count      uint64
	buckets    []uint64
	least      float64
	most       float64
	extrema    bool
	exemplars  int
	cumulative bool
}

// collect adds what the reader collects.
func (ps points) collect(t *testing.T, r *sdkmetric.ManualReader) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := r.Collect(context.Background(), &rm); err != nil {
		t.Error(err)
	}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					ps.add(&m, p.Attributes, point{value: float64(p.Value), cumulative: data.Temporality == metricdata.CumulativeTemporality})
				}
			case metricdata.Histogram[int64]:
				for _, p := range data.DataPoints {
					ps.add(&m, p.Attributes, pointOf(data.Temporality, p))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					ps.add(&m, p.Attributes, pointOf(data.Temporality, p))
				}
			default:
				t.Errorf("%s: got %T", m.Name, m.Data)
			}
		}
	}
}

func pointOf[N int64 | float64](t metricdata.Temporality, p metricdata.HistogramDataPoint[N]) point {
	x := point{
		histogram: true, value: float64(p.Sum), count: p.Count, buckets: slices.Clone(p.BucketCounts),
		cumulative: t == metricdata.CumulativeTemporality, exemplars: len(p.Exemplars),
	}
	least, ok := p.Min.Value()
	most, also := p.Max.Value()
	x.least, x.most, x.extrema = float64(least), float64(most), ok && also
	return x
}

func (ps points) add(m *metricdata.Metrics, set attribute.Set, p point) {
	key := fmt.Sprintf("%s [%s] {%s}", m.Name, m.Unit, set.Encoded(attribute.DefaultEncoder()))
	if old, ok := ps[key]; ok && !p.cumulative {
		p.value += old.value
		p.count += old.count
		for i, n := range old.buckets {
			p.buckets[i] += n
		}
		p.least, p.most = min(p.least, old.least), max(p.most, old.most)
	}
	ps[key] = p
}

// text writes the points. Exemplars of several collections differ from those of one.
func (ps points) text(withExemplars bool) string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(ps)) {
		p := ps[key]
		if !p.histogram {
			fmt.Fprintf(&b, "%s %g\n", key, p.value)
			continue
		}
		fmt.Fprintf(&b, "%s %.6g in %d %v", key, p.value, p.count, p.buckets)
		if p.extrema {
			fmt.Fprintf(&b, " from %.6g to %.6g", p.least, p.most)
		}
		if withExemplars {
			fmt.Fprintf(&b, ", exemplars %d", p.exemplars)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
