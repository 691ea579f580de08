package trace_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestGoexit(t *testing.T) {
	ctx, rec := record(t)
	task := trace.Go(ctx, "g", func(context.Context) error {
		runtime.Goexit()
		return nil
	})
	if got := task.Wait(t.Context()); got != trace.ErrGoexit {
		t.Errorf("Wait: got %v, want %v", got, trace.ErrGoexit)
	}
	if got := task.State(); got != semconv.StateFailed {
		t.Errorf("State: got %s, want %s", got, semconv.StateFailed)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = trace.Handle(ctx, "h", func(context.Context) error {
			defer func() { _ = recover() }() // the panic ends here, the exit goes on
			defer panic("while exiting")
			runtime.Goexit()
			return nil
		})
		t.Error("Handle returned after Goexit")
	}()
	<-done
	tracetest.AssertTree(t, rec.Chain(), `
		g {status=error, goroutine.state=failed, error.type=_OTHER}
		h {status=error, goroutine.state=failed, error.type=_OTHER}
	`, shape...)
}

// A panic reaches the caller of Handle unchanged.
func TestHandlePanic(t *testing.T) {
	value := &struct{ n int }{7}
	var nilMap map[string]int
	tests := []struct {
		name  string
		fn    func()
		check func(any) bool
	}{
		{"value", func() { panic(value) }, func(v any) bool { return v == any(value) }},
		{"runtime error", func() { nilMap["x"] = 1 }, func(v any) bool { _, ok := v.(runtime.Error); return ok }},
		{
			"again while panicking", func() {
				defer func() { panic(value) }()
				panic("first")
			},
			func(v any) bool { return v == any(value) },
		},
		{
			"while exiting", func() {
				defer func() { panic(value) }()
				runtime.Goexit()
			},
			func(v any) bool { return v == any(value) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, rec := record(t)
			done := make(chan any)
			go func() {
				var v any
				defer func() { done <- v }() // runs for a Goexit too
				defer func() { v = recover() }()
				_ = trace.Handle(ctx, "g", func(context.Context) error {
					tt.fn()
					return nil
				})
			}()
			if v := <-done; !tt.check(v) {
				t.Errorf("recovered %v", v)
			}
			tracetest.AssertTree(t, rec.Chain(), `
				g {status=error, goroutine.state=panicked, error.type=panic}
			`, shape...)
		})
	}
}

// A panic that the function recovers itself is no panic.
func TestHandleRecovered(t *testing.T) {
	ctx, rec := record(t)
	err := trace.Handle(ctx, "g", func(context.Context) (err error) {
		defer func() { err = fmt.Errorf("recovered: %v", recover()) }()
		panic("boom")
	})
	if err == nil || err.Error() != "recovered: boom" {
		t.Errorf("got %v, want recovered: boom", err)
	}
	tracetest.One(t, rec.Chain(), "g {goroutine.state=failed}")
}

// A panic in a goroutine crashes the program as it would without this package: with the same
// output except for this package's frames, and exit code 2. The span is exported before,
// and nothing that waits for the goroutine continues.
func TestGoPanic(t *testing.T) {
	if how := os.Getenv("WAKECHAIN_TEST_PANIC"); how != "" {
		crash(how)
	}
	output := map[string]string{}
	for _, how := range []string{"bare", "traced"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGoPanic$")
		cmd.Env = append(os.Environ(), "WAKECHAIN_TEST_PANIC="+how, "GOTRACEBACK=single")
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Fatalf("%s: got %v, want exit status 2\n%s%s", how, err, stdout.String(), stderr.String())
		}
		output[how] = stderr.String()
		want := ""
		if how == "traced" {
			want = "boom panicked\n"
		}
		if got := stdout.String(); got != want {
			t.Errorf("%s: stdout: got %q, want %q", how, got, want)
		}
	}
	// What comes before the frames of what called the function.
	head := func(s string) string {
		s = regexp.MustCompile(`goroutine \d+|0x[0-9a-f?]+|\(\.\.\.\)|\([^()\n]*\)|\[.*\]`).ReplaceAllString(s, "_")
		head, _, found := strings.Cut(s, "trace_test.crash.")
		if !found {
			t.Errorf("got\n%s\nwant the frame of the function that panicked", s)
		}
		return head
	}
	if got, want := head(output["traced"]), head(output["bare"]); got != want || !strings.HasPrefix(want, "panic: ") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if strings.Contains(output["traced"], "recovered") {
		t.Errorf("got\n%s\nwant a panic that nobody recovered", output["traced"])
	}
}

func crash(how string) {
	fn := func(context.Context) error { panic(fmt.Errorf("boom: %w", io.ErrUnexpectedEOF)) }
	if how == "bare" {
		go func() { _ = fn(context.Background()) }()
		select {}
	}
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printStates{}))
	ctx := trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background())
	task := trace.Go(ctx, "boom", fn)
	err := task.Wait(context.Background())
	fmt.Println("went on:", err)
	select {}
}

type printStates struct{}

func (printStates) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	for _, s := range chain.FromSpans(spans) {
		fmt.Println(s.Name, s.Str(semconv.GoroutineStateKey))
	}
	return nil
}

func (printStates) Shutdown(context.Context) error { return nil }
