package trace_test

import (
	"context"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

type tower struct{ floors int }

func (w *tower) fall() { w.step(w.floors) }

func (w *tower) step(n int) {
	if n > 0 {
		w.step(n - 1)
		return
	}
	var next *tower
	next.floors++
}

// The stack of a panic is the user's frames, from the one that panicked to the
// function of the goroutine, and never the value.
func TestPanicStack(t *testing.T) {
	const pkg = "github.com/wakechain/wakechain/trace_test."
	again := func() {
		defer func() { panic("second") }()
		panic("first")
	}
	tests := []struct {
		name string
		fn   func()
		want []string
	}{
		{"value", func() { panic("secret") }, []string{`TestPanicStack\.func2`}},
		{"runtime error", (&tower{1}).fall, []string{`\(\*tower\)\.step`, `\(\*tower\)\.step`, `\(\*tower\)\.fall`}},
		{"deferred", again, []string{`TestPanicStack\.func1\.1`, `TestPanicStack\.func1`}},
		{"nested", func() {
			_ = trace.Handle(context.Background(), "inner", func(context.Context) error { panic("secret") })
		}, []string{`TestPanicStack\.func3\.1`, `trace\.\(\*Task\)\.run`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t)
			protect(func() {
				_ = trace.Handle(ctx, "g", func(context.Context) error { tt.fn(); return nil })
			})
			stack := tracetest.One(t, rec.Chain(), "g").Str(semconv.CodeStacktraceKey)
			if strings.Contains(stack, "secret") || strings.Contains(stack, "runtime.gopanic") || strings.Contains(stack, "testing.tRunner") {
				t.Errorf("got\n%swant the user's frames alone", stack)
			}
			var names []string
			for line := range strings.Lines(stack) {
				if name, ok := strings.CutPrefix(strings.TrimSpace(line), pkg); ok {
					names = append(names, name)
				} else if !regexp.MustCompile(`^\t/.*\.go:\d+\n$|^runtime\.|^github.com/wakechain/wakechain/trace\.`).MatchString(line) {
					t.Errorf("got line %q, want a function or its place", line)
				}
			}
			if tt.name == "nested" {
				return
			}
			if len(names) != len(tt.want)+1 {
				t.Fatalf("got\n%swant the frames %v and the function", stack, tt.want)
			}
			for i, want := range tt.want {
				if !regexp.MustCompile(`^` + want).MatchString(names[i]) {
					t.Errorf("frame %d: got %s, want %s", i, names[i], want)
				}
			}
		})
	}
}

// However deep the panic, the stack is bounded and starts where it happened.
func TestPanicStackDeep(t *testing.T) {
	ctx, rec := record(t)
	protect(func() {
		_ = trace.Handle(ctx, "g", func(context.Context) error { (&tower{1000}).fall(); return nil })
	})
	g := tracetest.One(t, rec.Chain(), "g")
	stack := g.Str(semconv.CodeStacktraceKey)
	if n := strings.Count(stack, "\n"); n > 128 || !strings.HasPrefix(stack, "github.com/wakechain/wakechain/trace_test.(*tower).step\n") {
		t.Errorf("got %d lines, want 128 at the most:\n%s", n, stack)
	}
	if got := g.Str(semconv.GoroutineStateKey); got != string(semconv.StatePanicked) {
		t.Errorf("state: got %s, want %s", got, semconv.StatePanicked)
	}
}

func TestGoexitHasNoStack(t *testing.T) {
	ctx, rec := record(t)
	_ = trace.Go(ctx, "g", func(context.Context) error { runtime.Goexit(); return nil }).Wait(context.Background())
	if got := tracetest.One(t, rec.Chain(), "g").Str(semconv.CodeStacktraceKey); got != "" {
		t.Errorf("got\n%s\nwant none", got)
	}
}
