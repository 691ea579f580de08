package live

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// format is the format of a response.
type format string

const (
	formatHTML format = "html"
	formatText format = "text"
	formatJSON format = "json"
)

// query is the parameters of a request.
type query struct {
	format     format
	min        time.Duration // shorter waits are left out
	connection string        // "": all
	stacks     bool
}

// parameters are the names of the parameters.
var parameters = []string{"connection", "format", "min", "stacks"}

// maxParameter is the maximum size of a value in bytes.
const maxParameter = 200

// parseQuery returns the parameters of r. Its errors are for the client.
func parseQuery(r *http.Request) (q query, err error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, fmt.Errorf("the query cannot be read: %w", err)
	}
	for name, all := range values {
		switch {
		case !slices.Contains(parameters, name):
			return q, fmt.Errorf("no parameter is called %q: there are %s", name, strings.Join(parameters, ", "))
		case len(all) > 1:
			return q, fmt.Errorf("%s is given %d times: once, please", name, len(all))
		case len(all[0]) > maxParameter || !utf8.ValidString(all[0]):
			return q, fmt.Errorf("%s is not text of at most %d bytes", name, maxParameter)
		}
	}
	q.connection = values.Get("connection")
	switch f := format(values.Get("format")); f {
	case formatHTML, formatText, formatJSON:
		q.format = f
	case "":
		q.format = accepted(r.Header.Values("Accept"))
	default:
		return q, fmt.Errorf("format is html, text or json, not %q", string(f))
	}
	if s := values.Get("min"); s != "" {
		if q.min, err = time.ParseDuration(s); err != nil || q.min < 0 {
			return q, fmt.Errorf("min is a duration such as 1s or 250ms, not %q", s)
		}
	}
	if s := values.Get("stacks"); s != "" {
		if q.stacks, err = strconv.ParseBool(s); err != nil {
			return q, fmt.Errorf("stacks is 1 or 0, not %q", s)
		}
	}
	return q, nil
}

// accepted returns the format for a request without one, which is the first known type in
// its Accept header: HTML for browsers, which list text/html. It is text if there is none,
// such as for curl.
func accepted(headers []string) format {
	for _, h := range headers {
		for part := range strings.SplitSeq(h, ",") {
			switch t, params, _ := mime.ParseMediaType(part); {
			case params["q"] == "0":
			case t == "text/html":
				return formatHTML
			case t == "application/json":
				return formatJSON
			case t == "text/plain":
				return formatText
			}
		}
	}
	return formatText
}

// link returns the query of the same page with one parameter changed. The value "" removes
// it.
func (q query) link(name, value string) string {
	v := url.Values{}
	if q.min > 0 {
		v.Set("min", q.min.String())
	}
	if q.connection != "" {
		v.Set("connection", q.connection)
	}
	if q.stacks {
		v.Set("stacks", "1")
	}
	v.Set(name, value)
	if value == "" {
		v.Del(name)
	}
	return "?" + v.Encode()
}
