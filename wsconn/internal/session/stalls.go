package session

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"

	oteltrace "go.opentelemetry.io/otel/trace"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Stalls is the option of that name, which is documented in package wsconn.
type Stalls struct {
	After          time.Duration
	History        int
	PerSecond      int
	TracerProvider oteltrace.TracerProvider
}

// The defaults of Stalls, and the maximum length of a history.
const (
	DefaultStallAfter      = time.Second
	DefaultStallHistory    = 12
	DefaultStallsPerSecond = 10

	maxHistory = 256
)

// WithStalls reports the stalls of unsampled connections.
func WithStalls(x Stalls) Option {
	w := &stallWatch{after: x.After, history: x.History, perSecond: x.PerSecond}
	if w.after <= 0 {
		w.after = DefaultStallAfter
	}
	if w.history <= 0 {
		w.history = DefaultStallHistory
	}
	w.history = min(w.history, maxHistory)
	if w.perSecond <= 0 {
		w.perSecond = DefaultStallsPerSecond
	}
	if x.TracerProvider != nil {
		w.tracer = trace.New(trace.WithTracerProvider(x.TracerProvider), unmetered)
	}
	return func(c *Config) { c.stalls = w }
}

// unmetered turns metrics off: the connection's own tracer has measured the blocks.
var unmetered = trace.WithMeterProvider(noopmetric.NewMeterProvider())

// stallWatch is the configuration that the connections of one option share.
type stallWatch struct {
	after     time.Duration
	history   int
	perSecond int
	tracer    *trace.Tracer // nil: the connection's
}

// tracerFor returns the tracer that reports the stalls of a connection with the tracer
// t; nil if t never records anything.
func (w *stallWatch) tracerFor(t *trace.Tracer) *trace.Tracer {
	if w == nil {
		return nil
	}
	if w.tracer != nil {
		t = w.tracer
	}
	if !core.Of(t).Records(context.Background()) {
		return nil
	}
	return t
}

// The causes of stalls, besides those of a block.
const (
	stallRead      = string(semconv.StallRead)
	stallWriteLock = string(semconv.StallWriteLock)
	stallFailed    = string(semconv.StallFailed)
	stallClose     = string(semconv.StallClose)
	stallHandshake = string(semconv.StallHandshake)
	stallRefused   = string(semconv.StallRefused)
	stallPeer      = string(semconv.StallPeer)
)

// limiter limits the reports per second, of all connections together, by cause.
type limiter struct {
	mu     sync.Mutex
	causes map[string]*limit
}

type limit struct {
	second     int64
	reported   int
	suppressed int64 // since the last report
}

var stallLimit = limiter{causes: map[string]*limit{}}

// allow reports whether one more report is allowed now, and how many were suppressed
// before it.
func (l *limiter) allow(cause string, perSecond int) (ok bool, suppressed int64) {
	second := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.causes[cause] // causes are few
	if c == nil {
		c = new(limit)
		l.causes[cause] = c
	}
	if c.second != second {
		c.second, c.reported = second, 0
	}
	if c.reported >= perSecond {
		c.suppressed++
		return false, 0
	}
	c.reported++
	suppressed, c.suppressed = c.suppressed, 0
	return true, suppressed
}

// stalls is the state of an unsampled connection whose stalls are reported.
type stalls struct {
	*stallWatch
	s      *Session
	lib    *Library
	server bool
	links  bool        // of a client: it may use trace pongs
	failed atomic.Bool // a failure was reported: a connection fails once
	timer  atomic.Bool // set: it reports what no call of the program reports

	pending [2]atomic.Pointer[stalled] // ended, and not reported yet; by direction
	waits   atomic.Pointer[stallWaits] // nil: no write has waited

	conn *stallConn // nil: not attached yet
}

// stallsOf returns the stalls of a connection of s; nil: they are not reported.
func stallsOf(s *Session, role string, cfg *Config, lib *Library) *stalls {
	if cfg.stalls.tracerFor(s.tracer) == nil {
		return nil
	}
	return &stalls{stallWatch: cfg.stalls, s: s, lib: lib, server: role == roleServer}
}

// allow asks the limiter whether a stall may be reported, and counts what it refuses.
// It returns the first attributes of the report.
func (st *stalls) allow(cause string) (attrs []attribute.KeyValue, ok bool) {
	return st.stallWatch.allow(st.s.tracer, cause)
}

func (w *stallWatch) allow(t *trace.Tracer, cause string) (attrs []attribute.KeyValue, ok bool) {
	ok, suppressed := stallLimit.allow(cause, w.perSecond)
	if !ok {
		if m := core.Of(t).Meter(); m != nil {
			c := maker{m}.counter(semconv.MetricStallsSuppressed, "{stall}", "Stalls of connections that are not sampled, left out.")
			c.Add(context.Background(), 1, metric.WithAttributes(semconv.StallCauseKey.String(cause)))
		}
		return nil, false
	}
	attrs = append(make([]attribute.KeyValue, 0, 20), semconv.StallCauseKey.String(cause))
	if suppressed > 0 {
		attrs = append(attrs, semconv.StallsSuppressedKey.Int64(suppressed))
	}
	return attrs, true
}

// errorOf returns the error.type of the error of a program's call, and the error to
// describe.
func (st *stalls) errorOf(ctx context.Context, err error) (string, error) {
	if err == nil {
		return "", nil
	}
	if code := st.lib.CloseStatus(err); code >= 0 {
		return closeErrorType(code), err
	}
	if expired := st.lib.expired(call{ctx: ctx}); expired != nil && errors.Is(err, net.ErrClosed) {
		err = expired
	}
	if errors.Is(err, io.EOF) { // no close frame was received
		return semconv.ErrorUnexpectedEOF, err
	}
	return trace.ErrorType(err), err
}

// claimFailure reports whether to report a failure of this type: the first one that
// this side did not cause itself.
func (st *stalls) claimFailure(errorType string) bool {
	switch errorType {
	case "", semconv.ErrorCanceled, semconv.ErrorClosed:
		return false
	}
	return !st.failed.Swap(true)
}

// readEnded is called when a read has left the library.
func (st *stalls) readEnded(ctx context.Context, err error) {
	if st != nil && (err != nil || st.pending[inward].Load() != nil) {
		st.settle(inward, ctx, semconv.SpanRead, err)
	}
}

// writeEnded is called when a write has left the library; w is its wait for another
// write, or nil.
func (st *stalls) writeEnded(ctx context.Context, w *stallWait, size int64, err error) {
	if st == nil {
		return
	}
	before := st.waitEnds(w)
	if err != nil || st.pending[outward].Load() != nil {
		st.settle(outward, ctx, semconv.SpanWrite, err)
	}
	if before != nil && err == nil {
		st.reportWait(w.since, before, size)
	}
}

// closeEnded is called when the program's close, which began at since, has ended.
func (st *stalls) closeEnded(since time.Time, sends bool, err error) {
	if st == nil || since.IsZero() {
		return
	}
	st.settle(outward, context.Background(), semconv.SpanClose, nil)
	end := time.Now()
	typ, why := st.errorOf(context.Background(), err)
	if failed := sends && st.claimFailure(typ); !failed && end.Sub(since) < st.after {
		return
	}
	st.reportOperation(semconv.SpanClose, stallClose, since, end, typ, why)
}
