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

// Stalls is the option of that name. It is documented in package wsconn.
type Stalls struct {
	After          time.Duration
	History        int
	PerSecond      int
	TracerProvider oteltrace.TracerProvider
}

// The defaults of Stalls, and the most entries of a history.
const (
	DefaultStallAfter      = time.Second
	DefaultStallHistory    = 12
	DefaultStallsPerSecond = 10

	maxHistory = 256
)

// WithStalls tells of the stalls of connections that are not sampled.
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

// unmetered: what is told of stalls was measured already, if that is.
var unmetered = trace.WithMeterProvider(noopmetric.NewMeterProvider())

// stallWatch is what the connections of one option share.
type stallWatch struct {
	after     time.Duration
	history   int
	perSecond int
	tracer    *trace.Tracer // nil: that of the connection
}

// of returns what tells of the stalls of a connection with the tracer t; nil: nothing
// can, since t records nothing whatever the sampler says.
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

// The causes that stalls are told by, beside those of a block.
const (
	stallRead      = string(semconv.StallRead)
	stallWriteLock = string(semconv.StallWriteLock)
	stallFailed    = string(semconv.StallFailed)
	stallClose     = string(semconv.StallClose)
	stallHandshake = string(semconv.StallHandshake)
	stallRefused   = string(semconv.StallRefused)
	stallPeer      = string(semconv.StallPeer)
)

// limiter bounds what is told in a second, of all connections together, by cause.
type limiter struct {
	mu     sync.Mutex
	causes map[string]*limit
}

type limit struct {
	second     int64
	reported       int
	suppressed int64 // since one was told
}

var stallLimit = limiter{causes: map[string]*limit{}}

// take reports whether one more may be told now, and how many were not before it.
func (l *limiter) allow(cause string, perSecond int) (ok bool, suppressed int64) {
	second := time.Now().Unix()
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.causes[cause] // of a vocabulary: they are few
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

// stalls is what a connection has that is not sampled and whose stalls are told.
type stalls struct {
	*stallWatch
	s      *Session
	lib    *Library
	server bool
	links  bool        // of a client: trace pongs are agreed to
	failed atomic.Bool // that was told: a connection fails once
	timer  atomic.Bool // tells of what is over where no call of the program's does

	pending [2]atomic.Pointer[stalled] // over, and not told yet; by direction
	waits   atomic.Pointer[stallWaits] // nil: no write has waited

	conn *stallConn // nil: there is none yet
}

// stallsOf returns the stalls of a connection of s; nil: none are told.
func stallsOf(s *Session, role string, cfg *Config, lib *Library) *stalls {
	if cfg.stalls.tracerFor(s.tracer) == nil {
		return nil
	}
	return &stalls{stallWatch: cfg.stalls, s: s, lib: lib, server: role == roleServer}
}

// take asks the limiter, and counts what it refuses.
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

// errorOf is the error.type of what a call of the program's returned, and the error
// that it is of.
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
	if errors.Is(err, io.EOF) { // without a close frame
		return semconv.ErrorUnexpectedEOF, err
	}
	return trace.ErrorType(err), err
}

// tells reports whether a failure of that type is to be told: not one that this side
// wanted.
func (st *stalls) claimFailure(errorType string) bool {
	switch errorType {
	case "", semconv.ErrorCanceled, semconv.ErrorClosed:
		return false
	}
	return !st.failed.Swap(true)
}

// readEnded is called when the program has left the library with a read.
func (st *stalls) readEnded(ctx context.Context, err error) {
	if st != nil && (err != nil || st.pending[inward].Load() != nil) {
		st.settle(inward, ctx, semconv.SpanRead, err)
	}
}

// writeEnded is readEnded for a write, which w says to have waited.
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

// closeEnded is called when the program's close has ended, which began at since.
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
