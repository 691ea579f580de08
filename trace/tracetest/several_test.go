package tracetest_test

import (
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"

	"go.opentelemetry.io/otel/codes"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// The difference marks exactly the lines that do not match, and shows the spans that were
// recorded. -update changes these lines alone.
func TestSeveralLinesOff(t *testing.T) {
	s := &script{}
	root := s.add(0, "serve", 0, 100)
	for i := range 3 {
		w := s.add(root, "write", 10*i, 10*i+5, semconv.WebSocketMessageSizeKey.Int(7))
		s.add(w, "block", 10*i+1, 10*i+4, semconv.BlockReasonKey.String("net.write"))
		s.add(w, "wake", 10*i+4, 10*i+5, semconv.WakeReasonKey.String("writable"))
	}
	r := s.add(root, "read", 40, 60, semconv.ErrorTypeKey.String("closed"), semconv.WebSocketMessageSizeKey.Int(9))
	s.at(r).Status.Code = codes.Error
	s.link(r, 2)
	s.add(root, "close", 70, 90)
	c := s.chain()
	for _, tt := range []struct{ name, want, diff, accepted string }{
		{
			"values and limits", `
				serve >=50ms
					write ×3 {websocket.message.size=8, !error.type}
						block <=2ms {block.reason=net.write}
						wake <=1s
					read >=10ms {status=ok, websocket.message.size, error.type=closed} -> close
					close >=1s {!error.type}
			`, `
				  serve >=50ms
				-   write ×3 {websocket.message.size=8, !error.type}
				+   write ×3 {websocket.message.size=7, !error.type}
				-     block <=2ms {block.reason=net.write}
				+     block ~3ms {block.reason=net.write}
				      wake <=1s
				-   read >=10ms {status=ok, websocket.message.size, error.type=closed} -> close
				+   read >=10ms {status=error, websocket.message.size, error.type=closed} -> write
				-   close >=1s {!error.type}
				+   close ~20ms {!error.type}
			`, `
				serve >=50ms
					write ×3 {websocket.message.size=7, !error.type}
						block ~3ms {block.reason=net.write}
						wake <=1s
					read >=10ms {status=error, websocket.message.size, error.type=closed} -> write
					close ~20ms {!error.type}
			`,
		},
		{
			"much is missing", `
				serve <=1s {!error.type}
					read {error.type=canceled, websocket.message.size=9}
			`, `
				  serve <=1s {!error.type}
				+   write ×3
				+     block {block.reason=net.write}
				+     wake {wake.reason=writable}
				-   read {error.type=canceled, websocket.message.size=9}
				+   read {error.type=closed, websocket.message.size=9}
				+   close
			`, `
				serve <=1s {!error.type}
					write ×3
						block {block.reason=net.write}
						wake {wake.reason=writable}
					read {error.type=closed, websocket.message.size=9}
					close
			`,
		},
		{
			"order", `
				serve
					close >=1ms {!error.type}
					write ×* <=1s {websocket.message.size=7}
						...
					read ...
			`, `
				  serve
				-   close >=1ms {!error.type}
				    write ×* <=1s {websocket.message.size=7}
				      ...
				    read ...
				+   close >=1ms {!error.type}
			`, `
				serve
					write ×* <=1s {websocket.message.size=7}
						...
					read ...
					close >=1ms {!error.type}
			`,
		},
		{
			"count", `
				serve
					write ×2 <=1s {websocket.message.size=8} ...
					read ...
					close
			`, `
				  serve
				-   write ×2 <=1s {websocket.message.size=8} ...
				+   write ×3 <=1s {websocket.message.size=7} ...
				    read ...
				    close
			`, `
				serve
					write ×3 <=1s {websocket.message.size=7} ...
					read ...
					close
			`,
		},
		{
			"nobody's attributes", `
				serve
					write ×* ...
					read {status=unset, !websocket.message.size=1, !error.type}
					close {kind=client, error.type}
			`, `
				  serve
				    write ×* ...
				-   read {status=unset, !websocket.message.size=1, !error.type}
				+   read {status=error, !websocket.message.size=1, error.type=closed}
				-   close {kind=client, error.type}
				+   close {kind=internal, !error.type}
			`, `
				serve
					write ×* ...
					read {status=error, !websocket.message.size=1, error.type=closed}
					close {kind=internal, !error.type}
			`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("TRACETEST_UPDATE", "0")
			got := failure(func(tb testing.TB) { tracetest.AssertTree(tb, c, tt.want) })
			_, got, _ = strings.Cut(got, "\n")
			if want := block(tt.diff, "\t"); got != want {
				t.Errorf("got the difference\n%s\nwant\n%s", got, want)
			}
			accepted := strings.TrimRight(tracetest.Accept(t, c, tt.want), "\n")
			if want := block(tt.accepted, ""); accepted != want {
				t.Errorf("-update writes\n%s\nwant\n%s", accepted, want)
			}
			passes(t, func(tb testing.TB) { tracetest.AssertTree(tb, c, accepted) })
		})
	}
}

// block returns text without its margin, with another margin in its place.
func block(text, margin string) string {
	const indented = "\t\t\t\t"
	lines := strings.Split(strings.Trim(text, "\n\t"), "\n")
	for i := range lines {
		lines[i] = margin + strings.TrimPrefix(lines[i], indented)
	}
	// TrimLeft has removed the margin of the first line, too.
	first, _, _ := strings.Cut(strings.TrimLeft(text, "\n"), "\n")
	lines[0] = margin + strings.TrimPrefix(first, indented)
	return strings.Join(lines, "\n")
}

// A line that no span can match is refused, even where the test would pass.
func TestImpossible(t *testing.T) {
	c := stall().chain()
	const status = "the status of a span is one of unset, ok, error; an attribute of that name stands in quotes"
	const kind = "the kind of a span is one of internal, server, client, producer, consumer, unspecified; an attribute of that name stands in quotes"
	for _, tt := range []struct {
		matcher any
		want    string
	}{
		{"write {status=failed}", "status=failed: " + status},
		{"write {!status=Error}", "!status=Error: " + status},
		{"write {!status}", "!status: " + status},
		{"write {kind=sender}", "kind=sender: " + kind},
		{"write ×0", "no span comes ×0 times; AssertNone says that there is none"},
		{`write {"status"=failed, status, status=ok} ~1000h`, ""},
		{tracetest.Status(codes.Code(7)), "no span has a status of the code 7"},
		{tracetest.Kind(oteltrace.SpanKind(9)), "no span is of the kind 9"},
		{tracetest.Not(tracetest.Status(codes.Code(7))), "no span has a status of the code 7"},
	} {
		matcher, want := tt.matcher, tt.want
		if want != "" {
			want = "tracetest: " + want
		}
		if got := failure(func(tb testing.TB) { tracetest.AssertNone(tb, c, matcher) }); got != want {
			t.Errorf("AssertNone, %v: got %q, want %q", matcher, got, want)
		}
	}
	want := "tracetest: line 2, read {status=failed}: status=failed: " + status
	if got := failure(func(tb testing.TB) { tracetest.AssertTree(tb, c, "go hello\n\tread {status=failed}") }); got != want {
		t.Errorf("AssertTree: got %q, want %q", got, want)
	}
}

// A line for any number of writes also matches runs of writes.
func TestTreeRuns(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	ctx := trace.New(trace.WithTracerProvider(rec.TracerProvider())).NewContext(t.Context())
	for _, name := range []string{semconv.SpanWrite, semconv.SpanWrites, semconv.SpanWrite, semconv.SpanReads, semconv.SpanRead} {
		_, op := trace.Start(ctx, name)
		op.End(nil)
	}
	tracetest.AssertTree(t, rec.Chain(), "write ×*\nread ×*\n")
	tracetest.AssertTree(t, rec.Chain(), "write\nwrites\nwrite\nreads\nread\n")
}
