package main

import (
	"context"
	"sync"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"
)

// meddler is a span processor that closes connections when a span starts or ends, inside
// whichever call that is.
type meddler struct{ plays sync.Map } // by trace

var _ sdktrace.SpanProcessor = (*meddler)(nil)

func (m *meddler) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) { m.see(s.SpanContext()) }
func (m *meddler) OnEnd(s sdktrace.ReadOnlySpan)                       { m.see(s.SpanContext()) }
func (*meddler) Shutdown(context.Context) error                        { return nil }
func (*meddler) ForceFlush(context.Context) error                      { return nil }

func (m *meddler) see(sc oteltrace.SpanContext) {
	if p, ok := m.plays.Load(sc.TraceID()); ok {
		p.(*play).meddling.see()
	}
}

// meddling is the state of a meddler for one play. It closes each end once.
type meddling struct {
	left [2]atomic.Int64 // starts and ends of spans until an end is closed
	ends [2]*end
	now  [2]bool // close with CloseNow, else with Close
}

// meddle registers the play with the meddler, by its trace.
func (p *play) meddle() {
	if !p.fault.meddles || p.bare {
		return
	}
	rng := p.rng(5)
	m := &meddling{ends: p.ends}
	for k := range m.ends {
		m.left[k].Store(int64(1 + rng.IntN(120)))
		// A gobwas connection's Close waits for a lock of contextless, which the caller may hold.
		m.now[k] = rng.IntN(2) == 0 || p.library.whole
	}
	p.meddling = m
	p.telemetry.meddler.plays.Store(p.trace, p)
}

func (m *meddling) see() {
	for k, e := range m.ends {
		select {
		case <-e.begun:
		default:
			continue
		}
		if m.left[k].Add(-1) != 0 {
			continue
		}
		if m.now[k] {
			_ = e.conn.CloseNow()
		} else {
			_ = e.conn.Close(1000, "seen")
		}
	}
}
