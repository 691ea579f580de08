package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
)

const prefix = "OTEL_EXPORTER_OTLP_"

// variable returns the value of a variable for traces or, if that is empty, of the one
// for all signals, and its name. Neither is set: two empty strings.
func variable(name string) (value, from string) {
	for _, from := range []string{prefix + "TRACES_" + name, prefix + name} {
		if v := strings.TrimSpace(os.Getenv(from)); v != "" {
			return v, from
		}
	}
	return "", ""
}

// newConfig returns the settings of the environment. A setting is an error where spans
// would be sent elsewhere, or otherwise, than whoever made it wants; the rest that is wrong
// goes to otel.Handle.
func newConfig() *config {
	c := &config{
		timeout:    defaultTimeout,
		maxRequest: defaultMaxRequest,
		retry:      RetryConfig{Enabled: true, InitialInterval: firstInterval, MaxInterval: maxInterval, MaxElapsedTime: time.Minute},
	}
	c.endpoint("", defaultURL, false)
	if v, from := variable("ENDPOINT"); v != "" {
		c.endpoint(from, v, from == prefix+"ENDPOINT")
	}
	if v, from := variable("PROTOCOL"); v != "" && v != "http/protobuf" {
		c.fail("%s is %q, and this exporter speaks http/protobuf alone: use OpenTelemetry's exporter for that protocol, or set %sTRACES_PROTOCOL=http/protobuf",
			from, v, prefix)
	}
	switch v, from := variable("COMPRESSION"); v {
	case "", "none":
	case "gzip":
		c.compression = GzipCompression
	default:
		ignored(from, "is %q, which is neither gzip nor none", v)
	}
	if v, from := variable("TIMEOUT"); v != "" {
		if ms, err := strconv.ParseInt(v, 10, 32); err != nil || ms < 0 {
			ignored(from, "is %q, which is no number of milliseconds", v)
		} else {
			c.timeout = time.Duration(ms) * time.Millisecond
		}
	}
	if v, from := variable("HEADERS"); v != "" {
		c.headers = parseHeaders(from, v)
	}
	c.certificates()
	return c
}

// ignored tells that a variable is not taken.
func ignored(from, format string, args ...any) {
	otel.Handle(fmt.Errorf("otlp: ignored: %s "+format, append([]any{from}, args...)...))
}

func (c *config) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("otlp: "+format, args...))
}

// endpoint sets the URL. Where it is the base of all signals, the path of traces is
// appended.
func (c *config) endpoint(from, v string, base bool) {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the text, which may have a secret
		}
		c.fail("%s is no URL: %w", from, err)
		return
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		c.fail("%s is %q: it needs to begin with http:// or https:// and a host", from, u.Redacted())
		return
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if base {
		u = u.JoinPath("v1/traces")
	}
	u.Fragment, u.RawFragment = "", ""
	c.url = u
}

// parseHeaders reads a list as of W3C Baggage, without properties. What is no
// header is left out. Values are not repeated in errors: they may be secret.
func parseHeaders(from, list string) map[string]string {
	headers := map[string]string{}
	for pair := range strings.SplitSeq(list, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, v, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		if !ok || !validKey(key) {
			ignored(from, "has a part that is not of the form key=value")
			continue
		}
		value, err := url.PathUnescape(strings.TrimSpace(v))
		if err != nil || !validValue(value) {
			ignored(from, "has a value of %s that is not percent-encoded as it needs to be", key)
			continue
		}
		headers[key] = value
	}
	return headers
}

// certificates reads the files that the environment names.
func (c *config) certificates() {
	var t tls.Config
	if file, from := variable("CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		t.RootCAs = x509.NewCertPool()
		switch {
		case err != nil:
			c.fail("%s: %w", from, err)
		case !t.RootCAs.AppendCertsFromPEM(pem):
			c.fail("%s: %s has no certificate in PEM", from, file)
		}
		c.tls = &t
	}
	cert, from := variable("CLIENT_CERTIFICATE")
	key, of := variable("CLIENT_KEY")
	switch {
	case cert == "" && key == "":
		return
	case cert == "" || key == "":
		c.fail("%s%s is set, and it takes %sCLIENT_CERTIFICATE and %sCLIENT_KEY together", from, of, prefix, prefix)
		return
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		c.fail("%s and %s: %w", from, of, err)
		return
	}
	t.Certificates = []tls.Certificate{pair}
	c.tls = &t
}

// validKey reports whether s is a token, as RFC 9110 §5.1 has it of a header's name.
func validKey(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// validValue reports whether s may be a header's value: it has no control character but
// tabs.
func validValue(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}
