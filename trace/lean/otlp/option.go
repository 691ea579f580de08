package otlp

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// Option configures an [Exporter]. The last option of a kind wins. Options override the
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
	client      *http.Client // nil: make one
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
// https://collector.example.com:4318/v1/traces. It is used as it is. The default is
// http://localhost:4318/v1/traces.
func WithEndpointURL(u string) Option {
	return optionFunc(func(c *config) { c.endpoint("WithEndpointURL", u, false) })
}

// WithHeaders sets the headers of each request, in place of the environment's. They may
// include User-Agent. The map is copied.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return optionFunc(func(c *config) { c.headers = headers })
}

// Compression is how the body of a request is compressed.
type Compression int

// The kinds of compression. None is the default: gzip takes more time than everything
// else that is done with a span.
const (
	NoCompression Compression = iota
	GzipCompression
)

// WithCompression sets the compression.
func WithCompression(k Compression) Option {
	return optionFunc(func(c *config) { c.compression = k })
}

// WithTimeout limits the duration of one try to send; 0 or less means no limit. The
// default is 10 seconds. The duration of an export with all its tries is limited by
// [WithRetry] and by its context: that of the SDK's batch processor ends after 30
// seconds.
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(c *config) { c.timeout = d })
}

// RetryConfig configures how often a failed request is sent again.
type RetryConfig struct {
	// Enabled allows failed requests to be sent again.
	Enabled bool
	// InitialInterval is the first time to wait. It is varied randomly by up to a half,
	// and grows by half each time. 0 or less means 5 seconds.
	InitialInterval time.Duration
	// MaxInterval limits that growth. 0 or less means 30 seconds.
	MaxInterval time.Duration
	// MaxElapsedTime is the time since the first try after which there is no further
	// one. 0 or less means no limit except the context's.
	MaxElapsedTime time.Duration
}

// WithRetry configures how often a failed request is sent again. The default is
// enabled, with 5 and 30 seconds, for a minute.
func WithRetry(r RetryConfig) Option {
	return optionFunc(func(c *config) { c.retry = r })
}

// WithTLSClientConfig sets the TLS configuration, in place of the environment's
// certificates, unless t is nil. t is copied. It requires an https endpoint.
func WithTLSClientConfig(t *tls.Config) Option {
	t = t.Clone()
	return optionFunc(func(c *config) {
		if t != nil {
			c.tls = t
		}
	})
}

// WithProxy sets the proxy of requests, unless f is nil. The default is
// [http.ProxyFromEnvironment].
func WithProxy(f func(*http.Request) (*url.URL, error)) Option {
	return optionFunc(func(c *config) {
		if f != nil {
			c.proxy = f
		}
	})
}

// WithHTTPClient sets the client that sends requests, unless h is nil. Its transport
// replaces [WithTLSClientConfig], [WithProxy] and the environment's certificates. h is
// copied. If it has no CheckRedirect, redirects are not followed.
func WithHTTPClient(h *http.Client) Option {
	return optionFunc(func(c *config) {
		if h != nil {
			own := *h
			c.client = &own
		}
	})
}

// WithMaxRequestSize limits the size of a request in bytes, before compression. The
// default is 20 MiB, which OTLP's specification recommends; 0 or less means the
// default. A larger batch is sent in parts, and a larger span is an error.
func WithMaxRequestSize(size int) Option {
	return optionFunc(func(c *config) {
		if size <= 0 {
			size = defaultMaxRequest
		}
		c.maxRequest = size
	})
}
