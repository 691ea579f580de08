package tracetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/wakechain/wakechain/trace/chain"
)

// AssertTree fails the test unless the spans of the chain are those of want, a line each,
// with children indented below their parent:
//
//	tracetest.AssertTree(t, rec.Chain(), `
//		hello [socket_get]
//			handshake ...
//			write ×3
//			write ~3s {status=error}
//				block >=1s {block.reason=net.write, block.cause=peer_window}
//				wake {wake.reason=sent} -> writer
//			...
//	`)
//
// A line is the span's name and, in any order, its conditions:
//
//	[service]     its service
//	3s            how long it took; also ~3s (within a quarter), >=1s, <=1s, >1s, <1s
//	@3s           when it started, since the start of the chain, in the same ways
//	open          it has not ended; without this, it has
//	{k=v, k, !k}  attributes: the value as text, that it is there, or not there;
//	              status=unset|ok|error and kind=client|… are the span's own, and
//	              have no other values
//	-> name       it links to a span of that name, "?" for one that is not in
//	              the chain; this comes last, and may be repeated
//	×3  ×*        how many such spans there are, one after the other; ×*: one or more
//	...           at the end: any spans below
//
// What a line does not mention may be anything (see [Exact]). A line "..." stands for any
// number of spans, with all below them. Without it, all spans must be listed. Names, keys
// and values that would be misread must be in double quotes, as in Go. Lines are indented
// with tabs or spaces, and blank lines are ignored.
//
// Siblings are in the order of the chain. If they started at the same time and nothing
// proves which was first ([AssertBefore]), any order matches, so that equal times fail no
// test.
//
// A failure shows the difference between the two trees. With [UpdateFlag]'s -update the
// literal in the source is rewritten instead, but only the lines that do not match (a limit
// that does not hold becomes "~"). The literal is an argument of AssertTree, or of a helper
// around it. If want was a variable there, it is the only literal with this text in that
// file.
func AssertTree(tb testing.TB, c *chain.Chain, want string, opts ...TreeOption) {
	tb.Helper()
	changes := compare(tb, c, want, opts)
	switch {
	case changes == nil:
	case !updating():
		tb.Errorf("tracetest: the spans differ (- wanted, + recorded; %s to accept them)\n%s", updateHint(), readable(changes))
	default:
		where, err := rewrite(callers(), want, accepted(changes))
		if err != nil {
			tb.Errorf("tracetest: the spans differ (- wanted, + recorded), and the text cannot be rewritten: %v\n%s", err, readable(changes))
			return
		}
		tb.Logf("tracetest: rewrote the text at %s", where)
	}
}

// AssertGolden is [AssertTree] with the text in a file, usually below testdata. With
// -update it writes the file, and creates its folder.
func AssertGolden(tb testing.TB, c *chain.Chain, path string, opts ...TreeOption) {
	tb.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !(os.IsNotExist(err) && updating()) {
		tb.Fatalf("tracetest: %v (%s to write it)", err, updateHint())
	}
	changes := compare(tb, c, string(want), opts)
	switch {
	case changes == nil && err == nil:
		return
	case !updating():
		tb.Errorf("tracetest: the spans differ from %s (- wanted, + recorded; %s to accept them)\n%s", path, updateHint(), readable(changes))
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		tb.Fatalf("tracetest: %v", err)
	}
	if err := os.WriteFile(path, []byte(accepted(changes)), 0o666); err != nil {
		tb.Fatalf("tracetest: %v", err)
	}
	tb.Logf("tracetest: wrote %s", path)
}

// compare returns the changes from want to the chain, or nil if there are none. It ends the
// test if want cannot be parsed.
func compare(tb testing.TB, c *chain.Chain, want string, opts []TreeOption) []change {
	tb.Helper()
	nodes, err := parseTree(want)
	if err != nil {
		tb.Fatalf("tracetest: %v", err)
	}
	m := newMatch(tb, c, opts)
	if _, ok := m.arrange(nodes, m.roots()); ok {
		return nil
	}
	return m.diff(nodes)
}

// AssertNone fails the test if a span matches the matcher (a [Matcher], or the string of a
// [Line]).
func AssertNone(tb testing.TB, c *chain.Chain, matcher any) {
	tb.Helper()
	m := matcherOf(tb, c, matcher)
	if found := c.Find(m.Match); len(found) > 0 {
		tb.Errorf("tracetest: got %s, want none\n%s", count(c, found, m), shown(c))
	}
}

// AssertLinked fails the test unless a span matches from, and every span that does has a
// link to a span that matches to. Both are matchers as in [AssertBefore].
func AssertLinked(tb testing.TB, c *chain.Chain, from, to any) {
	tb.Helper()
	f, t := matcherOf(tb, c, from), matcherOf(tb, c, to)
	found := c.Find(f.Match)
	if len(found) == 0 {
		tb.Errorf("tracetest: got %s, want one that links to %s\n%s", count(c, found, f), t, shown(c))
		return
	}
	for _, s := range found {
		if linksTo(s, t) {
			continue
		}
		tb.Errorf("tracetest: %s links to %s, want to %s\n%s", ref(c, s), targets(c, s), t, shown(c))
		return
	}
}

func linksTo(s *chain.Span, m Matcher) bool {
	for _, l := range s.Links {
		if l.Span != nil && m.Match(l.Span) {
			return true
		}
	}
	return false
}

func targets(c *chain.Chain, s *chain.Span) string {
	text := "nothing"
	for i, l := range s.Links {
		to := "a span that is not in the chain"
		if l.Span != nil {
			to = ref(c, l.Span)
		}
		if i == 0 {
			text = to
		} else {
			text += " and " + to
		}
	}
	return text
}
