package emitted_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wsjson"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// pair is a connection in memory. Bytes take a millisecond to the other end.
type pair struct {
	client, server     *wsconn.Conn
	rawClient, rawPeer *wstest.Conn
	ctx                context.Context
}

// connect makes a pair, below the span in ctx if there is one.
func (s *stage) connect(ctx context.Context, pipe []wstest.Option, opts ...wsconn.Option) *pair {
	s.Helper()
	p := &pair{ctx: ctx}
	p.rawClient, p.rawPeer = wstest.NetPipe(append([]wstest.Option{wstest.WithLatency(ms)}, pipe...)...)
	p.client, p.server = wstest.Pipe(s.T, wstest.WithConns(p.rawClient, p.rawPeer), wstest.WithContext(ctx),
		wstest.WithClient(opts...), wstest.WithServer(opts...))
	time.Sleep(10 * ms)
	return p
}

// end closes both ends, one after the other.
func (p *pair) end() {
	_ = p.client.CloseNow()
	time.Sleep(10 * ms)
	_ = p.server.CloseNow()
	time.Sleep(10 * ms)
}

// at runs f in its own goroutine without a span, some milliseconds from now.
func at(n int, f func()) (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		time.Sleep(time.Duration(n) * ms)
		f()
	}()
	return ended
}

func each(done ...<-chan struct{}) {
	for _, d := range done {
		<-d
	}
}

func write(ctx context.Context, c *wsconn.Conn, size int) {
	_ = c.Write(ctx, wsconn.MessageBinary, make([]byte, size))
}

func read(ctx context.Context, c *wsconn.Conn) error {
	_, _, err := c.Read(ctx)
	return err
}

// echo sends n messages there and back.
func (p *pair) echo(n int) {
	served := at(0, func() {
		for range n {
			typ, b, err := p.server.Read(p.ctx)
			if err != nil {
				return
			}
			time.Sleep(ms)
			_ = p.server.Write(p.ctx, typ, b)
		}
	})
	for i := range n {
		time.Sleep(5 * ms)
		_ = p.client.Write(p.ctx, wsconn.MessageText, make([]byte, 10+i))
		_ = read(p.ctx, p.client)
	}
	<-served
	time.Sleep(5 * ms)
}

// ping sends a ping that nobody answers.
func (p *pair) ping() {
	ctx, cancel := context.WithTimeout(p.ctx, 20*ms)
	defer cancel()
	_ = p.client.Ping(ctx)
}

var connections = map[string]scenario{
	"echo": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		p.echo(2)
		p.end()
	}},
	"echo_below": {metrics: true, play: func(s *stage) {
		_ = trace.Handle(s.context(), "program", func(ctx context.Context) error {
			p := s.connect(ctx, nil, wsconn.WithoutPeerLinks())
			p.echo(2)
			p.end()
			return nil
		})
	}},
	"tasks": {play: func(s *stage) {
		p := s.connect(s.context(), nil)
		reader := trace.Go(p.server.Context(context.Background()), "reader", func(ctx context.Context) error {
			for {
				if err := read(ctx, p.server); err != nil {
					return err
				}
			}
		}, trace.WithErrorType(func(err error) string {
			if wsconn.CloseStatus(err) == wsconn.StatusNormalClosure {
				return ""
			}
			return trace.ErrorType(err)
		}))
		writer := trace.Go(p.client.Context(context.Background()), "writer", func(ctx context.Context) error {
			for range 3 {
				time.Sleep(5 * ms)
				write(ctx, p.client, 5)
			}
			return p.client.Close(wsconn.StatusNormalClosure, "bye")
		})
		wait(reader, writer)
	}},
	"streams": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		reads := at(0, func() {
			_, r, err := p.server.Reader(p.ctx)
			if err != nil {
				return
			}
			_, _ = io.ReadFull(r, make([]byte, 4))
			time.Sleep(10 * ms)
			_, _ = io.ReadAll(r)
			_, r, err = p.server.Reader(p.ctx) // left before the end of its message
			if err == nil {
				_, _ = io.ReadFull(r, make([]byte, 4))
			}
			time.Sleep(20 * ms)
		})
		w, err := p.client.Writer(p.ctx, wsconn.MessageText)
		if err != nil {
			s.Fatal(err)
		}
		_, _ = w.Write(make([]byte, 5000))
		time.Sleep(3 * ms)
		_, _ = w.Write(make([]byte, 5000))
		_ = w.Close()
		time.Sleep(15 * ms)
		w, err = p.client.Writer(p.ctx, wsconn.MessageBinary)
		if err != nil {
			s.Fatal(err)
		}
		_, _ = w.Write(make([]byte, 5000))
		<-reads
		p.end()
	}},
	"ping": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		ctx, cancel := context.WithCancel(p.ctx)
		reads := at(0, func() { _ = read(ctx, p.client) })
		closing := p.server.CloseRead(p.ctx)
		time.Sleep(ms)
		_ = p.client.Ping(p.ctx)
		time.Sleep(ms)
		cancel()
		<-reads
		<-closing.Done()
		time.Sleep(5 * ms)
		p.end()
	}},
	"ping_fails": {play: func(s *stage) {
		p := s.connect(s.context(), nil)
		p.ping()
		p.end()
	}},
	"stalled": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(4 << 10)})
		p.rawPeer.StopReading()
		first := at(1, func() { write(p.ctx, p.client, 10_000) })
		second := at(2, func() { write(p.ctx, p.client, 10) }) // waits for the first write
		reads := at(3, func() { _, _ = read(p.ctx, p.server), read(p.ctx, p.server) })
		time.Sleep(50 * ms)
		p.rawPeer.ResumeReading()
		each(first, second, reads)
		time.Sleep(10 * ms)
		p.end()
	}},
	// A run of writes during which the peer stops reading for a while. Then a long wait in
	// a read.
	"runs": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(4 << 10)}, wsconn.WithMessageSpans(wsconn.MessagesAuto))
		reads := at(0, func() {
			for range 40 {
				_ = read(p.ctx, p.server)
			}
		})
		for range 20 {
			time.Sleep(5 * ms)
			write(p.ctx, p.client, 10)
		}
		p.rawPeer.StopReading()
		go func() {
			time.Sleep(50 * ms)
			p.rawPeer.ResumeReading()
		}()
		write(p.ctx, p.client, 10_000)
		for range 17 {
			write(p.ctx, p.client, 10)
			time.Sleep(3 * ms)
		}
		time.Sleep(1500 * ms)
		write(p.ctx, p.client, 10)
		write(p.ctx, p.client, 10)
		<-reads
		p.end()
	}},
	"stalled_deadline": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(4 << 10)})
		ctx, cancel := context.WithTimeoutCause(p.ctx, 20*ms, errBroken)
		defer cancel()
		write(ctx, p.client, 10_000)
		time.Sleep(5 * ms)
		p.end()
	}},
	"stalled_close": {play: func(s *stage) {
		p := s.connect(s.context(), []wstest.Option{wstest.WithWindow(4 << 10)})
		writes := at(1, func() { write(p.ctx, p.client, 10_000) })
		reads := at(2, func() { _ = read(p.ctx, p.client) })
		time.Sleep(20 * ms)
		p.end()
		each(writes, reads)
	}},
	"close": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithCloseReason())
		reads := at(0, func() { _ = read(p.ctx, p.server) })
		time.Sleep(5 * ms)
		_ = p.client.Close(wsconn.StatusGoingAway, "moving on")
		<-reads
		time.Sleep(5 * ms)
	}},
	"close_error": {play: func(s *stage) {
		p := s.connect(s.context(), nil)
		reads := at(0, func() { _ = read(p.ctx, p.client) })
		time.Sleep(5 * ms)
		closes := at(0, func() { _ = p.server.Close(wsconn.StatusPolicyViolation, "not so") })
		each(reads, closes)
		time.Sleep(5 * ms)
	}},
	"too_big": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		p.server.SetReadLimit(5)
		reads := at(0, func() { _ = read(p.ctx, p.server) })
		time.Sleep(5 * ms)
		write(p.ctx, p.client, 10)
		_ = read(p.ctx, p.client)
		<-reads
		time.Sleep(5 * ms)
	}},
	"reset": {play: func(s *stage) {
		p := s.connect(s.context(), nil)
		reads := at(0, func() { _ = read(p.ctx, p.client) })
		time.Sleep(5 * ms)
		_ = p.rawPeer.Reset()
		<-reads
		write(p.ctx, p.client, 5)
		p.end()
	}},
	"cut": {play: func(s *stage) {
		p := s.connect(s.context(), nil)
		reads := at(0, func() { _ = read(p.ctx, p.server) })
		time.Sleep(5 * ms)
		p.rawClient.CutAfter(50)
		write(p.ctx, p.client, 1000)
		<-reads
		p.end()
	}},
	"read_canceled": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		ctx, cancel := context.WithCancelCause(p.ctx)
		reads := at(0, func() { _ = read(ctx, p.client) })
		time.Sleep(5 * ms)
		cancel(errBroken)
		<-reads
		time.Sleep(5 * ms)
		p.end()
	}},
	"net_conn": {metrics: true, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		a, b := wsconn.NetConn(p.ctx, p.client, wsconn.MessageBinary), wsconn.NetConn(p.ctx, p.server, wsconn.MessageBinary)
		reads := at(0, func() {
			for range 3 {
				_, _ = b.Read(make([]byte, 4))
			}
		})
		time.Sleep(5 * ms)
		_, _ = a.Write(make([]byte, 10))
		<-reads
		_ = a.Close()
		time.Sleep(10 * ms)
		_ = b.Close()
	}},
	"json": {play: func(s *stage) {
		p := s.connect(s.context(), nil)
		reads := at(0, func() {
			var v map[string]int
			_ = wsjson.Read(p.ctx, p.server, &v)
		})
		time.Sleep(5 * ms)
		_ = wsjson.Write(p.ctx, p.client, map[string]int{"a": 1})
		<-reads
		p.end()
	}},
	"receive": {play: func(s *stage) {
		p := s.connect(s.context(), nil, wsconn.WithPeerParent())
		reads := at(0, func() {
			m, err := p.server.Receive(p.ctx)
			if err != nil {
				return
			}
			_, op := trace.Start(m.Context(p.ctx), "work")
			op.End(nil)
		})
		time.Sleep(5 * ms)
		write(p.ctx, p.client, 10)
		<-reads
		p.end()
	}},
	"coder": {play: func(s *stage) {
		ctx := s.context()
		client, server := wstest.CoderPipe(s.T, wstest.WithLatency(ms), wstest.WithContext(ctx))
		time.Sleep(10 * ms)
		reads := at(0, func() {
			typ, b, _ := server.Read(ctx)
			_ = server.Write(ctx, typ, b)
			_, _, _ = server.Read(ctx)
		})
		time.Sleep(5 * ms)
		_ = client.Write(ctx, 1, make([]byte, 10))
		_, _, _ = client.Read(ctx)
		time.Sleep(5 * ms)
		_ = client.Close(1000, "")
		<-reads
		time.Sleep(5 * ms)
	}},
	"handler": {metrics: true, play: func(s *stage) {
		for _, err := range []error{nil, errBroken} {
			s.handle(wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
				typ, b, readErr := c.Read(ctx)
				return errors.Join(readErr, c.Write(ctx, typ, b), err)
			}), func(ctx context.Context, client *http.Client) {
				c, _, err := wsconn.Dial(ctx, "ws://server/chat?token=secret", &wsconn.DialOptions{HTTPClient: client})
				if err != nil {
					s.Error(err)
					return
				}
				time.Sleep(5 * ms)
				write(ctx, c, 5)
				_ = read(ctx, c)
				_ = read(ctx, c)
				_ = c.CloseNow()
			})
		}
	}},
	"handler_compressed": {play: func(s *stage) {
		accept := &wsconn.AcceptOptions{CompressionMode: wsconn.CompressionContextTakeover, CompressionThreshold: 1, Subprotocols: []string{"wake"}}
		s.handle(wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
			typ, b, err := c.Read(ctx)
			return errors.Join(err, c.Write(ctx, typ, b))
		}, wsconn.WithAcceptOptions(accept), wsconn.WithPublicEndpoint()), func(ctx context.Context, client *http.Client) {
			ctx, op := trace.Start(ctx, "visit")
			defer op.End(nil)
			c, _, err := wsconn.Dial(ctx, "ws://server/", &wsconn.DialOptions{
				HTTPClient: client, CompressionMode: wsconn.CompressionContextTakeover, CompressionThreshold: 1, Subprotocols: []string{"wake"},
			})
			if err != nil {
				s.Error(err)
				return
			}
			time.Sleep(5 * ms)
			write(ctx, c, 500)
			_ = read(ctx, c)
			_ = read(ctx, c)
			_ = c.CloseNow()
		})
	}},
}

// handle serves h in the stage's context while f uses a client of that server.
func (s *stage) handle(h http.Handler, f func(ctx context.Context, client *http.Client)) {
	ctx := s.context()
	l := wstest.Listen(wstest.WithLatency(ms))
	var handling, serving sync.WaitGroup
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handling.Add(1)
			defer handling.Done()
			h.ServeHTTP(w, r)
		}),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	serving.Go(func() { _ = srv.Serve(wsconn.NewListener(l)) })
	f(ctx, &http.Client{Transport: &http.Transport{DialContext: l.DialContext, DisableKeepAlives: true}})
	synctest.Wait() // so that no handler begins any more
	handling.Wait()
	_ = srv.Close()
	serving.Wait()
	time.Sleep(10 * ms)
}
