package emitted_test

import (
	"context"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// volumes shows which spans are left out, and which trace has the others.
var volumes = map[string]scenario{
	"segments": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithTraceBudget(8, 0), wsconn.WithMessageSpans(wsconn.MessagesAll))
		p.echo(5)
		_ = p.client.Close(wsconn.StatusNormalClosure, "")
		p.end()
	}},
	"segments_by_age": {play: func(s *stage) {
		_ = trace.Handle(s.context(), "program", func(ctx context.Context) error {
			p := s.connect(ctx, nil, wsconn.WithTraceBudget(0, 30*ms))
			p.echo(5)
			p.ping()
			p.end()
			return nil
		})
	}},
	"segments_auto": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithTraceBudget(6, time.Hour), wsconn.WithMessageSpans(wsconn.MessagesAuto))
		p.echo(8)
		p.end()
	}},
	"segments_by_ratio": {settings: settings{sampler: sdktrace.ParentBased(sdktrace.TraceIDRatioBased(1))}, play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithTraceBudget(6, 0), wsconn.WithMessageSpans(wsconn.MessagesAll))
		p.echo(3)
		p.end()
	}},
	"blocked_only": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(4 << 10)}, wsconn.WithMessageSpans(wsconn.MessagesBlocked))
		p.echo(2)
		p.rawPeer.StopReading()
		writes := at(1, func() { write(p.ctx, p.client, 10_000) })
		reads := at(2, func() { _ = read(p.ctx, p.server) })
		time.Sleep(20 * ms)
		p.rawPeer.ResumeReading()
		each(writes, reads)
		time.Sleep(5 * ms)
		p.end()
	}},
	// The stalls of a connection that is not sampled.
	"stalls": {play: func(s *stage) {
		p := s.connect(context.Background(), []wstest.Option{wstest.WithWindow(4 << 10)},
			wsconn.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))),
			wsconn.WithStalls(wsconn.Stalls{After: 110 * ms, PerSecond: 1 << 20, TracerProvider: s.tp}))
		p.echo(2)
		first := at(1, func() { write(p.ctx, p.client, 10_000) })
		time.Sleep(310 * ms)
		_ = read(p.ctx, p.server)
		each(first)
		write(p.ctx, p.client, 10) // asks for the history
		_ = read(p.ctx, p.server)
		second := at(1, func() { _ = read(p.ctx, p.client) })
		w, _ := p.server.Writer(p.ctx, wsconn.MessageBinary)
		_, _ = w.Write(make([]byte, 10_000))
		time.Sleep(310 * ms)
		_ = w.Close()
		each(second)
		p.end()
	}},
	"no_messages": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithMessageSpans(wsconn.MessagesNone))
		p.echo(2)
		p.ping()
		p.end()
	}},
	"trace_per_message": {play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithTracePerMessage())
		p.echo(2)
		p.end()
	}},
	"budget_of_an_operation": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(1 << 10)}, wsconn.WithTraceBudget(7, 0))
		reads := at(2, func() { _ = read(p.ctx, p.server) })
		write(p.ctx, p.client, 20_000) // blocks again and again
		<-reads
		time.Sleep(5 * ms)
		p.end()
	}},
	"min_block": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(4 << 10)}, wsconn.WithMinBlock(10*ms))
		p.echo(2)
		p.rawPeer.StopReading()
		writes := at(1, func() { write(p.ctx, p.client, 10_000) })
		reads := at(2, func() { _ = read(p.ctx, p.server) })
		time.Sleep(20 * ms)
		p.rawPeer.ResumeReading()
		each(writes, reads)
		time.Sleep(5 * ms)
		p.end()
	}},
}
