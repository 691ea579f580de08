package live

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"

	registry "github.com/wakechain/wakechain/internal/live"
	"github.com/wakechain/wakechain/trace/semconv"
)

// WatchOption configures [Watch]. The last option of a kind wins.
type WatchOption interface{ applyWatch(*watchConfig) }

type watchConfig struct {
	after    time.Duration
	perSec   int
	provider metric.MeterProvider
	trace    func() (file string, err error)
}

type watchFunc func(*watchConfig)

func (f watchFunc) applyWatch(c *watchConfig) { f(c) }

// WithStallAfter sets how long a block must last to be reported. It is reported again after
// ten times that, a hundred times, and so on. The default is a second; d <= 0 is ignored.
func WithStallAfter(d time.Duration) WatchOption {
	return watchFunc(func(c *watchConfig) {
		if d > 0 {
			c.after = d
		}
	})
}

// WithStallsPerSecond sets the maximum number of `stalled` spans per second, for all blocks
// together. The next span counts the others. The default is 10; for n <= 0 there are none.
func WithStallsPerSecond(n int) WatchOption {
	return watchFunc(func(c *watchConfig) { c.perSec = max(n, 0) })
}

// WithMeterProvider sets the provider of the gauges `wakechain.blocked` and
// `wakechain.blocked.oldest`. The default, also for nil, is the global one,
// otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) WatchOption {
	return watchFunc(func(c *watchConfig) {
		if p != nil {
			c.provider = p
		}
	})
}

// WithTrace sets a function that writes an execution trace when a block has lasted long,
// such as sched.OnStall of package trace/sched. It is called once for all stalls of one
// observation. Their `stalled` spans have the name of the file in `stalled.trace`, unless
// it is "". Errors are passed to otel.Handle. Watch waits for the function before it
// reports. The default, or nil, is none.
func WithTrace(write func() (file string, err error)) WatchOption {
	return watchFunc(func(c *watchConfig) { c.trace = write })
}

// Watch reports blocks while they last, until ctx ends or stop is called:
//
//	defer live.Watch(ctx)()
//
// When a block has lasted a second, and again after 10, 100, … seconds, Watch exports a
// short span `stalled` with what is known of why it is blocked. Its parent is the
// goroutine's span, which is exported first if it is open, or the connection's handshake.
// It links to the operation, which has not ended. When the block is over, it links to its
// last `stalled`. Unsampled operations have none, and neither have idle ones, such as a
// read that waits for the next message. The gauges `wakechain.blocked` and
// `wakechain.blocked.oldest` include sampled operations, and unsampled ones with
// [WithUnsampled].
//
// Watch is one goroutine. It observes all blocks once a second, and when one is about to
// have lasted long enough, and spends less than a hundredth of the time on it. An
// observation takes some microseconds for each goroutine and connection: with 10,000 of
// each there is one every few seconds, and blocks are reported that much later. A slow
// exporter delays only these reports. A process needs one Watch; each of several reports
// everything. stop returns when the goroutine has ended. It is safe for concurrent use, but
// must not be called by a span processor.
func Watch(ctx context.Context, opts ...WatchOption) (stop func()) {
	c := watchConfig{after: time.Second, perSec: 10, provider: otel.GetMeterProvider()}
	for _, o := range opts {
		if o != nil {
			o.applyWatch(&c)
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watch{watchConfig: c, levels: map[stallKey]int{}, look: newLook()}
	forget := w.gauges()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer forget()
		w.run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// watch is the state of a [Watch].
type watch struct {
	watchConfig

	levels     map[stallKey]int // how many limits each block has exceeded
	suppressed int              // spans since the last one
	second     time.Time        // the start of the second that reported counts
	reported   int

	look  *look
	looks int
	costs [8]time.Duration // of the last observations

	mu      sync.Mutex // guards the fields below, which the gauges read
	blocked map[gaugeKey]gauge
	counted time.Time // when blocked was counted
}

// stallKey identifies a block.
type stallKey struct {
	op    any
	since int64
}

// share limits the time that Watch uses: one part in share.
const share = 100

// run observes until ctx ends.
func (w *watch) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		began := time.Now()
		next := w.tick()
		timer.Reset(max(next, (share-1)*w.cost(time.Since(began))))
	}
}

// cost returns the cost of an observation, if the last one took d: the least of some,
// because other goroutines may run in between.
func (w *watch) cost(d time.Duration) time.Duration {
	w.costs[w.looks%len(w.costs)] = d
	w.looks++
	return slices.Min(w.costs[:min(w.looks, len(w.costs))])
}

// tick observes, reports the blocks that have exceeded a limit, and returns the time until
// the next may.
func (w *watch) tick() time.Duration {
	l := w.look
	l.again()
	defer l.forget()
	blocked := l.blocked()
	w.mu.Lock()
	w.blocked, w.counted = blocked, l.at
	w.mu.Unlock()

	next := min(w.after, time.Second)
	levels := make(map[stallKey]int, len(w.levels))
	var due []*seen
	for i := range l.seen {
		s := &l.seen[i]
		if s.idle {
			continue
		}
		key, age := s.key(), l.at.Sub(s.Since)
		level, limit := 0, w.after
		for age >= limit && limit < maxAge {
			level, limit = level+1, 10*limit
		}
		next = min(next, limit-age)
		if level == 0 {
			continue
		}
		if levels[key] = w.levels[key]; level > w.levels[key] {
			levels[key] = level
			due = append(due, s)
		}
	}
	w.levels = levels
	w.report(l, due)
	return next
}

// maxAge is longer than any process lives.
const maxAge = 1 << 60

// report makes the spans of the due blocks, up to the limit for this second.
func (w *watch) report(l *look, due []*seen) {
	if len(due) == 0 {
		return
	}
	if l.at.Sub(w.second) >= time.Second {
		w.second, w.reported = l.at, 0
	}
	sortDue(due)
	var file string
	written := false // w.file was called
	for _, s := range due {
		below := s.below()
		if !below.IsValid() {
			continue // the span would belong to no trace
		}
		if w.reported >= w.perSec {
			w.suppressed++
			continue
		}
		if !s.hold() { // it is over, or busy; then the next observation tries again
			w.levels[s.key()]--
			continue
		}
		if !written {
			file, written = w.file(), true
		}
		attrs := s.attributes()
		if file != "" {
			attrs = append(attrs, semconv.StalledTraceKey.String(file))
		}
		stall := registry.Stall{Since: s.Since, At: l.at, Below: below, Attributes: attrs, Suppressed: w.suppressed}
		if s.task != nil {
			stall.Task = s.task.Key
		}
		switch recorded, busy := registry.RecordStall(s.Op, &stall); {
		case recorded:
			w.reported++
			w.suppressed = 0
		case busy:
			w.levels[s.key()]-- // the next observation tries again
		}
	}
}

// file writes an execution trace, and returns its name, or "" if there is none.
func (w *watch) file() string {
	if w.trace == nil {
		return ""
	}
	file, err := w.trace()
	if err != nil {
		otel.Handle(err)
		return ""
	}
	return file
}
