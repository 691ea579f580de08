package explain

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// WithMaxBytes limits the output of [WriteJSON]. The default is 256 kB, the minimum 4 kB.
// Findings that do not fit are counted.
func WithMaxBytes(n int) Option {
	return optionFunc(func(c *config) { c.maxBytes = max(n, minBytes) })
}

const (
	minBytes     = 4 << 10
	maxJSONSpans = 20 // of a finding
	maxServices  = 20
)

// document is the output of WriteJSON. Its schema is docs/answers.schema.json.
type document struct {
	Version         int      `json:"version"`
	Spans           int      `json:"spans"`
	Services        []string `json:"services"`
	ServicesLeftOut int      `json:"services_left_out,omitempty"`
	Found           int      `json:"found"`
	LeftOut         int      `json:"left_out"`
	Answers         []answer `json:"answers"`
}

type answer struct {
	ID           string   `json:"id"`
	Rule         Rule     `json:"rule"`
	Severity     string   `json:"severity"`
	Headline     string   `json:"headline"`
	Text         string   `json:"text,omitempty"`
	Advice       string   `json:"advice,omitempty"`
	At           float64  `json:"at"`
	Time         string   `json:"time,omitempty"`
	Count        int      `json:"count"`
	Total        float64  `json:"total"`
	Spans        []spanOf `json:"spans"`
	SpansLeftOut int      `json:"spans_left_out,omitempty"`
}

type spanOf struct {
	TraceID  string   `json:"trace_id"`
	SpanID   string   `json:"span_id"`
	Name     string   `json:"name"`
	Service  string   `json:"service,omitempty"`
	Start    string   `json:"start,omitempty"`
	Duration *float64 `json:"duration,omitempty"` // nil if the span has not ended
}

// WriteJSON writes the findings as one JSON object, for programs and agents.
// docs/answers.schema.json is its schema. Times are in seconds. It returns the writer's
// error.
//
// The id of a finding stays the same while spans are added: see [Finding.ID]. The output is
// limited by [WithLimit] and [WithMaxBytes]; "left_out" counts the rest.
func WriteJSON(w io.Writer, c *chain.Chain, findings []Finding, opts ...Option) error {
	if c == nil {
		c = chain.New(nil)
	}
	cfg := newConfig(opts)
	shown, _ := cfg.limited(findings)
	doc := document{Version: 1, Spans: c.Len(), Services: services(c), Found: len(findings), Answers: []answer{}}
	if n := len(doc.Services) - maxServices; n > 0 {
		doc.Services, doc.ServicesLeftOut = doc.Services[:maxServices], n
	}
	room := cfg.maxBytes - encoded(doc) - 20 // the numbers may get longer
	seen, start := make(map[string]bool), c.Start()
	for i := range shown {
		a := shown[i].answer(start)
		if seen[a.ID] {
			a.ID = shown[i].id(true)
		}
		seen[a.ID] = true
		if room -= encoded(a) + 1; room < 0 {
			break
		}
		doc.Answers = append(doc.Answers, a)
	}
	doc.LeftOut = len(findings) - len(doc.Answers)
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("explain: write JSON: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("explain: write JSON: %w", err)
	}
	return nil
}

func encoded(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 1 << 30
	}
	return len(b)
}

func services(c *chain.Chain) []string {
	seen := make(map[string]bool)
	names := []string{}
	for _, s := range c.Spans {
		if !seen[s.Service] {
			seen[s.Service] = true
			names = append(names, plain(s.Service))
		}
	}
	slices.Sort(names)
	return names
}

func (f *Finding) answer(start time.Time) answer {
	a := answer{
		ID: f.ID(), Rule: f.Rule, Severity: f.Severity.String(), Headline: f.Headline, Text: f.Text, Advice: f.Advice,
		At: f.At.Seconds(), Count: f.Count, Total: f.Total.Seconds(), Spans: []spanOf{},
	}
	if !start.IsZero() {
		a.Time = stamp(start.Add(f.At))
	}
	for i, s := range f.Spans {
		if i == maxJSONSpans {
			a.SpansLeftOut = len(f.Spans) - i
			break
		}
		of := spanOf{TraceID: s.TraceID.String(), SpanID: s.SpanID.String(), Name: plain(s.Name), Service: plain(s.Service)}
		if !s.Start.IsZero() {
			of.Start = stamp(s.Start)
		}
		if !s.End.IsZero() {
			d := s.Duration().Seconds()
			of.Duration = &d
		}
		a.Spans = append(a.Spans, of)
	}
	return a
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// ID returns an identifier of the finding, which depends on its rule and on its first span:
// the trace, the operation, and the connection and the goroutine or, if the trace has
// neither, the span itself. It is 12 hexadecimal digits, and stays the same while spans are
// added to the trace, even if something longer of the kind happens. Findings of one rule,
// operation, goroutine and connection share it; [WriteJSON] distinguishes them by their
// spans.
func (f Finding) ID() string { return f.id(false) }

func (f *Finding) id(ofSpan bool) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n", f.Rule)
	if len(f.Spans) > 0 {
		s := f.Spans[0]
		op := s.Operation()
		if op == nil {
			op = s
		}
		run := s.Goroutine()
		conn := op.Str(semconv.WebSocketConnectionIDKey)
		fmt.Fprintf(h, "%s\n%q\n%q\n", s.TraceID, op.Name, conn)
		switch {
		case ofSpan, run == nil && conn == "":
			fmt.Fprintf(h, "%s\n", s.SpanID)
		case run != nil:
			fmt.Fprintf(h, "%s\n", run.SpanID)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
