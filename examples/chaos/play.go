package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// play is one connection in progress: its two ends write to each other while something
// goes wrong.
type play struct {
	plan
	stage     *stage
	serial    int64      // by which the server finds the play: with -only, several have the same index
	telemetry *telemetry // nil: bare
	cable     *cable
	ends      [2]*end // the client and the server

	ctx    context.Context // of all calls
	cancel context.CancelFunc
	soon   *time.Timer // calls cancel; nil: the play ends by itself
	report func(index int, format string, args ...any)

	trace    oteltrace.TraceID // of the client's goroutine
	meddling *meddling         // nil: none

	mu      sync.Mutex
	over    bool // no further handler may begin
	losses  []string
	serving sync.WaitGroup
}

// end is one end of a connection, and the counts of its calls.
type end struct {
	p       *play
	k       int // 0: the client
	name    string
	in, out *ledger
	rng     *rand.Rand // of the reading goroutine
	conn    conn       // set when the handshake is over

	id       string // websocket.connection.id
	recorded bool

	reads, writes, pings    atomic.Int64 // calls
	written, writtenBytes   atomic.Int64 // messages, of the writes that succeeded
	received, receivedBytes atomic.Int64
	streamed                bool
	work                    sync.WaitGroup // of its goroutines
	wrote                   sync.WaitGroup // of its writers and pings
	all                     chan struct{}  // closed when every message has been read
	gone                    chan struct{}  // closed when its reader has ended
	begun                   chan struct{}  // closed when the handshake is over
	allOnce, goneOnce       sync.Once
}

// Time limits of a play.
const (
	shaken   = 3 * time.Second        // the handshake, unless the play is lossless
	patience = 700 * time.Millisecond // the rest of such a play
	limit    = 60 * time.Second       // a play that must end by itself
	prompt   = 4 * time.Second        // losses of longer plays are not reported: a library gives up after 5 s
	patient  = 3 * limit              // longer than any timer of a play
)

var serials atomic.Int64

func newPlay(pl plan, s *stage) *play {
	p := &play{plan: pl, stage: s, report: s.report, serial: serials.Add(1)}
	up, down := newLedger(p.index), newLedger(p.index)
	up.deflate, down.deflate = p.compress && !p.fault.lossless, p.compress && !p.fault.lossless
	for k, name := range []string{"client", "server"} {
		p.ends[k] = &end{
			p: p, k: k, name: name, rng: p.rng(uint64(10 + k)),
			all: make(chan struct{}), gone: make(chan struct{}), begun: make(chan struct{}), streamed: p.streams[k],
		}
	}
	p.ends[0].out, p.ends[1].in = up, up
	p.ends[1].out, p.ends[0].in = down, down
	p.cable = &cable{rng: func(k uint64) *rand.Rand { return p.rng(20 + k) }}
	if p.fault.cable != nil {
		p.fault.cable(p.cable, p.rng(3))
	}
	if !p.bare {
		p.telemetry = s.telemetry(&p.plan)
	}
	return p
}

// run runs the play, and returns when all its goroutines have ended.
func (p *play) run() {
	start := time.Now()
	p.ctx, p.cancel = context.WithTimeout(context.Background(), limit)
	defer p.cancel()
	if !p.fault.lossless {
		p.soon = time.AfterFunc(shaken, p.cancel)
		defer p.soon.Stop()
	}
	watch := time.AfterFunc(2*limit, func() { p.report(p.index, "hangs for %v: %v\n%s", 2*limit, &p.plan, stacks()) })
	defer watch.Stop()

	client := p.ends[0]
	play := func(ctx context.Context) error {
		p.trace = oteltrace.SpanContextFromContext(ctx).TraceID()
		p.meddle()
		if p.fault.raw != nil {
			p.fault.raw(ctx, p, p.rng(4))
			return nil
		}
		return client.dial(ctx)
	}
	if p.bare {
		_ = play(p.ctx)
	} else {
		_ = trace.Handle(p.telemetry.tracer.NewContext(p.ctx), "play", play)
	}

	p.mu.Lock()
	p.over = true
	p.mu.Unlock()
	p.cable.end(-1)
	if !p.fault.lossless {
		p.cancel()
	}
	p.serving.Wait()
	p.cancel()
	p.cable.remove()
	for _, e := range p.ends {
		e.work.Wait()
	}
	p.judge(time.Since(start))
}

// lose notes a loss, which must not be in a lossless play. It does nothing in another one.
func (p *play) lose(format string, args ...any) {
	if !p.fault.lossless {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.losses = append(p.losses, fmt.Sprintf(format, args...))
}

// judge reports the losses when the play has ended. It does not if the play took so long
// that the libraries' own time limits may have passed, as on a busy machine.
func (p *play) judge(took time.Duration) {
	if p.fault.raw != nil {
		return
	}
	for k, e := range p.ends {
		if n, want := int(e.peer().received.Load()), p.messages(k); n != want {
			p.lose("the %s's peer read %d of %d messages, %d of those that were written are lost", e.name, n, want, e.out.lost())
		}
	}
	if took > prompt {
		if p.fault.lossless {
			p.stage.control.slow.Add(1)
		}
		return
	}
	for _, loss := range p.losses {
		p.report(p.index, "%s", loss)
	}
}

func (e *end) peer() *end { return e.p.ends[1-e.k] }

func (p *play) settings() settings {
	s := settings{compress: p.compress}
	if !p.bare {
		s.options = append(s.options, wsconn.WithTracerProvider(p.telemetry.provider), wsconn.WithMeterProvider(p.telemetry.meters))
		s.options = append(s.options, p.volume.options...)
		if p.minBlock > 0 {
			s.options = append(s.options, wsconn.WithMinBlock(p.minBlock))
		}
		if p.public {
			s.options = append(s.options, wsconn.WithPublicEndpoint())
		}
	}
	return s
}

func (p *play) side() *side {
	if p.bare {
		return &p.library.bare
	}
	return &p.library.traced
}

// dial runs the client.
func (e *end) dial(ctx context.Context) error {
	s, p := e.p.settings(), e.p
	s.dial, s.tls = p.cable.dial, &tls.Config{RootCAs: p.stage.roots}
	t := &http.Transport{DialContext: s.dial, TLSClientConfig: s.tls}
	defer t.CloseIdleConnections()
	s.client = &http.Client{Transport: t}
	c, err := p.side().dial(ctx, p.stage.url(p), s) //nolint:bodyclose // the library's
	if err != nil {
		e.note("dial", err)
		p.lose("the dial failed: %v", err)
		return err
	}
	defer func() { _ = c.CloseNow() }()
	return e.converse(ctx, c)
}

// serve handles the request for the server's end.
func (p *play) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	if p.over {
		p.mu.Unlock()
		return
	}
	p.serving.Add(1)
	p.mu.Unlock()
	defer p.serving.Done()
	// A hijack does not end net/http's context. This one ends with p.
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)() //nolint:contextcheck // the play's end ends it as well
	r = r.WithContext(ctx)
	e, s := p.ends[1], p.settings()
	if p.handler && !p.bare {
		p.library.handler("serve", func(ctx context.Context, c conn) error { return e.converse(ctx, c) }, s).ServeHTTP(w, r)
		return
	}
	c, err := p.side().accept(w, r, s)
	if err != nil {
		e.note("accept", err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	_ = e.converse(c.Context(ctx), c)
}

// converse uses the connection of an end: it reads all messages, and concurrently writes
// and pings. The client closes.
func (e *end) converse(ctx context.Context, c conn) error {
	p := e.p
	sc := oteltrace.SpanContextFromContext(c.Context(context.Background())) //nolint:contextcheck // of the handshake alone
	e.conn, e.id, e.recorded = c, sc.SpanID().String(), sc.IsSampled()
	c.SetReadLimit(-1)
	defer e.goneOnce.Do(func() { close(e.gone) })
	for w, sizes := range p.sizes[e.k] {
		rng := p.rng(uint64(30 + 10*e.k + w))
		e.wrote.Add(1)
		e.work.Go(func() { defer e.wrote.Done(); e.write(ctx, w, sizes, rng) })
	}
	e.wrote.Add(1)
	e.work.Go(func() { defer e.wrote.Done(); e.ping(ctx) })
	close(e.begun)
	select {
	case <-e.peer().begun:
		if p.soon != nil {
			p.soon.Reset(patience)
		}
	default:
	}
	if p.fault.beside != nil {
		rng := p.rng(uint64(50 + e.k))
		e.work.Go(func() { p.fault.beside(ctx, e, rng) })
	}
	if e.k == 0 {
		e.work.Go(func() { e.closes(ctx) })
	}
	return e.read(ctx)
}

// closes closes the connection once both ends have written and read all messages.
func (e *end) closes(ctx context.Context) {
	peer := e.peer()
	for _, done := range []chan struct{}{e.all, peer.begun, peer.all} {
		select {
		case <-done:
		case <-e.gone:
			return
		case <-ctx.Done():
			return
		}
	}
	e.wrote.Wait()
	peer.wrote.Wait()
	e.note("close", e.conn.Close(1000, "done"))
}

// read reads messages until one fails.
func (e *end) read(ctx context.Context) error {
	want := e.p.messages(1 - e.k)
	for n := 0; ; n++ {
		ctx := ctx
		if e.p.fault.reading != nil {
			ctx = e.p.fault.reading(ctx, e, n)
		}
		e.reads.Add(1)
		msg, err := e.readOne(ctx)
		if err != nil {
			e.note("read", err)
			switch {
			case !e.p.fault.lossless:
			case n < want:
				e.p.lose("the %s's read failed after %d of %d messages: %v", e.name, n, want, err)
			case !e.p.fault.pinged && e.k == 1 && e.p.library.closeStatus(err) != 1000:
				e.p.lose("the server's last read returned %v, and not a close of 1000", err)
			}
			return err
		}
		e.received.Add(1)
		e.receivedBytes.Add(int64(len(msg)))
		if e.p.fault.raw == nil && !e.p.garbles() {
			e.verify(msg)
		}
		if n+1 == want {
			e.allOnce.Do(func() { close(e.all) })
		}
	}
}

// verify checks a message that was read against those that were written.
func (e *end) verify(msg []byte) {
	cut, err := e.in.read(msg)
	if cut {
		e.p.lose("the %s read a part of a message", e.name)
	}
	if err != nil {
		e.p.report(e.p.index, "the %s read %v", e.name, err)
	}
}

func (e *end) readOne(ctx context.Context) ([]byte, error) {
	if !e.streamed {
		return e.conn.Read(ctx)
	}
	r, err := e.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	var msg bytes.Buffer
	part := make([]byte, 1+e.rng.IntN(5000))
	for {
		n, err := r.Read(part)
		msg.Write(part[:n])
		switch {
		case err == io.EOF:
			return msg.Bytes(), nil
		case err != nil:
			return nil, err
		}
	}
}

// write writes messages until one fails.
func (e *end) write(ctx context.Context, writer int, sizes []int, rng *rand.Rand) {
	for n, size := range sizes {
		ctx := ctx
		if e.p.fault.writing != nil {
			ctx = e.p.fault.writing(ctx, e, n, rng)
		}
		msg := payload(e.p.index, writer, n, size)
		e.out.wrote(writer, n, false)
		e.writes.Add(1)
		if err := e.writeOne(ctx, msg, rng, writer, n); err != nil {
			e.note("write", err)
			e.p.lose("the %s's write %d failed: %v", e.name, n, err)
			return
		}
		e.out.wrote(writer, n, true)
		e.written.Add(1)
		e.writtenBytes.Add(int64(len(msg)))
	}
}

func (e *end) writeOne(ctx context.Context, msg []byte, rng *rand.Rand, writer, number int) error {
	size := len(msg)
	text := rng.IntN(2) == 0
	if !e.streamed {
		return e.conn.Write(ctx, text, msg)
	}
	w, err := e.conn.Writer(ctx, text)
	if err != nil {
		return err
	}
	for len(msg) > 0 {
		n := min(len(msg), 1+rng.IntN(20_000))
		if _, err := w.Write(msg[:n]); err != nil {
			e.out.ends(writer, number, size)
			if w.Close() != nil {
				e.out.neverEnded(writer, number)
			}
			return err
		}
		msg = msg[n:]
	}
	return w.Close()
}

func (e *end) ping(ctx context.Context) {
	for range e.p.plan.pings[e.k] {
		e.pings.Add(1)
		if err := e.conn.Ping(ctx); err != nil {
			e.note("ping", err)
			e.p.lose("the %s's ping failed: %v", e.name, err)
			return
		}
	}
}

// note passes the error of a call to the comparison with bare plays.
func (e *end) note(call string, err error) {
	if err != nil {
		e.p.stage.control.note(e.p, e.name+"'s "+call, err)
	}
}

func stacks() string {
	buf := make([]byte, 1<<20)
	return string(buf[:runtime.Stack(buf, true)])
}
