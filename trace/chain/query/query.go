package query

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// Query selects traces.
type Query struct {
	// Trace is the id of a single trace, in hexadecimal. If it is set, the other fields are
	// ignored.
	Trace string

	Service     string            // "": all services
	Operation   string            // the name of a span; "": any
	Tags        map[string]string // attributes of a span, all of them
	MinDuration time.Duration     // of a span or a trace, depending on the server; 0: any

	// Since is how far back from Until to search. The default is one hour. Until is the
	// current time by default.
	Since time.Duration
	Until time.Time

	// Limit is how many traces to read at most, the latest ones. The default is 100.
	Limit int
}

// Kind is the kind of a server.
type Kind string

// The supported servers.
const (
	Jaeger Kind = "Jaeger"
	Tempo  Kind = "Tempo"
)

// Report describes what [Read] found.
type Report struct {
	Kind     Kind
	Traces   int
	Spans    int
	More     bool            // there are, or may be, more traces than were read
	Warnings []chain.Warning // at most 10
}

// Option configures [Read].
type Option interface{ apply(*client) }

type optionFunc func(*client)

func (f optionFunc) apply(c *client) { f(c) }

// WithClient sends the requests through h. The default is a client of Read's own. Nil is
// ignored.
func WithClient(h *http.Client) Option {
	return optionFunc(func(c *client) {
		if h != nil {
			c.http = h
		}
	})
}

// WithHeader adds a header to each request, such as X-Scope-OrgID for a Tempo with many
// tenants. A user and password in the URL need none.
func WithHeader(key, value string) Option {
	return optionFunc(func(c *client) { c.header.Add(key, value) })
}

// WithSilence sets for how long a server may send nothing. The default is 10 s. d <= 0 is
// ignored.
func WithSilence(d time.Duration) Option {
	return optionFunc(func(c *client) {
		if d > 0 {
			c.silence = d
		}
	})
}

// WithKind sets the kind of the server. By default Read detects it.
func WithKind(k Kind) Option {
	return optionFunc(func(c *client) { c.kind = k })
}

// WithProgress makes Read call f after each trace.
func WithProgress(f func(Report)) Option {
	return optionFunc(func(c *client) { c.progress = f })
}

const (
	defaultSilence = 10 * time.Second
	defaultSince   = time.Hour
	defaultLimit   = 100
	maxWarnings    = 10
)

// backend is the query API of a kind of server.
type backend interface {
	// search returns the traces of q between from and until, at most limit.
	search(ctx context.Context, q *Query, from, until time.Time, limit int) ([]found, error)
	// trace reads a trace into spans.
	trace(ctx context.Context, f found, into *chain.Collection) (chain.Report, error)
	// step returns the resolution of the server's times.
	step() time.Duration
}

// found is a trace in the result of a search.
type found struct {
	id    string
	start time.Time
	spans []chain.Span // if the search returns them
}

// Read requests traces from the server at base and adds their spans to into, the latest
// trace first. base is a URL such as http://localhost:16686 for Jaeger or
// http://localhost:3200 for Tempo, or that of a trace in Jaeger's UI
// (http://localhost:16686/trace/ID). If there is an error, into has the traces before it.
// It is an error if a trace or service does not exist, but not if a search finds nothing.
func Read(ctx context.Context, into *chain.Collection, base string, q Query, opts ...Option) (Report, error) {
	own := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1}}
	defer own.CloseIdleConnections()
	c := &client{silence: defaultSilence, header: make(http.Header), http: own}
	for _, o := range opts {
		if o != nil {
			o.apply(c)
		}
	}
	r := reading{client: c, into: into, before: into.Len(), seen: make(map[string]bool)}
	err := c.parse(base, &q)
	if err == nil {
		err = r.run(ctx, q)
	}
	r.report.Spans = into.Len() - r.before
	return r.report, err
}

// parse sets the server's URL. If base is the page of a trace, it also sets the trace.
func (c *client) parse(base string, q *Query) error {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("query: a URL such as http://localhost:16686 expected, not %q", text.Shorten(base, 100))
	}
	u.RawQuery, u.Fragment = "", ""
	path := strings.TrimRight(u.Path, "/")
	if before, id, ok := strings.Cut(path, "/trace/"); ok && isID(id) {
		path = before
		if q.Trace == "" {
			q.Trace = id
		}
	}
	u.Path = strings.TrimSuffix(path, "/search")
	c.base = u
	return nil
}

func isID(s string) bool {
	return s != "" && len(s) <= 32 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}

// reading is one call of Read.
type reading struct {
	client *client
	into   *chain.Collection
	before int
	seen   map[string]bool // the ids of the traces that were read
	stale  int             // how many full pages in a row had no new trace
	report Report
}

func (r *reading) run(ctx context.Context, q Query) error {
	if q.Trace != "" && !isID(q.Trace) {
		return fmt.Errorf("query: %q is no id of a trace: up to 32 hexadecimal digits", text.Shorten(q.Trace, 60))
	}
	if err := r.client.detect(ctx); err != nil {
		return err
	}
	r.report.Kind = r.client.kind
	var b backend = (*jaeger)(r.client)
	if r.client.kind == Tempo {
		b = (*tempo)(r.client)
	}
	if q.Trace != "" {
		return r.take(ctx, b, found{id: q.Trace})
	}
	if q.Until.IsZero() {
		q.Until = time.Now()
	}
	if q.Since <= 0 {
		q.Since = defaultSince
	}
	q.Limit = cmp.Or(max(q.Limit, 0), defaultLimit)
	_, err := r.window(ctx, b, &q, q.Until.Add(-q.Since), q.Until)
	return err
}

const (
	maxPage  = 50 // traces per request
	maxStale = 3  // full pages in a row without a new trace
)

// window reads the traces between from and until, the latest first, and reports whether to
// stop. A server may leave any traces out of a full page (Jaeger's memory storage does), so
// window halves the time if a page is full.
func (r *reading) window(ctx context.Context, b backend, q *Query, from, until time.Time) (enough bool, err error) {
	page, err := b.search(ctx, q, from, until, maxPage)
	if err != nil {
		return true, err
	}
	full := len(page) == maxPage
	if middle := from.Add(until.Sub(from) / 2).Truncate(b.step()); full && middle.After(from) && middle.Before(until) {
		if enough, err := r.window(ctx, b, q, middle, until); enough || err != nil {
			return true, err
		}
		return r.window(ctx, b, q, from, middle)
	}
	fresh := false
	for _, f := range page {
		if r.seen[f.id] {
			continue
		}
		fresh = true
		if r.report.Traces == q.Limit {
			r.report.More = true
			return true, nil
		}
		if err := r.take(ctx, b, f); err != nil {
			return true, err
		}
	}
	if r.stale++; fresh || !full {
		r.stale = 0
	}
	r.report.More = r.report.More || full
	return r.stale == maxStale, nil // the server seems to ignore the time
}

// take reads a trace.
func (r *reading) take(ctx context.Context, b backend, f found) error {
	r.seen[f.id] = true
	report, err := b.trace(ctx, f, r.into)
	for _, w := range report.Warnings {
		if len(r.report.Warnings) < maxWarnings {
			w.Text = fmt.Sprintf("trace %s: %s", text.Printable(f.id), w.Text)
			r.report.Warnings = append(r.report.Warnings, w)
		}
	}
	if err != nil {
		return err
	}
	r.report.Traces++
	if r.client.progress != nil {
		p := r.report
		p.Spans = r.into.Len() - r.before
		r.client.progress(p)
	}
	return nil
}

// latest returns the traces, the latest first, each once and at most limit.
func latest(page []found, limit int) []found {
	slices.SortStableFunc(page, func(a, b found) int { return b.start.Compare(a.start) })
	seen := make(map[string]bool, len(page))
	page = slices.DeleteFunc(page, func(f found) bool {
		again := seen[f.id]
		seen[f.id] = true
		return again
	})
	return page[:min(len(page), limit)]
}

// byTrace groups spans by trace.
func byTrace(spans []chain.Span) []found {
	var all []found
	place := make(map[oteltrace.TraceID]int)
	for _, s := range spans {
		i, ok := place[s.TraceID]
		if !ok {
			i = len(all)
			place[s.TraceID] = i
			all = append(all, found{id: s.TraceID.String(), start: s.Start})
		}
		f := &all[i]
		f.spans = append(f.spans, s)
		if s.Start.Before(f.start) {
			f.start = s.Start
		}
	}
	return all
}
