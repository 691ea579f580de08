package tracetest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// line is one line of text, parsed. What it does not mention may be anything.
type line struct {
	any      bool // "...": any lines
	rest     bool // ends in "...": any lines below
	name     string
	words    int // how many the name has
	counted  bool
	min, max int     // how many spans; max < 0: no limit
	service  *string // nil: any
	start    *limit  // since the start of the chain
	duration *limit
	open     bool // it has not ended
	attrs    []condition
	links    []string // names of spans that it links to, "?" for one that is not in the chain
}

// condition is a condition for an attribute. The keys "status" and "kind", unless quoted,
// are those of the span itself.
type condition struct {
	key         attribute.Key
	field       bool
	want        string
	valued, not bool
	text        string // as it was written
}

// limit is a condition for a duration.
type limit struct {
	op   string // one of limitOps
	d    time.Duration
	text string // as it was written
}

// limitOps are in the order in which they are tried.
var limitOps = []string{"~", ">=", "<=", ">", "<", ""}

func parseLimit(word string) (*limit, bool) {
	for _, op := range limitOps {
		if text, ok := strings.CutPrefix(word, op); ok {
			d, err := time.ParseDuration(text)
			if err != nil || text[0] == '+' {
				return nil, false
			}
			return &limit{op, d, word}, true
		}
	}
	return nil, false
}

// holds reports whether d is within the limit. "~" allows a quarter more or less: a test
// only needs the order of magnitude, and a loaded machine is late.
func (l *limit) holds(d time.Duration) bool {
	switch l.op {
	case "~":
		return d >= l.d-l.d/4 && d <= l.d+l.d/4
	case ">=":
		return d >= l.d
	case "<=":
		return d <= l.d
	case ">":
		return d > l.d
	case "<":
		return d < l.d
	default:
		return d == l.d
	}
}

// like returns the text for d in place of l. It is that of l if l holds. Otherwise it is d
// if l is exact, or "~" and about d.
func (l *limit) like(d time.Duration) string {
	if l.text != "" && l.holds(d) {
		return l.text
	}
	if l.op == "" {
		return d.String()
	}
	if d > 0 {
		unit := time.Duration(1)
		for d/unit >= 100 {
			unit *= 10
		}
		d = d.Round(unit)
	}
	return "~" + d.String()
}

// times returns the text of a line with the count n.
func (p *line) times(text string, n int) string {
	words, err := split(text)
	if err != nil {
		return text // it never does, since the text was parsed
	}
	for i := p.words; i < len(words) && words[i] != "->"; i++ {
		if strings.HasPrefix(words[i], "×") {
			words = slices.Delete(words, i, i+1)
			break
		}
	}
	if n > 1 {
		words = slices.Insert(words, p.words, fmt.Sprintf("×%d", n))
	}
	return strings.Join(words, " ")
}

// again returns the text of a line with the count of p.
func (p *line) again(text string) string {
	if p.max < 0 {
		words, err := split(text)
		if err != nil {
			return text
		}
		return strings.Join(slices.Insert(words, p.words, "×*"), " ")
	}
	return p.times(text, p.max)
}

// parseLine parses a line without its indentation.
func parseLine(text string) (*line, error) {
	p := &line{min: 1, max: 1}
	if text == "..." {
		p.any, p.min, p.max = true, 0, -1
		return p, nil
	}
	words, err := split(text)
	if err != nil {
		return nil, err
	}
	name := 1 // how many words it has: up to the last one with no other meaning
	quoted := strings.HasPrefix(text, `"`)
	arrow := slices.Index(words, "->")
	head := words
	if arrow >= 0 {
		head = words[:arrow]
	}
	for i := 1; i < len(head) && !quoted; i++ {
		if ok, _ := new(line).part(head[i]); !ok {
			name = i + 1
		}
	}
	if name > len(head) {
		return nil, errors.New("no name")
	}
	if p.name, err = unquote(strings.Join(head[:name], " ")); err != nil {
		return nil, err
	}
	p.words = name
	for _, word := range head[name:] {
		switch ok, err := p.part(word); {
		case err != nil:
			return nil, err
		case !ok:
			return nil, fmt.Errorf("%s is neither [service], a duration, {attributes} nor ×N", word)
		}
	}
	if arrow >= 0 {
		for target := range splitWords(words[arrow+1:]) {
			to, err := unquote(target)
			if err != nil {
				return nil, err
			}
			if to == "" {
				return nil, errors.New("-> leads to no name")
			}
			p.links = append(p.links, to)
		}
	}
	return p, nil
}

// splitWords yields the names between arrows.
func splitWords(words []string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for {
			i := slices.Index(words, "->")
			if i < 0 {
				yield(strings.Join(words, " "))
				return
			}
			if !yield(strings.Join(words[:i], " ")) {
				return
			}
			words = words[i+1:]
		}
	}
}

// part parses a word behind the name, and reports whether it has a meaning.
func (p *line) part(word string) (bool, error) {
	switch {
	case word == "...":
		p.rest = true
	case word == "open":
		p.open = true
	case len(word) > 1 && word[0] == '[' && word[len(word)-1] == ']':
		service := word[1 : len(word)-1]
		p.service = &service
	case len(word) > 1 && word[0] == '{' && word[len(word)-1] == '}':
		return true, p.attributes(word[1 : len(word)-1])
	case strings.HasPrefix(word, "×"):
		n := strings.TrimPrefix(word, "×")
		p.counted = true
		if n == "*" {
			p.max = -1
			return true, nil
		}
		var err error
		if p.min, err = strconv.Atoi(n); err != nil {
			return false, nil
		}
		if p.min < 1 {
			return true, fmt.Errorf("no span comes %s times; AssertNone says that there is none", word)
		}
		p.max = p.min
	case strings.HasPrefix(word, "@"):
		l, ok := parseLimit(word[1:])
		p.start = l
		return ok, nil
	default:
		l, ok := parseLimit(word)
		p.duration = l
		return ok, nil
	}
	return true, nil
}

func (p *line) attributes(list string) error {
	for _, item := range fields(list, ',') {
		a := condition{text: strings.TrimSpace(item)}
		item, a.not = strings.CutPrefix(strings.TrimSpace(item), "!")
		parts := fields(item, '=')
		key := strings.TrimSpace(parts[0])
		a.field = key == "status" || key == "kind"
		key, err := unquote(key)
		if err != nil {
			return err
		}
		a.key = attribute.Key(key)
		if len(parts) > 1 {
			a.valued = true
			if a.want, err = unquote(strings.TrimSpace(strings.Join(parts[1:], "="))); err != nil {
				return err
			}
		}
		if a.key == "" {
			return fmt.Errorf("an attribute without a key in {%s}", list)
		}
		if err := a.possible(); err != nil {
			return err
		}
		p.attrs = append(p.attrs, a)
	}
	return nil
}

// fieldValues are all values of a span's own status and kind.
var fieldValues = map[attribute.Key][]string{
	"status": {"unset", "ok", "error"},
	"kind":   {"internal", "server", "client", "producer", "consumer", "unspecified"},
}

// possible returns an error for a status or kind that no span has, and for the condition
// that a span has none.
func (a condition) possible() error {
	values := fieldValues[a.key]
	if !a.field || a.valued && slices.Contains(values, a.want) || !a.valued && !a.not {
		return nil
	}
	return fmt.Errorf("%s: the %s of a span is one of %s; an attribute of that name stands in quotes",
		a.text, a.key, strings.Join(values, ", "))
}

// holds reports whether the span meets the condition.
func (a condition) holds(s *chain.Span, prefixes []string) bool {
	v, ok := a.value(s, prefixes)
	if a.valued {
		return (ok && v == a.want) != a.not
	}
	return ok != a.not
}

// split splits a line into words. A word that begins with a quote, a brace or a bracket
// extends to the closing one.
func split(text string) ([]string, error) {
	var words []string
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimSpace(text) {
		n := strings.IndexByte(text, ' ')
		if n < 0 {
			n = len(text)
		}
		switch text[0] {
		case '"':
			q, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, fmt.Errorf("no end of the quote in %s", text)
			}
			n = len(q)
		case '{':
			if end := closing(text, '}'); end > 0 {
				n = end
			}
		case '[':
			if end := closing(text, ']'); end > 0 {
				n = end
			}
		}
		words = append(words, text[:n])
		text = text[n:]
	}
	return words, nil
}

// closing returns the length of text up to the byte end, outside of quotes, that closes a
// word, or 0 if there is none.
func closing(text string, end byte) int {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			if q, err := strconv.QuotedPrefix(text[i:]); err == nil {
				i += len(q) - 1
			}
		case text[i] == end && (i+1 == len(text) || text[i+1] == ' '):
			return i + 1
		}
	}
	return 0
}

// fields splits text at sep, except inside quotes.
func fields(text string, sep byte) []string {
	var out []string
	from := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			if q, err := strconv.QuotedPrefix(text[i:]); err == nil {
				i += len(q) - 1
			}
		case sep:
			out = append(out, text[from:i])
			from = i + 1
		}
	}
	return append(out, text[from:])
}

func unquote(s string) (string, error) {
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	u, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("what is quoted in %s ends before it does", s)
	}
	return u, nil
}

// describes reports whether the line fits the span, apart from the spans below it, its
// start and its count.
func (p *line) describes(s *chain.Span, prefixes []string) bool {
	ended := !s.End.IsZero()
	switch {
	case !s.Named(p.name) && !p.runs(s),
		p.service != nil && *p.service != s.Service,
		p.open && ended,
		p.duration != nil && (!ended || !p.duration.holds(s.End.Sub(s.Start))):
		return false
	}
	for _, a := range p.attrs {
		if !a.holds(s, prefixes) {
			return false
		}
	}
	return p.linked(s)
}

// runs reports whether the line stands for any number of reads or writes, and the span is a
// run of them.
func (p *line) runs(s *chain.Span) bool {
	return p.max < 0 && (p.name == semconv.SpanRead && s.Name == semconv.SpanReads || p.name == semconv.SpanWrite && s.Name == semconv.SpanWrites)
}

// linked reports whether the span has all links of the line.
func (p *line) linked(s *chain.Span) bool {
	if len(p.links) == 0 {
		return true
	}
	left := slices.Clone(s.Links)
	for _, want := range p.links {
		i := slices.IndexFunc(left, func(l chain.Link) bool {
			return l.Span == nil && want == "?" || l.Span != nil && l.Span.Named(want)
		})
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// of returns the span's key that the condition's key means, if prefixes may be left out.
func (a condition) of(s *chain.Span, prefixes []string) attribute.Key {
	if _, ok := s.Attr(a.key); ok {
		return a.key
	}
	for _, p := range prefixes {
		key := attribute.Key(p) + a.key
		if _, ok := s.Attr(key); ok {
			return key
		}
	}
	return a.key
}

// value returns the span's value for the condition, as text, and whether it has one.
func (a condition) value(s *chain.Span, prefixes []string) (string, bool) {
	if !a.field {
		key := a.of(s, prefixes)
		_, ok := s.Attr(key)
		return s.Str(key), ok
	}
	if a.key == "kind" {
		return s.Kind.String(), true
	}
	return strings.ToLower(s.Status.Code.String()), true
}
