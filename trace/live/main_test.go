package live_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// traced returns a context in which everything is sampled.
func traced() context.Context {
	return trace.New(trace.WithTracerProvider(sdktrace.NewTracerProvider())).NewContext(context.Background())
}

// until takes snapshots until ok accepts one, and returns it. It fails the test after a
// while.
func until(t *testing.T, ok func(*live.View) bool, opts ...live.Option) *live.View {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		v := live.Snapshot(opts...)
		if ok(v) {
			return v
		}
		if time.Now().After(deadline) {
			t.Fatalf("the view is not as wanted:\n%s", dump(v))
		}
		pause()
	}
}

// pause lets other goroutines run for a moment.
func pause() { <-time.After(5 * time.Millisecond) }

// dump returns a view as text, for a failure.
func dump(v *live.View) (s string) {
	for _, f := range v.Findings {
		s += f.Kind + " " + f.Text + "\n"
	}
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		s += g.Key + " " + g.Name + " " + g.State + "\n"
		for j := range g.Waits {
			s += "    " + v.Sentence(g, &g.Waits[j]) + "\n"
		}
	}
	return s
}

// goroutine returns the only goroutine with this name.
func goroutine(t *testing.T, v *live.View, name string) *live.Goroutine {
	t.Helper()
	var found *live.Goroutine
	for i := range v.Goroutines {
		if v.Goroutines[i].Name == name {
			if found != nil {
				t.Fatalf("two goroutines %q:\n%s", name, dump(v))
			}
			found = &v.Goroutines[i]
		}
	}
	if found == nil {
		t.Fatalf("no goroutine %q:\n%s", name, dump(v))
	}
	return found
}

// findings returns the findings of a kind.
func findings(v *live.View, kind string) (found []live.Finding) {
	for _, f := range v.Findings {
		if f.Kind == kind {
			found = append(found, f)
		}
	}
	return found
}
