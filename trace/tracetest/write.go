package tracetest

import (
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// telling are the attributes of a new line: why it blocked, on what, what woke it, how it
// ended.
var telling = []attribute.Key{
	semconv.BlockReasonKey, semconv.BlockCauseKey, semconv.SyncNameKey, semconv.WakeReasonKey, semconv.GoroutineStateKey, semconv.ErrorTypeKey,
}

// varying are the attributes that are added to a line without their values: they differ
// between runs, or between versions of the program.
var varying = []attribute.Key{
	semconv.GoroutineIDKey, semconv.BlockLongestSpanKey, semconv.WebSocketConnectionIDKey, semconv.CodeStacktraceKey,
	semconv.CodeFunctionNameKey, semconv.CodeLineNumberKey,
}

// written returns the line for a span, without its count. It has the same attributes as
// old, unless nil, and keeps what still holds. new means that old described another span:
// then the line also has what a new line has.
func (m *match) written(s *chain.Span, old *line, new bool) string {
	if old == nil {
		old, new = &line{}, true
	}
	name := s.Name
	if old.name != "" && s.Named(old.name) {
		name = old.name
	}
	parts := []string{quoteName(name)}
	if s.Service != "" && plain(s.Service) && !strings.Contains(s.Service, "]") &&
		(old.service != nil || new && m.services && (s.Parent == nil || s.Parent.Service != s.Service)) {
		parts = append(parts, "["+s.Service+"]")
	}
	exactly := &limit{}
	switch start := s.Start.Sub(m.origin); {
	case old.start != nil:
		parts = append(parts, "@"+old.start.like(start))
	case new && m.times:
		parts = append(parts, "@"+exactly.like(start))
	}
	switch d := s.End.Sub(s.Start); {
	case s.End.IsZero():
		parts = append(parts, "open")
	case old.duration != nil:
		parts = append(parts, old.duration.like(d))
	case new && m.times:
		parts = append(parts, exactly.like(d))
	}
	if attrs := m.attrs(s, old, new); len(attrs) > 0 {
		parts = append(parts, "{"+strings.Join(attrs, ", ")+"}")
	}
	if !new && !m.exact && old.linked(s) {
		for _, name := range old.links {
			if name != "?" {
				name = quoteName(name)
			}
			parts = append(parts, "->", name)
		}
		return strings.Join(parts, " ")
	}
	for _, l := range s.Links {
		switch {
		case l.Span != nil:
			parts = append(parts, "->", quoteName(l.Span.Name))
		case m.exact || slices.Contains(old.links, "?"):
			parts = append(parts, "-> ?")
		}
	}
	return strings.Join(parts, " ")
}

func (m *match) attrs(s *chain.Span, old *line, new bool) (out []string) {
	own := func(key attribute.Key) bool {
		return slices.ContainsFunc(old.attrs, func(a condition) bool { return a.field && a.key == key })
	}
	if !own("status") && (s.Failed() && m.exact || new && s.Status.Code != codes.Unset) {
		out = append(out, "status="+strings.ToLower(s.Status.Code.String()))
	}
	var keys []attribute.Key // that are in out
	for _, a := range old.attrs {
		key := a.of(s, m.prefixes)
		if !a.field {
			keys = append(keys, key)
		}
		v, ok := a.value(s, m.prefixes)
		var text string
		switch {
		case a.holds(s, m.prefixes):
			text = a.text
		case a.field:
			text = string(a.key) + "=" + v
		case ok:
			text = attr(m.short(s, key), v)
		default:
			text = "!" + quoteKey(string(a.key))
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	var more []attribute.Key // the others
	switch {
	case m.exact && m.keys == nil:
		for _, a := range s.Attributes {
			more = append(more, a.Key)
		}
		slices.Sort(more)
	case m.exact:
		more = m.keys
	case new:
		more = telling
	}
	for _, key := range more {
		_, ok := s.Attr(key)
		switch {
		case !ok || slices.Contains(keys, key):
			continue
		case slices.Contains(varying, key):
			out = append(out, quoteKey(m.short(s, key)))
		default:
			out = append(out, attr(m.short(s, key), s.Str(key)))
		}
		keys = append(keys, key)
	}
	return out
}

// short returns the key without a prefix that may be left out.
func (m *match) short(s *chain.Span, key attribute.Key) string {
	for _, p := range m.prefixes {
		if rest, ok := strings.CutPrefix(string(key), p); ok && (condition{key: attribute.Key(rest)}).of(s, m.prefixes) == key {
			return rest
		}
	}
	return string(key)
}

// quoteName returns the name for a line: quoted, unless it would be read as this name,
// whatever follows it.
func quoteName(name string) string {
	for _, more := range []string{"", " ×2 [s] open {k=v} -> x"} {
		if p, err := parseLine(name + more); err != nil || p.any || p.name != name || len(p.links) > 1 || !plain(name) {
			return quote(name)
		}
	}
	return name
}

func quoteKey(key string) string {
	if key == "status" || key == "kind" || strings.ContainsAny(key, `,=!{}"`) || key != strings.TrimSpace(key) || key == "" || !plain(key) {
		return quote(key)
	}
	return key
}

// attr returns key=value, for use in braces.
func attr(key, value string) string {
	if strings.ContainsAny(value, `,{}"`) || value != strings.TrimSpace(value) || value == "" || !plain(value) {
		value = quote(value)
	}
	return quoteKey(key) + "=" + value
}

// plain reports whether s can be in a raw string unchanged.
func plain(s string) bool { return text.Printable(s) == s && !strings.Contains(s, "`") }

// quote is strconv.Quote without backquotes, which a raw string cannot hold.
func quote(s string) string { return strings.ReplaceAll(strconv.Quote(s), "`", `\x60`) }
