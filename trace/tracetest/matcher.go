package tracetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// Matcher is a condition for spans. If a function takes a matcher as any, it also takes a
// string, which is short for [Line], or a *[chain.Span], which matches only that span.
//
// The zero Matcher matches every span.
type Matcher struct {
	match func(*chain.Span) bool
	text  string
	err   error
}

// Match reports whether m matches the span.
func (m Matcher) Match(s *chain.Span) bool { return m.err == nil && (m.match == nil || m.match(s)) }

// String returns the condition, as failures show it.
func (m Matcher) String() string {
	if m.match == nil && m.err == nil {
		return "any span"
	}
	return m.text
}

// Matching returns a matcher of the spans that match reports true for. Failures
// show it as text.
func Matching(text string, match func(*chain.Span) bool) Matcher {
	return Matcher{match: match, text: text}
}

// Line returns a matcher of the spans that a line of [AssertTree] describes, such as
// "block >=1s {block.reason=net.write}". "...", counts and starts (@3s) are errors. A line
// without "open" also matches open spans.
func Line(line string) Matcher {
	p, err := parseLine(strings.TrimSpace(line))
	switch {
	case err != nil:
		return Matcher{text: line, err: err}
	case p.any || p.rest || p.counted:
		return Matcher{text: line, err: fmt.Errorf("%q is not about one span", line)}
	case p.start != nil:
		return Matcher{text: line, err: fmt.Errorf("%q has a start, which only a tree can have", line)}
	}
	return Matching(line, func(s *chain.Span) bool { return p.describes(s, nil) })
}

// Name matches spans with the name, whatever characters it has. For a block, a wake, a
// handshake or a segment the first word is enough.
func Name(name string) Matcher {
	return Matching(quoteName(name), func(s *chain.Span) bool { return s.Named(name) })
}

// Service matches spans of the service.
func Service(name string) Matcher {
	return Matching("["+name+"]", func(s *chain.Span) bool { return s.Service == name })
}

// Attribute matches spans that have the attribute, with this type and value.
func Attribute(want attribute.KeyValue) Matcher {
	return Matching("{"+attr(string(want.Key), want.Value.String())+"}", func(s *chain.Span) bool {
		v, ok := s.Attr(want.Key)
		return ok && v.Type() == want.Value.Type() && v.String() == want.Value.String()
	})
}

// HasAttribute matches spans that have the attribute, whatever its value.
func HasAttribute(key attribute.Key) Matcher {
	return Matching("{"+string(key)+"}", func(s *chain.Span) bool {
		_, ok := s.Attr(key)
		return ok
	})
}

// Status matches spans whose status has the code.
func Status(code codes.Code) Matcher {
	m := Matching("{status="+strings.ToLower(code.String())+"}", func(s *chain.Span) bool { return s.Status.Code == code })
	if code > codes.Ok {
		m.err = fmt.Errorf("no span has a status of the code %d", code)
	}
	return m
}

// Kind matches spans of the kind.
func Kind(kind oteltrace.SpanKind) Matcher {
	m := Matching("{kind="+kind.String()+"}", func(s *chain.Span) bool { return s.Kind == kind })
	if kind < oteltrace.SpanKindUnspecified || kind > oteltrace.SpanKindConsumer {
		m.err = fmt.Errorf("no span is of the kind %d", kind)
	}
	return m
}

// All matches spans that all of the matchers match.
func All(matchers ...Matcher) Matcher {
	all := Matching("", func(s *chain.Span) bool {
		for _, m := range matchers {
			if !m.Match(s) {
				return false
			}
		}
		return true
	})
	texts := make([]string, len(matchers))
	for i, m := range matchers {
		texts[i] = m.String()
		if all.err == nil {
			all.err = m.err
		}
	}
	all.text = strings.Join(texts, " ")
	return all
}

// Not matches spans that m does not match.
func Not(m Matcher) Matcher {
	return Matcher{match: func(s *chain.Span) bool { return !m.Match(s) }, text: "not " + m.String(), err: m.err}
}

// matcherOf returns the matcher for an argument. It ends the test if there is none.
func matcherOf(tb testing.TB, c *chain.Chain, of any) Matcher {
	tb.Helper()
	var m Matcher
	switch of := of.(type) {
	case Matcher:
		m = of
	case string:
		m = Line(of)
	case *chain.Span:
		if of == nil || of.Seq >= c.Len() || c.Spans[of.Seq] != of {
			tb.Fatalf("tracetest: the span %v is not of this chain", of)
		}
		m = Matching(of.String(), func(s *chain.Span) bool { return s == of })
	default:
		m.err = fmt.Errorf("%T is neither a string nor a Matcher nor a *chain.Span", of)
	}
	if m.err != nil {
		tb.Fatalf("tracetest: %v", m.err)
	}
	return m
}

// One returns the only span that a matcher (a Matcher or the string of a [Line])
// matches. It ends the test if there is none or more than one.
func One(tb testing.TB, c *chain.Chain, matcher any) *chain.Span {
	tb.Helper()
	m := matcherOf(tb, c, matcher)
	found := c.Find(m.Match)
	if len(found) != 1 {
		tb.Fatalf("tracetest: got %s, want one\n%s", count(c, found, m), shown(c))
		return nil
	}
	return found[0]
}

// maxListed is how many spans a failure lists.
const maxListed = 8

// count returns how many spans a matcher found, and which, as text.
func count(c *chain.Chain, found []*chain.Span, m Matcher) string {
	if len(found) == 0 {
		return fmt.Sprintf("no span that matches %s", m)
	}
	names := make([]string, 0, maxListed+1)
	for i, s := range found {
		if i == maxListed {
			names = append(names, "…")
			break
		}
		names = append(names, ref(c, s))
	}
	return fmt.Sprintf("%d that match %s: %s", len(found), m, strings.Join(names, ", "))
}

// ref returns the name and the start of a span and, if the tree below a failure shows them,
// its number and service.
func ref(c *chain.Chain, s *chain.Span) string {
	name := text.Printable(s.Name)
	if s.Cited() {
		name = fmt.Sprintf("%s #%d", name, s.Seq)
	}
	if s.Service != "" && slices.ContainsFunc(c.Spans, func(other *chain.Span) bool { return other.Service != s.Service }) {
		name += " [" + text.Printable(s.Service) + "]"
	}
	return name + " at " + text.Offset(s.Start.Sub(c.Start()))
}

// maxShown is how many lines of a chain a failure shows.
const maxShown = 80

// shown returns the chain as text below a failure, a line per span if there is room.
func shown(c *chain.Chain) string {
	var b strings.Builder
	opts := []chain.TreeOption{chain.WithMaxLines(maxShown), chain.WithWidth(140)}
	if c.Len() <= maxShown {
		opts = append(opts, chain.WithoutFolding())
	}
	_ = c.WriteTree(&b, opts...) // a Builder has no errors
	return "in the chain\n" + indent(strings.TrimRight(b.String(), "\n"), "\t")
}

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by)
}
