package e2e_test

import (
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// TestWatch asks Jaeger for what is stuck while it is: it finds that, with its cause
// and without a warning; and nothing is left to say when it is over.
func TestWatch(t *testing.T) {
	j := newJaeger(t)
	j.start()
	p := startPair(t, j.env(), time.Hour, "-watch")
	query, err := url.ParseQuery(stalledQuery(t))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	eventually(t, "Jaeger has what is stuck", func() bool {
		ids = j.search(query)
		return len(ids) > 0 && len(chain.New(j.trace(traceID(t, ids[0]))).Named("sen_data")) > 0 // exported after 5 s
	})
	select {
	case <-p.server.done:
		t.Fatal("the sender is not stuck any more")
	default:
	}
	id := traceID(t, ids[0])
	meanwhile := chain.New(j.trace(id))
	told := meanwhile.Named(semconv.SpanStalled)
	if len(told) == 0 {
		t.Fatalf("no %s in\n%v", semconv.SpanStalled, meanwhile)
	}
	last := told[len(told)-1]
	if _, ok := last.StillBlocked(); !ok {
		t.Errorf("%v is over", last)
	}
	if last.Parent == nil || last.Parent.Name != "sen_data" {
		t.Errorf("it is below %v, want sen_data", last.Parent)
	}
	if found := explain.Explain(meanwhile); len(found) == 0 || found[0].Rule != explain.StillBlocked {
		t.Errorf("the answer is %v, want first that it is still blocked", found)
	}
	// The trace's root, hello in the other process, is open for 5 s.
	eventually(t, "the page does not warn of what is stuck", func() bool {
		_, warnings := j.page(id)
		return len(warnings) == 0
	})

	p.client.interrupt()
	p.end()
	c := chain.New(p.arrived(j))
	for _, s := range c.Named(semconv.SpanStalled) {
		if _, ok := s.StillBlocked(); ok {
			t.Errorf("%v is not over", s)
		}
		if len(s.Links) == 0 || s.Links[0].Span == nil || s.Links[0].Span.Name != semconv.SpanWrite {
			t.Errorf("%v links to %v, want the write", s, s.Links)
		}
	}
	if !slices.ContainsFunc(c.Named(semconv.SpanBlock), func(b *chain.Span) bool {
		return len(b.Links) == 1 && b.Links[0].Span != nil && b.Links[0].Span.Name == semconv.SpanStalled
	}) {
		t.Error("no block links to what was told of it")
	}
	if found := explain.Explain(c); slices.ContainsFunc(found, func(f explain.Finding) bool { return f.Rule == explain.StillBlocked }) {
		t.Errorf("the answer is %v, and it is over", found)
	}
	if _, warnings := j.page(id); len(warnings) > 0 {
		t.Errorf("the page warns, of what was stuck: %q", warnings)
	}
}

// stalledQuery is the query of docs/jaeger.md.
func stalledQuery(t *testing.T) string {
	t.Helper()
	doc, err := os.ReadFile("../../../docs/jaeger.md")
	if err != nil {
		t.Fatal(err)
	}
	query := `service=socket_start&operation=stalled`
	if cause := query + `&tags={"block.cause":"peer_window"}`; runtime.GOOS == "linux" {
		query = cause
	}
	if !strings.Contains(string(doc), "`"+query) {
		t.Errorf("docs/jaeger.md has no query %s", query)
	}
	return query
}
