package otlp

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Option configures an [Exporter]. The last one of a kind wins, and any wins over the
// environment.
type Option interface{ apply(*config) }

type config struct {
	url         *url.URL
	headers     map[string]string
	compression Compression
	timeout     time.Duration
	retry       RetryConfig
	tls         *tls.Config // nil: Go's defaults
	proxy       func(*http.Request) (*url.URL, error)
	client      *http.Client // nil: one of our own
	maxRequest  int
	errs        []error
}

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

// The defaults.
const (
	defaultURL        = "http://localhost:4318/v1/traces"
	defaultTimeout    = 10 * time.Second
	defaultMaxRequest = 20 << 20
)

// WithEndpointURL sets the URL that spans are sent to, such as
// https://collector.example.com:4318/v1/traces. Nothing is appended to it. The default is
// http://localhost:4318/v1/traces.
func WithEndpointURL(u string) Option {
	return optionFunc(func(c *config) { c.endpoint("WithEndpointURL", u, false) })
}

// WithHeaders sets the headers of each request, in the place of those of the
// environment: User-Agent, too, if it is among them. The map is copied.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return optionFunc(func(c *config) { c.headers = headers })
}

// Compression is how the body of a request is compressed.
type Compression int

// The kinds of compression. None is the default: gzip takes more time than all
// the rest that is done with a span.
const (
	NoCompression Compression = iota
	GzipCompression
)

// WithCompression sets the compression.
func WithCompression(k Compression) Option {
	return optionFunc(func(c *config) { c.compression = k })
}

// WithTimeout sets how long one try to send may take; 0 or less: no limit. The default is
// 10 seconds. How long an export may take with all its tries is up to [WithRetry] and to
// its context: that of the SDK's batch processor ends after 30 seconds.
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.timeout = d })
}

// RetryConfig is how often what failed is sent again.
type RetryConfig struct {
	// Enabled says whether anything is sent again.
	Enabled bool
	// InitialInterval is the first time to wait, of which up to a half is added or taken
	// by chance; it grows by half each time. 0 or less: 5 seconds.
	InitialInterval time.Duration
	// MaxInterval is what it grows to. 0 or less: 30 seconds.
	MaxInterval time.Duration
	// MaxElapsedTime is the time since the first try after which there is no other.
	// 0 or less: no limit but the context's.
	MaxElapsedTime time.Duration
}

// WithRetry sets how often what failed is sent again. The default is enabled, with 5 and
// 30 seconds, for a minute.
func WithRetry(r RetryConfig) Option {
	return optionFunc(func(c *config) { c.retry = r })
}

// WithTLSClientConfig sets how TLS is spoken, in the place of the environment's
// certificates, unless t is nil. t is copied. It needs an endpoint with https.
func WithTLSClientConfig(t *tls.Config) Option {
	t = t.Clone()
	return optionFunc(func(c *config) {
		if t != nil {
			c.tls = t
		}
	})
}

// WithProxy sets which proxy a request goes through, unless f is nil. The default is
// [http.ProxyFromEnvironment].
func WithProxy(f func(*http.Request) (*url.URL, error)) Option {
	return optionFunc(func(c *config) {
		if f != nil {
			c.proxy = f
		}
	})
}

// WithHTTPClient sets the client that sends requests, unless h is nil: its transport
// takes the place of [WithTLSClientConfig], [WithProxy] and the environment's
// certificates. h is copied; where it has no CheckRedirect of its own, redirects are not
// followed.
func WithHTTPClient(h *http.Client) Option {
	return optionFunc(func(c *config) {
		if h != nil {
			own := *h
			c.client = &own
		}
	})
}

// WithMaxRequestSize sets the most bytes of a request before it is compressed, 20 MiB by
// default, as the specification of OTLP recommends. A batch that is larger is sent in
// parts, and a span that is larger is an error. 0 or less: the default.
func WithMaxRequestSize(size int) Option {
	return optionFunc(func(c *config) {
		if size <= 0 {
			size = defaultMaxRequest
		}
		c.maxRequest = size
	})
}
