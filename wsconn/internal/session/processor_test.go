package session_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// meddling is a span processor that does something when a span of a name starts or
// ends, once.
type meddling struct {
	name  string
	start bool
	do    func()

	once   sync.Once
	called atomic.Bool
}

func (m *meddling) OnStart(_ context.Context, s sdktrace.ReadWriteSpan) { m.see(s.Name(), true) }
func (m *meddling) OnEnd(s sdktrace.ReadOnlySpan)                       { m.see(s.Name(), false) }
func (*meddling) Shutdown(context.Context) error                        { return nil }
func (*meddling) ForceFlush(context.Context) error                      { return nil }

func (m *meddling) see(name string, start bool) {
	if start == m.start && strings.HasPrefix(name+" ", m.name+" ") {
		m.once.Do(func() {
			m.called.Store(true)
			m.do()
		})
	}
}

// meddled makes a pair whose server's spans go to m, and runs f with it.
func meddled(t *testing.T, lib library, leanly bool, m *meddling, f func(p *pair)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var tp oteltrace.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(m))
		if leanly {
			tp = lean.NewTracerProvider(lean.WithSpanProcessor(m))
		}
		p := connect(t, lib, setup{stalls: true, server: []session.Option{session.WithTracerProvider(tp)}})
		f(p)
		closeBoth(p.client, p.server)
		synctest.Wait()
		if !m.called.Load() {
			t.Errorf("no span %q", m.name)
		}
	})
}

// eachMoment calls f for each library, provider, and moment of a span.
func eachMoment(t *testing.T, f func(t *testing.T, lib library, leanly, start bool)) {
	t.Helper()
	each(t, func(t *testing.T, lib library) {
		for _, leanly := range []bool{false, true} {
			for _, start := range []bool{false, true} {
				f(t, lib, leanly, start)
			}
		}
	})
}

// A span processor may close the connection in any call: no lock of the library is held
// then.
func TestProcessorCloses(t *testing.T) {
	reading := func(p *pair) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				if _, _, err := p.server.Read(context.Background()); err != nil {
					return
				}
			}
		}()
		go func() {
			for {
				if _, _, err := p.client.Read(context.Background()); err != nil {
					return
				}
			}
		}()
		for range 3 {
			time.Sleep(10 * ms)
			_ = p.client.Write(context.Background(), messageText, []byte("hello"))
			ctx, cancel := context.WithTimeout(context.Background(), 100*ms)
			_ = p.client.Ping(ctx)
			cancel()
		}
		_ = p.client.CloseNow()
		<-done
	}
	writing := func(p *pair) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 3 {
				_ = p.server.Write(context.Background(), messageText, make([]byte, 1000))
			}
		}()
		time.Sleep(10 * ms)
		for {
			if _, _, err := p.client.Read(context.Background()); err != nil {
				break
			}
			synctest.Wait()
			if finished(done) {
				break
			}
		}
		_ = p.client.CloseNow()
		<-done
	}
	eachMoment(t, func(t *testing.T, lib library, leanly, start bool) {
		for _, test := range []struct {
			name string
			run  func(*pair)
		}{
			{semconv.BlockName(semconv.ReasonNetRead, ""), reading},
			{semconv.SpanRead, reading},
			{semconv.SpanPong, reading},
			{semconv.SpanClose, reading},
			{semconv.SpanBlock, writing},
			{semconv.SpanWake, writing},
			{semconv.SpanWrite, writing},
		} {
			for _, now := range []bool{false, true} {
				var c conn
				m := &meddling{name: test.name, start: start, do: func() {
					if now {
						_ = c.CloseNow()
					} else {
						_ = c.Close(1000, "")
					}
				}}
				meddled(t, lib, leanly, m, func(p *pair) {
					c = p.server
					test.run(p)
				})
			}
		}
	})
}

func finished(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// A slow span processor delays only the call that it processes: the connection closes
// meanwhile, and others write.
func TestProcessorIsSlow(t *testing.T) {
	eachMoment(t, func(t *testing.T, lib library, leanly, start bool) {
		m := &meddling{name: semconv.SpanBlock, start: start, do: func() { time.Sleep(time.Minute) }}
		meddled(t, lib, leanly, m, func(p *pair) {
			begin := time.Now()
			wrote := make(chan struct{})
			go func() {
				defer close(wrote)
				_ = p.server.Write(context.Background(), messageText, make([]byte, 1000))
			}()
			time.Sleep(10 * ms)
			_, _, _ = p.client.Read(context.Background())
			synctest.Wait() // until it is in the processor
			go func() { _, _, _ = p.client.Read(context.Background()) }()
			if err := p.server.Write(context.Background(), messageText, []byte("another")); err != nil {
				t.Error(err)
			}
			if err := p.server.CloseNow(); err != nil {
				t.Error(err)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("it took %v", took)
			}
			<-wrote
		})
	})
}
