package sequence

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

var (
	//go:embed html/page.html
	pageHTML string
	//go:embed html/page.css
	pageCSS string
	//go:embed html/page.js
	pageJS string

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))
)

// Limits for the spans in a page. The rows stand for all spans.
const (
	maxPageSpans = 8_000 // in all
	maxRowSpans  = 40    // of one row
	maxAttrs     = 64    // of one span
	maxValue     = 400   // characters of one attribute
	maxFindings  = 40
)

// htmlPage is the template's data.
type htmlPage struct {
	Title, Facts, Searched               string
	Style                                template.CSS
	Script                               template.JS
	StyleHash, ScriptHash                template.HTMLAttr
	Linear                               bool
	Findings                             []htmlFinding
	Notes                                []string
	Colors                               []key
	Width, Height, HeadHeight, TimeWidth string
	Head, Body, Times                    template.HTML
	Data                                 htmlData
}

type htmlFinding struct {
	Severity, Rule, At, Text, Advice string
	Row                              int // index of the row, -1: not in the drawing
}

// htmlData is the script's data.
type htmlData struct {
	Head   float64   `json:"head"`   // height
	Left   float64   `json:"left"`   // width of the times
	Linear float64   `json:"linear"` // height of the whole time
	Top    float64   `json:"top"`    // where linear time begins
	Length int64     `json:"length"` // of the whole time, in ns
	Rows   []htmlRow `json:"rows"`
}

type htmlRow struct {
	Height  float64    `json:"h"`
	Anchor  float64    `json:"a"`
	Pause   float64    `json:"c"`
	Time    float64    `json:"t"`
	Left    float64    `json:"l"`
	Right   float64    `json:"r"`
	Rank    int        `json:"p"` // rank by importance, from 0; -1: not shown if time is linear
	Name    string     `json:"n"`
	Where   string     `json:"w"`
	Spans   []htmlSpan `json:"s"`
	More    int        `json:"more,omitempty"` // spans that are left out
	Folded  int        `json:"f,omitempty"`    // how many spans the row unfolds into
	Members []htmlSpan `json:"m,omitempty"`
}

type htmlSpan struct {
	Name     string      `json:"n"`
	Label    string      `json:"l,omitempty"`
	Service  string      `json:"v"`
	At       string      `json:"t"`
	Time     float64     `json:"at"`
	Duration string      `json:"d"`
	Attrs    [][2]string `json:"a"`
}

// writeHTML writes one self-contained file: it fetches nothing, and its policy forbids it.
// The drawing is complete without the script, which moves and unfolds its rows.
func writeHTML(p *page) error {
	p.scrolls = true
	l := p.fit(0)
	style, script := drawingCSS+pageCSS, pageJS
	h := htmlPage{
		Title: p.about(), Facts: p.facts(),
		Style: template.CSS(style), Script: template.JS(script),
		StyleHash: sourceHash(style), ScriptHash: sourceHash(script),
		Linear: p.cfg.scale == Linear, Findings: p.findings(), Notes: p.Notes, Colors: p.colors(),
		Width: px(l.width), Height: px(l.height), HeadHeight: px(headHeight), TimeWidth: px(timeWidth),
		Data: htmlData{Head: headHeight, Left: timeWidth, Linear: l.linear, Top: linearTop, Length: int64(p.Length), Rows: []htmlRow{}},
	}
	if legend := p.legend(); legend != "" {
		h.Notes = append(h.Notes[:len(h.Notes):len(h.Notes)], legend)
	}
	d := &drawing{page: p, layout: l, live: true}
	h.Head = p.drawn(d.head)
	h.Body = p.drawn(d.body)
	h.Times = p.drawn(d.times)
	rank := make([]int, len(p.rows))
	for n, i := range byWorth(p.rows) {
		rank[i] = n
		if p.rows[i].Kind == Omitted {
			rank[i] = -1
		}
	}
	left := maxPageSpans
	held := make(map[*chain.Span]bool)
	for i, r := range p.rows {
		row := p.htmlRow(r, l.rows[i], &left)
		row.Rank = rank[i]
		for _, s := range r.Spans[:len(row.Spans)] {
			held[s] = true
		}
		h.Data.Rows = append(h.Data.Rows, row)
	}
	if all := p.chain.Len(); len(held) < all {
		h.Searched = "searches " + text.Number(len(held)) + " of " + text.Counted(all, "span")
	}
	return pageTemplate.Execute(&p.out, h)
}

// drawn returns what draw writes. It is markup by this package, in which xmlText has
// escaped all text from the trace.
func (p *page) drawn(draw func()) template.HTML {
	p.out.Reset()
	draw()
	s := p.out.String()
	p.out.Reset()
	return template.HTML(s)
}

// sourceHash returns the name of a style or script in the page's policy.
func sourceHash(s string) template.HTMLAttr {
	sum := sha256.Sum256([]byte(s))
	return template.HTMLAttr("sha256-" + base64.StdEncoding.EncodeToString(sum[:]))
}

func (p *page) facts() string {
	parts := []string{text.Counted(p.chain.Len(), "span"), text.Counted(len(p.Lifelines), "lifeline"), human(p.Length)}
	return strings.Join(parts, " · ")
}

// findings returns what explain finds, up to maxFindings, each with the row that shows it.
func (p *page) findings() []htmlFinding {
	rowOf := make(map[*chain.Span]int)
	for i, r := range p.rows {
		for _, s := range r.Spans {
			if at, ok := rowOf[s]; !ok || p.rows[at].Kind != Block && r.Kind == Block {
				rowOf[s] = i
			}
		}
	}
	var all []htmlFinding
	for i, f := range explain.Explain(p.chain) {
		if i == maxFindings {
			break
		}
		h := htmlFinding{
			Severity: f.Severity.String(), Rule: string(f.Rule), At: moment(max(f.At, 0)),
			Text: strings.TrimSpace(f.Headline + ". " + f.Text), Advice: f.Advice, Row: -1,
		}
		for _, s := range f.Spans {
			at, ok := rowOf[s]
			if ok && (h.Row < 0 || p.rows[at].Kind == Block && p.rows[h.Row].Kind != Block) {
				h.Row = at
			}
		}
		all = append(all, h)
	}
	return all
}

func (p *page) htmlRow(r *Row, at place, left *int) htmlRow {
	h := htmlRow{
		Height: at.height, Anchor: at.anchor, Pause: at.pause, Time: round(at.time, 1e6),
		Left: math.Floor(at.left), Right: math.Ceil(at.right),
		Name: r.Title(), Where: p.where(r), Spans: []htmlSpan{},
	}
	for _, s := range r.Spans {
		if *left == 0 || len(h.Spans) == maxRowSpans {
			break
		}
		h.Spans = append(h.Spans, p.htmlSpan(s, true))
		*left--
	}
	h.More = len(r.Spans) - len(h.Spans)
	if members := r.unfolds(); len(members) > 1 {
		h.Folded = len(members)
		for _, s := range members[:min(len(members), maxRowSpans)] {
			h.Members = append(h.Members, p.htmlSpan(s, false))
		}
	}
	return h
}

// unfolds returns the spans that a row shows one by one when it is unfolded.
func (r *Row) unfolds() []*chain.Span {
	switch {
	case r.Count < 2:
		return nil
	case r.counted != nil:
		return r.counted
	default:
		return r.Spans
	}
}

// where describes when and on which lifelines a row is.
func (p *page) where(r *Row) string {
	parts := []string{moment(r.At)}
	if r.End > r.At {
		parts = append(parts, "for "+human(r.End-r.At))
	}
	var lines []string
	for _, lane := range []int{r.From, r.To} {
		if lane != None {
			l := p.Lifelines[lane]
			lines = append(lines, strings.TrimSpace(l.Service+" "+l.Name))
		}
	}
	if len(lines) > 0 {
		parts = append(parts, strings.Join(lines, " → "))
	}
	if tail, head := r.open(); (tail || head) && !r.Proven && len(lines) == 2 {
		parts = append(parts, "the other end is not known")
	}
	return strings.Join(parts, " · ")
}

func (p *page) htmlSpan(s *chain.Span, full bool) htmlSpan {
	since := max(s.Start.Sub(p.Start), 0)
	if s.Start.IsZero() {
		since = 0
	}
	h := htmlSpan{
		Name: value(s.Name), Service: value(s.Service), At: moment(since),
		Duration: took([]*chain.Span{s}), Attrs: [][2]string{},
	}
	if p.Length > 0 {
		h.Time = round(min(float64(since)/float64(p.Length), 1), 1e6)
	}
	h.Label = short(s.Name)
	if n := s.Int(semconv.WebSocketMessageIndexKey); n > 0 {
		h.Label += " " + strconv.FormatInt(n, 10)
	}
	h.Label += " · " + h.Duration
	if f := failure(s); f != "" {
		h.Label += " · " + f
	}
	if !full {
		return h
	}
	add := func(key, text string) {
		if text != "" && len(h.Attrs) < maxAttrs {
			h.Attrs = append(h.Attrs, [2]string{value(key), value(text)})
		}
	}
	if f := failure(s); f != "" {
		add("status", cmp.Or(s.Status.Description, f))
	}
	for _, a := range s.Attributes {
		add(string(a.Key), attributeText(a))
	}
	for _, l := range s.Links {
		if l.Span != nil {
			add("link", l.Span.String())
		} else {
			add("link", l.SpanContext.SpanID().String()+", not in this trace")
		}
	}
	add("trace", s.TraceID.String())
	add("span", s.SpanID.String())
	add("scope", s.Scope)
	return h
}

// value returns a text from the trace, made printable and shortened for the page.
func value(s string) string { return text.Label(s, maxValue) }

// attributeText returns the value of an attribute. Durations are made readable.
func attributeText(a attribute.KeyValue) string {
	switch a.Key {
	case semconv.BlockDurationKey, semconv.TCPRwndLimitedKey, semconv.TCPSndbufLimitedKey, semconv.TCPRTTKey, semconv.WebSocketCloseWaitKey:
		if f := a.Value.AsFloat64(); a.Value.Type() == attribute.FLOAT64 && f >= 0 && f < 1e9 {
			return human(time.Duration(f * float64(time.Second)))
		}
	}
	if a.Value.Type() == attribute.STRING {
		return a.Value.AsString()
	}
	return a.Value.String()
}

func round(f, unit float64) float64 { return float64(int64(f*unit+0.5)) / unit }
