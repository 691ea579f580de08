package query

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
)

// tempo is the backend of a Tempo.
type tempo client

func (t *tempo) search(ctx context.Context, q *Query, from, until time.Time, limit int) ([]found, error) {
	params := url.Values{
		"q":     {traceQL(q)},
		"start": {strconv.FormatInt(from.Unix(), 10)},
		"end":   {strconv.FormatInt(until.Add(time.Second-1).Unix(), 10)},
		"limit": {strconv.Itoa(limit)},
	}
	var answer struct {
		Traces []struct {
			TraceID string `json:"traceID"`
			Start   string `json:"startTimeUnixNano"`
		} `json:"traces"`
	}
	if err := (*client)(t).answer(ctx, "/api/search", params, &answer); err != nil {
		return nil, err
	}
	page := make([]found, 0, len(answer.Traces))
	for _, tr := range answer.Traces {
		if !isID(tr.TraceID) {
			return nil, fmt.Errorf("query: %s: %.40q is no id of a trace", t.base.Redacted(), tr.TraceID)
		}
		ns, err := strconv.ParseInt(tr.Start, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("query: %s: %.40q is no time", t.base.Redacted(), tr.Start)
		}
		page = append(page, found{id: tr.TraceID, start: time.Unix(0, ns)})
	}
	return latest(page, limit), nil
}

func (t *tempo) step() time.Duration { return time.Second }

// traceQL returns the query in TraceQL.
func traceQL(q *Query) string {
	var all []string
	if q.Service != "" {
		all = append(all, "resource.service.name = "+quote(q.Service))
	}
	if q.Operation != "" {
		all = append(all, "name = "+quote(q.Operation))
	}
	if q.MinDuration > 0 {
		all = append(all, "duration >= "+q.MinDuration.String())
	}
	for _, key := range slices.Sorted(maps.Keys(q.Tags)) {
		all = append(all, tag(key, q.Tags[key]))
	}
	return "{ " + strings.Join(all, " && ") + " }"
}

// tag returns the condition for an attribute of a span or a resource. A value that looks
// like a number or a boolean matches as such and as text.
func tag(key, value string) string {
	name := "." + quoteKey(key)
	is := name + " = " + quote(value)
	_, err := strconv.ParseFloat(value, 64)
	if value == "true" || value == "false" || err == nil && strings.Trim(value, "-.0123456789") == "" {
		is = "(" + is + " || " + name + " = " + value + ")"
	}
	return is
}

// quoteKey quotes a name that TraceQL would not accept unquoted.
func quoteKey(key string) string {
	for _, r := range key {
		if r != '.' && r != '_' && r != '-' && r != '/' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return quote(key)
		}
	}
	return key
}

// quote returns a string literal of TraceQL, in which a backslash escapes itself and
// quotes.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// trace requests a trace, if need be from the API of an older Tempo.
func (t *tempo) trace(ctx context.Context, f found, into *chain.Collection) (chain.Report, error) {
	c := (*client)(t)
	before := into.Len()
	report, err := c.spans(ctx, "/api/v2/traces/"+url.PathEscape(f.id), nil, into)
	if err == nil && into.Len() > before || err != nil && !isNotFound(err) {
		return report, err
	}
	return c.spans(ctx, "/api/traces/"+url.PathEscape(f.id), nil, into)
}
