package session_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/lean"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// mode is a way to trace a connection, the same on both sides. Spans go to the SDK's batch
// processor and then to an exporter that drops them.
type mode struct {
	name     string
	hand     func(conn, oteltrace.Tracer) conn                    // bare, with spans written by hand; nil: not so
	own      bool                                                 // in the connection's own traces, which are kept small; else below a span of the program's
	provider func(sdktrace.SpanExporter) oteltrace.TracerProvider // nil: bare
	opts     []session.Option
	live     bool // what is not sampled is followed
	watched  bool // live.Watch looks, once a round at least
}

// flusher has the methods of an SDK's provider that the API's lacks.
type flusher interface {
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

func sdk(opts ...sdktrace.TracerProviderOption) func(sdktrace.SpanExporter) oteltrace.TracerProvider {
	return func(e sdktrace.SpanExporter) oteltrace.TracerProvider {
		return sdktrace.NewTracerProvider(append(opts, sdktrace.WithBatcher(e))...)
	}
}

func leanly(opts ...lean.Option) func(sdktrace.SpanExporter) oteltrace.TracerProvider {
	return func(e sdktrace.SpanExporter) oteltrace.TracerProvider {
		return lean.NewTracerProvider(append(opts, lean.WithBatcher(e))...)
	}
}

var (
	allMessages = session.WithMessageSpans(session.MessagesAll)
	noBlocks    = session.WithMinBlock(time.Hour)
	noLinks     = session.WithoutPeerLinks()
	unsampled   = sdk(sdktrace.WithSampler(sdktrace.NeverSample()))
	metering    = newMeasured().option()
	stalling    = session.WithStalls(session.Stalls{TracerProvider: sdktrace.NewTracerProvider()})
	producing   = newProduced().option()
)

// The first of modes is the one that the others are compared with. The second is the same
// again: how far its ratio is from 1 shows what the measurement cannot resolve.
var modes = []mode{
	{name: "bare"},
	{name: "control"},
	{name: "off", provider: func(sdktrace.SpanExporter) oteltrace.TracerProvider { return noopProvider }},
	{name: "unsampled", provider: unsampled},
	{name: "stalls", provider: unsampled, opts: []session.Option{stalling}},
	{name: "metrics", provider: unsampled, opts: []session.Option{metering}},
	{name: "metrics+producer", provider: unsampled, opts: []session.Option{producing}},
	{name: "live", provider: unsampled, live: true},
	{name: "live+watch", provider: unsampled, live: true, watched: true},
	{name: "handwritten", hand: byHand, provider: sdk()},
	{name: "handwritten8", hand: allByHand, provider: sdk()},
	{name: "default", own: true, provider: sdk()},
	{name: "messages", provider: sdk(), opts: []session.Option{allMessages, noBlocks}},
	{name: "full", provider: sdk(), opts: []session.Option{allMessages}},
	{name: "full-unlinked", provider: sdk(), opts: []session.Option{allMessages, noLinks}},
	{name: "full+metrics", provider: sdk(), opts: []session.Option{allMessages, metering}},
	{name: "full+producer", provider: sdk(), opts: []session.Option{allMessages, producing}},
	{name: "lean-default", own: true, provider: leanly()},
	{name: "lean-messages", provider: leanly(), opts: []session.Option{allMessages, noBlocks}},
	{name: "lean", provider: leanly(), opts: []session.Option{allMessages}},
	{name: "lean+watch", provider: leanly(), opts: []session.Option{allMessages}, watched: true},
	{name: "lean-unlinked", provider: leanly(), opts: []session.Option{allMessages, noLinks}},
	{name: "lean+metrics", provider: leanly(), opts: []session.Option{allMessages, metering}},
	{name: "lean+producer", provider: leanly(), opts: []session.Option{allMessages, producing}},
}

// handwritten is a bare connection with spans written by hand.
type handwritten struct {
	conn
	tracer oteltrace.Tracer
}

func (c handwritten) Read(ctx context.Context) (int, []byte, error) {
	ctx, span := c.tracer.Start(ctx, "read", oteltrace.WithAttributes(attribute.String("network.io.direction", "receive")))
	defer span.End()
	typ, p, err := c.conn.Read(ctx)
	span.SetAttributes(attribute.Int("websocket.message.size", len(p)))
	return typ, p, err
}

func (c handwritten) Write(ctx context.Context, typ int, p []byte) error {
	ctx, span := c.tracer.Start(ctx, "write", oteltrace.WithAttributes(
		attribute.String("network.io.direction", "transmit"), attribute.Int("websocket.message.size", len(p))))
	defer span.End()
	return c.conn.Write(ctx, typ, p)
}

// handwritten8 makes the spans and attributes that ours makes in an echo. It measures
// nothing: their values are made up. No way to make them with the SDK can cost less.
type handwritten8 struct {
	conn
	tracer oteltrace.Tracer
	id     string
}

func (c handwritten8) Read(ctx context.Context) (int, []byte, error) {
	ctx, span := c.tracer.Start(ctx, "read")
	start := time.Now()
	typ, p, err := c.conn.Read(ctx)
	woken, end := oteltrace.WithTimestamp(start.Add(time.Since(start))), oteltrace.WithTimestamp(start.Add(time.Since(start)))
	_, block := c.tracer.Start(ctx, "block", oteltrace.WithTimestamp(start))
	block.SetAttributes(attribute.String("block.source", "poll"), attribute.String("block.reason", "net.read"))
	block.End(woken)
	_, wake := c.tracer.Start(ctx, "wake", woken)
	wake.SetAttributes(attribute.String("wake.reason", "readable"))
	wake.End(end)
	span.SetAttributes(append(c.message("receive", len(p)), attribute.Float64("block.duration", time.Since(start).Seconds()))...)
	span.End(end)
	return typ, p, err
}

func (c handwritten8) Write(ctx context.Context, typ int, p []byte) error {
	ctx, span := c.tracer.Start(ctx, "write")
	err := c.conn.Write(ctx, typ, p)
	span.SetAttributes(c.message("transmit", len(p))...)
	span.End()
	return err
}

func (c handwritten8) message(direction string, size int) []attribute.KeyValue {
	return append(make([]attribute.KeyValue, 0, 8),
		attribute.String("network.io.direction", direction),
		attribute.String("websocket.message.type", "binary"),
		attribute.String("websocket.connection.id", c.id),
		attribute.Int("websocket.message.size", size),
		attribute.Int("websocket.message.index", size),
		attribute.Int("websocket.frame.count", 1),
		attribute.Int("websocket.wire.size", size))
}

func byHand(c conn, t oteltrace.Tracer) conn { return handwritten{c, t} }

func allByHand(c conn, t oteltrace.Tracer) conn { return handwritten8{c, t, "0123456789abcdef"} }

// dropping is an exporter that counts what it drops.
type dropping struct{ spans atomic.Int64 }

func (d *dropping) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	d.spans.Add(int64(len(spans)))
	return nil
}

func (d *dropping) Shutdown(context.Context) error { return nil }

// bench is a server and its provider in one mode.
type bench struct {
	b       *testing.B
	name    string
	own     bool
	tp      oteltrace.TracerProvider
	end     endpoint
	wrap    func(conn) conn
	opts    []session.Option
	live    bool
	watched bool
	flusher flusher // nil: none
	spans   *dropping
	url     string
	serving sync.WaitGroup
}

// serve runs f with every connection to the server.
func (m mode) serve(b *testing.B, lib library, f func(context.Context, conn)) *bench {
	b.Helper()
	s := &bench{b: b, name: m.name, own: m.own, live: m.live, watched: m.watched, end: lib.traced, wrap: func(c conn) conn { return c }, spans: new(dropping)}
	if m.provider != nil {
		s.tp = m.provider(s.spans)
		s.opts = append([]session.Option{session.WithTracerProvider(s.tp)}, m.opts...)
	}
	if m.provider == nil || m.hand != nil {
		s.end = lib.bare
	}
	if m.hand != nil {
		s.wrap = func(c conn) conn { return m.hand(c, s.tp.Tracer("bench")) }
	}
	if f, ok := s.tp.(flusher); ok {
		s.flusher = f
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s.url = "ws://" + l.Addr().String()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serving.Add(1)
		defer s.serving.Done()
		c, err := s.end.accept(w, r.WithContext(s.followed(r.Context())), options{}, s.opts...)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.CloseNow() }()
		c.SetReadLimit(-1)
		ctx, cancel := context.WithCancel(s.context())
		defer cancel()
		f(ctx, s.wrap(c))
	})}
	go func() { _ = srv.Serve(l) }()
	b.Cleanup(func() {
		s.serving.Wait()
		_ = srv.Close()
		if s.flusher != nil {
			_ = s.flusher.Shutdown(context.Background())
		}
	})
	return s
}

// context returns a context with a span, such as that of the goroutine that handles a
// connection; without one if the mode makes traces of its own.
func (s *bench) context() context.Context {
	if s.tp == nil || s.own {
		return s.followed(context.Background())
	}
	ctx, span := s.tp.Tracer("bench").Start(context.Background(), "handler")
	span.End()
	return s.followed(ctx)
}

// followed makes package live follow the connections of ctx, in the modes that do.
func (s *bench) followed(ctx context.Context) context.Context {
	if !s.live {
		return ctx
	}
	return live.WithUnsampled(ctx)
}

func (s *bench) dial() conn {
	c, _, err := s.end.dial(s.followed(s.b.Context()), s.url, options{}, s.opts...)
	if err != nil {
		s.b.Fatal(err)
	}
	c.SetReadLimit(-1)
	s.b.Cleanup(func() { _ = c.CloseNow() })
	return s.wrap(c)
}

func (s *bench) flush() {
	if s.flusher != nil {
		_ = s.flusher.ForceFlush(context.Background())
	}
}

func echoServer(ctx context.Context, c conn) {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return
		}
		_ = c.Write(ctx, typ, p)
	}
}

// ping sends a message there and back.
func ping(ctx context.Context, b *testing.B, c conn, msg []byte) {
	if err := c.Write(ctx, messageBinary, msg); err != nil {
		b.Error(err)
	}
	if _, _, err := c.Read(ctx); err != nil {
		b.Error(err)
	}
}
