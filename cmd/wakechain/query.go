package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/wakechain/wakechain/trace/chain"
)

// query is what a backend is asked for.
type query struct {
	service, trace string
}

func (q *query) add(fs *flag.FlagSet) {
	fs.StringVar(&q.service, "service", "", "of a Jaeger's URL: the latest trace of the service with this `name`")
	fs.StringVar(&q.trace, "trace", "", "of a Jaeger's URL: the trace with this `ID`, in hexadecimal digits")
}

func (q *query) given() bool { return q.service != "" || q.trace != "" }

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 1 << 30

// query asks the backends.
func (s *session) query(sources []string) (all []chain.Span, err error) {
	q := &s.flags.query
	for _, source := range sources {
		if !isURL(source) {
			return nil, usagef("-service and -trace are for the URL of a Jaeger, such as http://localhost:16686, not for %q", printable(source))
		}
		u, err := parseURL(source)
		if err != nil {
			return nil, err
		}
		base := strings.TrimRight(u.String(), "/")
		id := q.trace
		if id == "" {
			if id, err = s.latest(base, q.service); err != nil {
				return nil, err
			}
		}
		// The raw traces of the newer API have the links, which the other has not.
		spans, err := s.trace(base + "/api/v3/traces/" + url.PathEscape(id) + "?raw_traces=true")
		if err != nil || len(spans) == 0 {
			old, oldErr := s.trace(base + "/api/traces/" + url.PathEscape(id))
			if oldErr != nil {
				return nil, errors.Join(err, oldErr)
			}
			spans = old
		}
		all = append(all, spans...)
	}
	return all, nil
}

func (s *session) trace(from string) ([]chain.Span, error) {
	body, _, err := s.get(from, s.flags.wait)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	spans, _, err := chain.Read(io.LimitReader(body, maxAnswer), readOptions(s.ctx)...)
	return spans, err
}

// latest returns the id of the latest trace of the service.
func (s *session) latest(base, service string) (string, error) {
	body, _, err := s.get(base+"/api/traces?limit=1&service="+url.QueryEscape(service), s.flags.wait)
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
		return "", fmt.Errorf("%s: %w", base, err)
	}
	if len(answer.Data) == 0 {
		return "", fmt.Errorf("%s has no trace of the service %q", base, service)
	}
	return answer.Data[0].TraceID, nil
}
