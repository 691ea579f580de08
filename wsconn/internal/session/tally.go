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

// A tally is one connection's share of the metrics: atomics that are read at
// collection. It outlives the session, so that the last counts of a closing connection
// are not lost: once the session is unreachable, its sums are added to those of its
// role.
type tally struct {
	role     *roleTally
	messages [2]atomic.Int64
	bytes    [2]atomic.Int64

	sizes [2]measure.Cell // used if package meter collects them
	reads measure.Cell    // blocks of reads; likewise
}

// roleTally is the sum over the connections of one role with one meter.
type roleTally struct {
	open, waiting         atomic.Int64
	everOpen, everWaiting atomic.Bool

	mu   sync.Mutex
	live map[*tally]struct{}
	rest counts // of unreachable sessions
}

// counts are sums of tallies.
type counts struct{ messages, bytes [2]int64 }

func (c *counts) add(t *tally) {
	for i := range c.bytes {
		c.messages[i] += t.messages[i].Load()
		c.bytes[i] += t.bytes[i].Load()
	}
}

// sum returns the counts of all connections.
func (r *roleTally) sum() counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.rest
	for t := range r.live {
		c.add(t)
	}
	return c
}

// register adds the tally of m until m is unreachable. Code that counts must keep m alive
// until it has counted.
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

// observed are the instruments that are read at collection.
type observed struct {
	open, waiting   metric.Int64ObservableUpDownCounter
	messages, bytes metric.Int64ObservableCounter
	registration    metric.Registration // nil: failed
	asked           atomic.Bool         // the instruments have been collected
}

// observe is the callback for all connections with one meter.
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

// options are the arguments of recordings, made once so that recording does not
// allocate.
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
