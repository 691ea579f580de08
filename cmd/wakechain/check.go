package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

var checkVerb = &verb{
	name: "check", args: "[SOURCE…]", short: "say what a source is, how much is in it, and what is missing or cut off",
	long: "It counts spans, traces and services, says which time they cover, and what is missing: parents that spans name, spans that links point to, ends of spans, and what was cut off at the end of a file. It counts several sources together, since what one lacks may be in another.\n\n" + sourceHint,
	examples: []example{
		{"wakechain check spans.json", "is anything missing?"},
		{"wakechain check -strict server.json client.json.gz", "for a script: exit code 3 if something is missing or cut off"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		f.query.add(f.set)
		asJSON := f.set.Bool("json", false, "write one JSON object; times are RFC 3339, durations nanoseconds")
		strict := f.set.Bool("strict", false, "exit with 3 if something is missing or cut off")
		f.run = func(s *session, args []string) error {
			in, err := s.read(args)
			if err != nil {
				return err
			}
			st := newStock(in.spans.Chain(), in.reports)
			if *asJSON {
				enc := json.NewEncoder(s.out)
				enc.SetIndent("", "  ")
				err = enc.Encode(st)
			} else {
				err = st.write(s.out, s.columns())
			}
			if err != nil {
				return err
			}
			return s.end(*strict && !st.Whole)
		}
	},
}

// stock is the contents of all sources.
type stock struct {
	Sources  []stockSource  `json:"sources"`
	Spans    int            `json:"spans"`
	Traces   int            `json:"traces"`
	From     time.Time      `json:"from,omitzero"`
	To       time.Time      `json:"to,omitzero"`
	Length   time.Duration  `json:"length_ns"`
	Services []stockService `json:"services"` // the most spans first

	Failed     int `json:"failed"`      // spans with the status Error
	Blocks     int `json:"blocks"`      // spans that are blocks
	Wakes      int `json:"wakes"`       // spans that are wakes
	Links      int `json:"links"`       // of all spans
	Repeats    int `json:"repeats"`     // spans that were delivered again
	NoParent   int `json:"no_parent"`   // spans that name a parent that is not there
	NoLink     int `json:"no_link"`     // links to spans that are not there
	NoEnd      int `json:"no_end"`      // spans without an end
	Stalled    int `json:"stalled"`     // reports of blocks that were in progress
	Skewed     int `json:"skewed"`      // processes whose clocks disagree with others
	SourcesCut int `json:"sources_cut"` // sources that are cut off

	// Whole is true if nothing is missing or cut off.
	Whole bool `json:"whole"`

	skews []chain.Skew
	first *chain.Span // the first span whose parent is missing
}

type stockSource struct {
	Name        string   `json:"name"`
	Format      string   `json:"format"`
	Compression string   `json:"compression,omitempty"`
	Bytes       int64    `json:"bytes"`
	Objects     int      `json:"objects"`
	Spans       int      `json:"spans"`
	Warnings    []string `json:"warnings,omitempty"`
}

type stockService struct {
	Name  string `json:"name"`
	Spans int    `json:"spans"`
}

// maxServices is the maximum number of services that are listed.
const maxServices = 20

func newStock(c *chain.Chain, reports []sourceReport) *stock {
	st := &stock{
		Spans: c.Len(), From: c.Start(), To: c.End(), Repeats: c.Repeats, Skewed: len(c.Skews), skews: c.Skews,
		Sources: []stockSource{}, Services: []stockService{},
	}
	if !st.From.IsZero() {
		st.Length = st.To.Sub(st.From)
	}
	warned := false
	for _, r := range reports {
		in := stockSource{Name: r.name, Format: string(r.Format), Compression: r.Compression, Bytes: r.Bytes, Objects: r.Objects, Spans: r.Spans}
		cut := false
		for _, w := range r.Warnings {
			in.Warnings = append(in.Warnings, w.Text)
			cut, warned = cut || w.CutOff, true
		}
		if cut {
			st.SourcesCut++
		}
		st.Sources = append(st.Sources, in)
	}
	traces, services := map[[16]byte]bool{}, map[string]int{}
	for _, sp := range c.Spans {
		traces[sp.TraceID] = true
		services[sp.Service]++
		st.count(sp)
	}
	st.Traces = len(traces)
	for name, n := range services {
		st.Services = append(st.Services, stockService{name, n})
	}
	slices.SortFunc(st.Services, func(a, b stockService) int { return cmp.Or(b.Spans-a.Spans, cmp.Compare(a.Name, b.Name)) })
	st.Whole = !warned && st.NoParent+st.NoLink+st.NoEnd == 0
	return st
}

func (st *stock) count(sp *chain.Span) {
	if sp.Failed() {
		st.Failed++
	}
	if sp.Orphan() {
		st.NoParent++
		if st.first == nil {
			st.first = sp
		}
	}
	if sp.End.IsZero() {
		st.NoEnd++
	}
	for i := range sp.Links {
		st.Links++
		if sp.Links[i].Span == nil {
			st.NoLink++
		}
	}
	switch sp.Word() {
	case semconv.SpanBlock:
		st.Blocks++
	case semconv.SpanWake:
		st.Wakes++
	case semconv.SpanStalled:
		st.Stalled++
	}
}

func (st *stock) write(w io.Writer, width int) error {
	var out []string
	add := func(format string, args ...any) {
		out = append(out, text.Wrap(fmt.Sprintf(format, args...), "", "  ", width)...)
	}
	for i := range st.Sources {
		in := &st.Sources[i]
		what := in.Format
		if in.Compression != "" {
			what += ", " + in.Compression
		}
		add("%s: %s, %s, %s, %s", printable(in.Name), what, text.Bytes(float64(in.Bytes)), text.Counted(in.Objects, "object"), text.Counted(in.Spans, "span"))
	}
	add("%s of %s", text.Counted(st.Spans, "span"), text.Counted(st.Traces, "trace"))
	if !st.From.IsZero() {
		add("from %s to %s, %s", st.From.UTC().Format(timeFormat), st.To.UTC().Format(timeFormat), text.Duration(st.Length, " "))
	}
	for i, s := range st.Services {
		if i == maxServices {
			add("  %s left out", text.Counted(len(st.Services)-i, "more service"))
			break
		}
		name := printable(s.Name)
		if name == "" {
			name = "(no service.name)"
		}
		add("  %s: %s", name, text.Counted(s.Spans, "span"))
	}
	add("%s, %s, %s, %s failed", text.Counted(st.Blocks, "block"), text.Counted(st.Wakes, "wake"), text.Counted(st.Links, "link"), text.Counted(st.Failed, "span"))
	if st.Stalled > 0 {
		add("%s of a block that was in progress", text.Counted(st.Stalled, "report"))
	}
	if st.Repeats > 0 {
		add("%s delivered more than once, and counted once", text.Counted(st.Repeats, "span"))
	}
	for _, sk := range st.skews {
		add("clock: %s", sk)
	}
	missing := len(out)
	if st.NoParent > 0 {
		add("missing: %s a parent that is not there, the first of them %s in %s", text.Counted(st.NoParent, "span")+names1(st.NoParent), printable(st.first.Name), printable(st.first.Service))
	}
	if st.NoLink > 0 {
		add("missing: %s not there", text.Counted(st.NoLink, "link")+leads(st.NoLink))
	}
	if st.NoEnd > 0 {
		add("missing: %s no end", text.Counted(st.NoEnd, "span")+has(st.NoEnd))
	}
	if st.SourcesCut > 0 {
		add("cut off: %s", text.Counted(st.SourcesCut, "source"))
	}
	if st.Whole && len(out) == missing {
		add("nothing is missing")
	}
	for _, line := range out {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

const timeFormat = "2006-01-02 15:04:05.000 UTC"

func names1(n int) string { return verbOf(n, " names", " name") }
func leads(n int) string  { return verbOf(n, " leads to a span that is", " lead to spans that are") }
func has(n int) string    { return verbOf(n, " has", " have") }

func verbOf(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
