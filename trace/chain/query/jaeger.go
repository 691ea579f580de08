package query

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
)

// jaeger is the backend of a Jaeger.
type jaeger client

func (j *jaeger) search(ctx context.Context, q *Query, from, until time.Time, limit int) ([]found, error) {
	services := []string{q.Service}
	if q.Service == "" {
		var all struct {
			Data []string `json:"data"`
		}
		if err := (*client)(j).answer(ctx, "/api/services", nil, &all); err != nil {
			return nil, err
		}
		services = all.Data // a search needs a service
	}
	var page []found
	for _, service := range services {
		part, err := j.searchService(ctx, service, q, from, until, limit)
		if err != nil {
			return nil, err
		}
		page = append(page, part...)
	}
	return latest(page, limit), nil
}

func (j *jaeger) searchService(ctx context.Context, service string, q *Query, from, until time.Time, limit int) ([]found, error) {
	params := url.Values{
		"service": {service},
		"start":   {strconv.FormatInt(from.UnixMicro(), 10)},
		"end":     {strconv.FormatInt(until.Add(time.Microsecond-1).UnixMicro(), 10)},
		"limit":   {strconv.Itoa(limit)},
	}
	if q.Operation != "" {
		params.Set("operation", q.Operation)
	}
	if q.MinDuration > 0 {
		params.Set("minDuration", q.MinDuration.String())
	}
	if len(q.Tags) > 0 {
		tags, err := json.Marshal(q.Tags)
		if err != nil {
			return nil, err
		}
		params.Set("tags", string(tags))
	}
	var spans chain.Collection
	if _, err := (*client)(j).spans(ctx, "/api/traces", params, &spans); err != nil {
		return nil, err
	}
	return byTrace(spans.Spans()), nil
}

func (j *jaeger) step() time.Duration { return time.Microsecond }

// trace requests the trace from the newer API, which has links that the older one lacks. If
// that fails, it uses the spans of the search, or the older API.
func (j *jaeger) trace(ctx context.Context, f found, into *chain.Collection) (chain.Report, error) {
	before := into.Len()
	c := (*client)(j)
	report, err := c.spans(ctx, "/api/v3/traces/"+url.PathEscape(f.id), url.Values{"raw_traces": {"true"}}, into)
	switch {
	case err == nil && into.Len() > before, isDown(err), ctx.Err() != nil:
		return report, err
	case len(f.spans) > 0:
		into.Add(f.spans...)
		return chain.Report{}, nil
	}
	old, oldErr := c.spans(ctx, "/api/traces/"+url.PathEscape(f.id), nil, into)
	if isNotFound(oldErr) && err != nil && !isNotFound(err) {
		oldErr = err
	}
	return old, oldErr
}
