// Package tap serves the spans that a program ends in the next seconds, on a debug page:
//
//	spans := tap.New()
//	provider.RegisterSpanProcessor(spans)
//	mux.Handle("/debug/wakechain/spans", spans)
//
//	curl -s '127.0.0.1:6060/debug/wakechain/spans?seconds=5' > spans.json
//
// Only sampled spans are served, after they have ended. While there is no request, the end
// of a span costs one atomic load.
package tap

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

const (
	defaultTime  = 5 * time.Second
	maxTime      = 5 * time.Minute
	maxListeners = 4
)

// LeftOut is the header of a response with the number of spans that were left out, because
// there were more than [WithMaxSpans].
const LeftOut = "Wakechain-Spans-Left-Out"

// Option configures [New].
type Option func(*Tap)

// WithMaxSpans sets how many spans a response has at most, the first ones. The default is
// 50,000. n < 1 is ignored.
func WithMaxSpans(n int) Option {
	return func(t *Tap) {
		if n > 0 {
			t.limit = n
		}
	}
}

// Tap is a span processor of a TracerProvider, or of several, and a handler. Its
// methods are safe for concurrent use.
type Tap struct {
	limit     int
	listening atomic.Int32

	mu   sync.Mutex
	open []*listener
}

var (
	_ sdktrace.SpanProcessor = (*Tap)(nil)
	_ http.Handler           = (*Tap)(nil)
)

// listener is one request in progress.
type listener struct {
	spans   []sdktrace.ReadOnlySpan
	leftOut int
}

// New returns a tap.
func New(opts ...Option) *Tap {
	t := &Tap{limit: 50_000}
	for _, o := range opts {
		if o != nil {
			o(t)
		}
	}
	return t
}

// OnStart does nothing.
func (t *Tap) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd keeps s, if it is sampled, for the requests in progress.
func (t *Tap) OnEnd(s sdktrace.ReadOnlySpan) {
	if t.listening.Load() == 0 || !s.SpanContext().IsSampled() {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, l := range t.open {
		if len(l.spans) < t.limit {
			l.spans = append(l.spans, s)
		} else {
			l.leftOut++
		}
	}
}

// Shutdown does nothing.
func (t *Tap) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (t *Tap) ForceFlush(context.Context) error { return nil }

// ServeHTTP waits and responds with the spans that ended meanwhile, as OTLP/JSON. The
// parameter seconds sets for how long, 5 by default and 300 at most. The header [LeftOut]
// counts the spans beyond the limit. At most four requests are served at a time.
func (t *Tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", "GET")
		http.Error(w, "only GET", http.StatusMethodNotAllowed)
		return
	}
	d := defaultTime
	if s := r.URL.Query().Get("seconds"); s != "" {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || !(f > 0) || f > maxTime.Seconds() {
			http.Error(w, fmt.Sprintf("seconds is a number of at most %g, not %.40q", maxTime.Seconds(), s), http.StatusBadRequest)
			return
		}
		d = time.Duration(f * float64(time.Second))
	}
	l := t.listen()
	if l == nil {
		http.Error(w, fmt.Sprintf("%d ask already", maxListeners), http.StatusServiceUnavailable)
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
	t.leave(l)
	if r.Context().Err() != nil {
		return
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if l.leftOut > 0 {
		header.Set(LeftOut, strconv.Itoa(l.leftOut))
	}
	_ = chain.WriteOTLP(w, chain.FromSpans(l.spans)) // the client may be gone
}

// listen returns a new listener, or nil if there are too many.
func (t *Tap) listen() *listener {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.open) >= maxListeners {
		return nil
	}
	l := new(listener)
	t.open = append(t.open, l)
	t.listening.Store(int32(len(t.open)))
	return l
}

func (t *Tap) leave(l *listener) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = slices.DeleteFunc(t.open, func(o *listener) bool { return o == l })
	t.listening.Store(int32(len(t.open)))
}
