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

// variable returns the value and the name of a variable for traces or, if that is
// empty, of the one for all signals; empty strings if neither is set.
func variable(name string) (value, from string) {
	for _, from := range []string{prefix + "TRACES_" + name, prefix + name} {
		if v := strings.TrimSpace(os.Getenv(from)); v != "" {
			return v, from
		}
	}
	return "", ""
}

// newConfig returns the settings of the environment. A wrong setting is an error if
// spans would be sent elsewhere or otherwise than intended; other wrong settings go to
// otel.Handle.
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
		c.fail("%s is %q, but this exporter supports only http/protobuf: use OpenTelemetry's exporter for that protocol, or set %sTRACES_PROTOCOL=http/protobuf",
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
			ignored(from, "is %q, which is not a number of milliseconds", v)
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

// ignored reports that a variable is ignored.
func ignored(from, format string, args ...any) {
	otel.Handle(fmt.Errorf("otlp: ignored: %s "+format, append([]any{from}, args...)...))
}

func (c *config) fail(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("otlp: "+format, args...))
}

// endpoint sets the URL. If it is the base of all signals, it appends the path of
// traces.
func (c *config) endpoint(from, v string, base bool) {
	u, err := url.Parse(v)
	switch {
	case err != nil:
		var parse *url.Error
		if errors.As(err, &parse) {
			err = parse.Err // without the URL, which may contain a secret
		}
		c.fail("%s is not a URL: %w", from, err)
		return
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		c.fail("%s is %q: it must begin with http:// or https:// and a host", from, u.Redacted())
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

// parseHeaders parses a list as in W3C Baggage, without properties. It ignores invalid
// headers. Errors do not contain values, which may be secret.
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
			ignored(from, "has a value of %s that is not percent-encoded correctly", key)
			continue
		}
		headers[key] = value
	}
	return headers
}

// certificates reads the files named by the environment.
func (c *config) certificates() {
	var t tls.Config
	if file, from := variable("CERTIFICATE"); file != "" {
		pem, err := os.ReadFile(file)
		t.RootCAs = x509.NewCertPool()
		switch {
		case err != nil:
			c.fail("%s: %w", from, err)
		case !t.RootCAs.AppendCertsFromPEM(pem):
			c.fail("%s: %s contains no PEM certificate", from, file)
		}
		c.tls = &t
	}
	cert, from := variable("CLIENT_CERTIFICATE")
	key, of := variable("CLIENT_KEY")
	switch {
	case cert == "" && key == "":
		return
	case cert == "" || key == "":
		c.fail("%s%s is set alone: set both %sCLIENT_CERTIFICATE and %sCLIENT_KEY", from, of, prefix, prefix)
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

// validKey reports whether s is a valid header name, a token of RFC 9110 §5.1.
func validKey(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// validValue reports whether s is a valid header value: without control characters
// except tabs.
func validValue(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}
