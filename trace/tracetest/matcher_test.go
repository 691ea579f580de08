package tracetest_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestMatchers(t *testing.T) {
	s := &chain.Span{
		Name: "read 3s", Service: "a", Kind: oteltrace.SpanKindServer, Status: chain.Status{Code: codes.Error},
		Attributes: []attribute.KeyValue{attribute.Int("n", 3), attribute.String("kind", "x")},
	}
	for _, tt := range []struct {
		m    tracetest.Matcher
		text string
		want bool
	}{
		{tracetest.Matcher{}, "any span", true},
		{tracetest.Name("read 3s"), `"read 3s"`, true},
		{tracetest.Name("read"), "read", false},
		{tracetest.Line(`"read 3s" [a]`), `"read 3s" [a]`, true},
		{tracetest.Line(`"read 3s" open`), `"read 3s" open`, true},
		{tracetest.Line(`"read 3s" 0s`), `"read 3s" 0s`, false}, // such a span has not ended
		{tracetest.Line(`"read 3s" {kind=server, "kind"=x, !status}`), `"read 3s" {kind=server, "kind"=x, !status}`, false},
		{tracetest.Line(`"read 3s" {kind=server, "kind"=x, !n=4}`), `"read 3s" {kind=server, "kind"=x, !n=4}`, true},
		{tracetest.Service("a"), "[a]", true},
		{tracetest.Service("b"), "[b]", false},
		{tracetest.Attribute(attribute.Int("n", 3)), "{n=3}", true},
		{tracetest.Attribute(attribute.Int("n", 4)), "{n=4}", false},
		{tracetest.Attribute(attribute.String("n", "3")), "{n=3}", false},
		{tracetest.Attribute(attribute.String("kind", "x")), `{"kind"=x}`, true},
		{tracetest.HasAttribute("n"), "{n}", true},
		{tracetest.HasAttribute("m"), "{m}", false},
		{tracetest.Status(codes.Error), "{status=error}", true},
		{tracetest.Status(codes.Ok), "{status=ok}", false},
		{tracetest.Kind(oteltrace.SpanKindServer), "{kind=server}", true},
		{tracetest.Kind(oteltrace.SpanKindClient), "{kind=client}", false},
		{tracetest.All(tracetest.Service("a"), tracetest.HasAttribute("n")), "[a] {n}", true},
		{tracetest.All(tracetest.Service("a"), tracetest.HasAttribute("m")), "[a] {m}", false},
		{tracetest.Not(tracetest.HasAttribute("m")), "not {m}", true},
		{tracetest.Matching("odd", func(*chain.Span) bool { return true }), "odd", true},
		{tracetest.Line("..."), "...", false},
		{tracetest.Not(tracetest.Line(`"`)), `not "`, false}, // what it negates is no condition
	} {
		if got := tt.m.Match(s); got != tt.want || tt.m.String() != tt.text {
			t.Errorf("%s: got %t, and the text %s, want %t", tt.text, got, tt.m, tt.want)
		}
	}
}

// FuzzLine writes what it has parsed, and must read the same name from that.
func FuzzLine(f *testing.F) {
	for _, seed := range []string{
		"read", "go hello [a] ×3 ~3s {k=v} -> x", `"a b" open`, "GET /{id}", "{", "[x", "a { b", "a -> b -> c", "@", "×", "`", `a "b`, "...", "a ...", "a [", "a {k",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		name, _, err := tracetest.Reread(line)
		if err != nil {
			name = line // it may be one, all the same
		}
		for _, name := range []string{name, line} {
			quoted := tracetest.QuoteName(name)
			got, again, err := tracetest.Reread(quoted + " [s] 3s {k=v} -> x")
			if err != nil || got != name || again != quoted {
				t.Errorf("the name %q is written %s and read as %q: %v", name, quoted, got, err)
			}
		}
	})
}
