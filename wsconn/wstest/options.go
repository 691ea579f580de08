package wstest

import (
	"context"
	"time"

	"github.com/wakechain/wakechain/wsconn"
)

// Option configures a connection. The last option of a kind wins. WithClient and
// WithServer add up.
type Option func(*config)

type config struct {
	window  int
	latency time.Duration
	chunked bool
	seed    uint64

	client, server  *Conn
	ctx             context.Context
	dialed, serving []wsconn.Option
}

const defaultWindow = 64 << 10

func newConfig(opts []Option) *config {
	whole := []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesAll)}
	c := &config{window: defaultWindow, dialed: whole[:1:1], serving: whole[:1:1]}
	for _, o := range opts {
		if o != nil {
			o(c)
		}
	}
	return c
}

// WithWindow sets the window of each direction: how many bytes may be written that the
// other end has not read. The minimum is 1; the default is 65,536.
func WithWindow(bytes int) Option { return func(c *config) { c.window = max(bytes, 1) } }

// WithLatency sets how long everything takes to the other end: bytes, the window that a
// read opens, a close, a reset. The default is 0. Connecting takes no time in any case.
func WithLatency(d time.Duration) Option { return func(c *config) { c.latency = max(d, 0) } }

// WithChunks cuts writes into pieces of 1 to 1,024 bytes, mostly small ones, and each
// Read returns a part of one piece. The seed determines the sizes, as long as the
// window does not limit them; it does not determine which goroutine runs first. By
// default a Read returns what has arrived and fits.
func WithChunks(seed uint64) Option {
	return func(c *config) { c.chunked, c.seed = true, seed }
}

// WithConns connects [Pipe] and [CoderPipe] over a pair of [NetPipe], so that a test
// has the conns below its WebSocket connection. Window, latency and chunks are then the
// pair's own.
func WithConns(client, server *Conn) Option {
	return func(c *config) { c.client, c.server = client, server }
}

// WithContext sets the context of the dial: the client's handshake is a child of its
// span, and both ends use its tracer (see trace.Tracer.NewContext) unless they have an
// option for that. The default is tb.Context.
func WithContext(ctx context.Context) Option { return func(c *config) { c.ctx = ctx } }

// WithClient adds options for the client's Dial. wsconn and coderws have the same
// options. The first is wsconn.WithMessageSpans(wsconn.MessagesAll).
func WithClient(opts ...wsconn.Option) Option {
	return func(c *config) { c.dialed = append(c.dialed, opts...) }
}

// WithServer adds options for the server's Accept, like WithClient.
func WithServer(opts ...wsconn.Option) Option {
	return func(c *config) { c.serving = append(c.serving, opts...) }
}
