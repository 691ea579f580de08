package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
)

// maxAnswer is how much of Jaeger's answer is read, in bytes.
const maxAnswer = 1 << 30

// readJaeger returns the spans of the trace with the id or, if that is empty, of
// the service's latest.
func readJaeger(ctx context.Context, base, id, service string) ([]chain.Span, error) {
	j := jaeger{base: strings.TrimRight(base, "/"), client: &http.Client{Timeout: time.Minute}}
	if id == "" {
		var err error
		if id, err = j.latest(ctx, service); err != nil {
			return nil, err
		}
	}
	// The raw traces of the newer API have the links, which the other has not.
	spans, err := j.trace(ctx, "/api/v3/traces/"+url.PathEscape(id)+"?raw_traces=true")
	if err != nil || len(spans) == 0 {
		old, oldErr := j.trace(ctx, "/api/traces/"+url.PathEscape(id))
		if oldErr == nil {
			return old, nil
		}
		err = errors.Join(err, oldErr)
		return nil, oneLine(err)
	}
	return spans, nil
}

func oneLine(err error) error {
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

type jaeger struct {
	base   string
	client *http.Client
}

func (j jaeger) trace(ctx context.Context, path string) ([]chain.Span, error) {
	body, err := j.get(ctx, path)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	spans, _, err := chain.Read(io.LimitReader(body, maxAnswer))
	return spans, err
}

// latest returns the id of the latest trace of the service.
func (j jaeger) latest(ctx context.Context, service string) (string, error) {
	body, err := j.get(ctx, "/api/traces?limit=1&service="+url.QueryEscape(service))
	if err != nil {
		return "", err
	}
	defer body.Close()
	var answer struct {
		Data []struct {
			TraceID string `json:"traceID"`
		} `json:"data"`
	}
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(&answer); err != nil {
		return "", fmt.Errorf("%s: %w", j.base, err)
	}
	if len(answer.Data) == 0 {
		return "", fmt.Errorf("%s has no trace of the service %q", j.base, service)
	}
	return answer.Data[0].TraceID, nil
}

func (j jaeger) get(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, j.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := j.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%s%s: %s", j.base, path, resp.Status)
	}
	return resp.Body, nil
}
