package session

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/wakechain/wakechain/internal/measure"
)

// A tally is what one connection adds to the metrics: atomics, which are read when
// somebody collects. It outlives the session, so that nothing is lost of what is counted
// while the connection closes: once nobody has the session any more, its sums go to what
// all such connections have left.
type tally struct {
	role     *roleTally
	messages [2]atomic.Int64
	bytes    [2]atomic.Int64

	sizes [2]measure.Cell // used where package meter collects them,
	reads measure.Cell    // as are the blocks of reads
}

// roleTally is what all connections of one role add to the metrics of one meter.
type roleTally struct {
	open, waiting         atomic.Int64
	everOpen, everWaiting atomic.Bool

	mu   sync.Mutex
	live map[*tally]struct{}
	rest counts // of those that are gone
}

// counts are the sums of tallies.
type counts struct{ messages, bytes [2]int64 }

func (c *counts) add(t *tally) {
	for i := range c.bytes {
		c.messages[i] += t.messages[i].Load()
		c.bytes[i] += t.bytes[i].Load()
	}
}

// sum returns what all connections have counted.
func (r *roleTally) sum() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.rest
	for t := range r.live {
		c.add(t)
	}
	return c
}

// begin has the tally of m be counted, until m is garbage: whoever counts keeps it alive
// until then.
func (r *roleTally) register(m *meter) {
	t, sizes, reads := m.tally, m.sizes, m.reads
	t.role = r
	if sizes[0] != nil {
		sizes[inward].Add(&t.sizes[inward])
		sizes[outward].Add(&t.sizes[outward])
	}
	if reads != nil {
		reads.Add(&t.reads)
	}
	r.mu.Lock()
	if r.live == nil {
		r.live = map[*tally]struct{}{}
	}
	r.live[t] = struct{}{}
	r.mu.Unlock()
	runtime.AddCleanup(m, func(t *tally) {
		for i, s := range sizes {
			if s != nil {
				s.Remove(&t.sizes[i])
			}
		}
		if reads != nil {
			reads.Remove(&t.reads)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.rest.add(t)
		delete(r.live, t)
	}, t)
}

// observed are the instruments that are observed when somebody collects.
type observed struct {
	open, waiting   metric.Int64ObservableUpDownCounter
	messages, bytes metric.Int64ObservableCounter
	registration    metric.Registration // nil: failed
	asked           atomic.Bool         // somebody has collected
}

// observe is the callback of all connections with one meter.
func (i *instruments) observe(_ context.Context, o metric.Observer) error {
	i.asked.Store(true)
	for role, opts := range optionsOf {
		r := i.roles[role]
		if r.everOpen.Load() {
			o.ObserveInt64(i.open, r.open.Load(), opts.observe)
		}
		if r.everWaiting.Load() {
			o.ObserveInt64(i.waiting, r.waiting.Load(), opts.observe)
		}
		all := r.sum()
		for n, d := range opts.along {
			if all.messages[n] > 0 {
				o.ObserveInt64(i.messages, all.messages[n], d.observe)
			}
			if all.bytes[n] > 0 {
				o.ObserveInt64(i.bytes, all.bytes[n], d.observe)
			}
		}
	}
	return nil
}

// options are what a recording is given, made once so that it allocates nothing.
type options struct {
	role    attribute.KeyValue
	add     []metric.AddOption
	observe metric.MeasurementOption
	along   [2]direction
}

type direction struct {
	set     attribute.Set
	observe metric.MeasurementOption
	record  []metric.RecordOption
}
