package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/wsconn"
)

// Small socket buffers, in bytes; the kernel doubles them. The sender's is larger than
// the receiver's window, so that the sender waits for the window.
const (
	sendBuffer    = 16 << 10
	receiveBuffer = 2 << 10
)

// fill is the size of a message in bytes for a client that is not this program's, whose
// receive buffer is the kernel's default. Some hundred of them fill that and the small
// send buffer. It would take tens of thousands of small messages. Each is a segment
// whose bookkeeping fills the send buffer, so that the sender would wait for
// acknowledgements before the window is full.
const fill = 4 << 10

// server is the service socket_start.
type server struct {
	tracer   *trace.Tracer
	small    bool
	hold     bool // print what is stuck right now
	log      *progress
	message  []byte
	handlers sync.WaitGroup

	mu      sync.Mutex
	senders map[*sender]bool
}

// sender is a call of sen_data in progress.
type sender struct {
	sent    atomic.Int64
	writing atomic.Bool // inside Write
	seen    int64       // sent at the last look, -1 if it was not writing; only watch uses it
	told    int64       // 1 + sent when it was last reported as stuck, 0: never; only watch uses it
}

// listen binds addr, or a free port of this machine.
func (s *server) listen(ctx context.Context, addr string) (net.Listener, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s.log.printf("socket_start  listens on ws://%s", l.Addr())
	if s.small {
		l = smallListener{l}
	}
	return l, nil
}

// whole keeps the connection in one trace, however many messages fit into the buffers.
var whole = wsconn.WithTraceBudget(0, 0)

// serve runs sen_data for every connection until ctx ends.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.counted(wsconn.Handler("sen_data", s.senData, whole)),
		BaseContext:       func(net.Listener) context.Context { return s.tracer.NewContext(ctx) },
		ReadHeaderTimeout: 5 * time.Second,
	}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.watch(ctx)
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	s.handlers.Wait()
	return nil
}

// counted returns a handler that runs h, and counts its requests for settle.
func (s *server) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.handlers.Add(1)
		defer s.handlers.Done()
		h.ServeHTTP(w, r)
	})
}

// settle waits until the handlers have noticed that their clients are gone.
func (s *server) settle() {
	settled := make(chan struct{})
	go func() {
		s.handlers.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case <-time.After(2 * time.Second):
	}
}

// senData sends for ever.
func (s *server) senData(ctx context.Context, c *wsconn.Conn) error {
	s.log.printf("socket_start  sen_data begins to send")
	me := &sender{seen: -1}
	s.mu.Lock()
	if s.senders == nil {
		s.senders = make(map[*sender]bool)
	}
	s.senders[me] = true
	s.mu.Unlock()
	for {
		me.writing.Store(true)
		err := c.Write(ctx, wsconn.MessageText, s.message)
		me.writing.Store(false)
		if err != nil {
			s.mu.Lock() // watch must not report it any more
			delete(s.senders, me)
			s.mu.Unlock()
			s.log.printf("socket_start  sen_data ends, its write failed: %v", err)
			return err
		}
		me.sent.Add(1)
	}
}

// lookEvery is the interval of watch's checks, and so the shortest write that counts as
// stuck.
const lookEvery = 250 * time.Millisecond

// holdFor is how many checks after a sender got stuck the answer is printed: about two
// seconds.
const holdFor = 8

// watch prints when a sender gets stuck, until ctx ends.
func (s *server) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	left := -1 // looks until what is stuck is printed
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s.mu.Lock()
		for one := range s.senders {
			if n, stuck := one.look(); stuck {
				s.log.printf("socket_start  sen_data is stuck: %d messages sent", n)
				if s.hold {
					left = holdFor
				}
			}
		}
		s.mu.Unlock()
		if left--; left == 0 {
			s.log.answer(live.Snapshot())
			s.hold = false // once is enough
		}
	}
}

// look reports whether the sender is in the same write as at the last look, unless that
// write has been reported.
func (one *sender) look() (sent int64, stuck bool) {
	sent = one.sent.Load()
	if !one.writing.Load() || sent != one.sent.Load() {
		one.seen = -1
		return sent, false
	}
	stuck = one.seen == sent && one.told != sent+1
	if one.seen = sent; stuck {
		one.told = sent + 1 // +1, since 0 means never
	}
	return sent, stuck
}

// smallListener accepts connections with a small send buffer.
type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		if err := tcp.SetWriteBuffer(sendBuffer); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	return nc, nil
}

// client is the service socket_get.
type client struct {
	tracer     *trace.Tracer
	small      bool
	log        *progress
	messages   int
	work, idle time.Duration
}

// run runs hello as the goroutine of this name, until it returns or ctx ends.
func (c *client) run(ctx context.Context, url string) error {
	return trace.Handle(c.tracer.NewContext(ctx), "hello", func(ctx context.Context) error {
		return c.hello(ctx, url)
	})
}

// hello reads some messages, with work after each, stops reading, and closes.
func (c *client) hello(ctx context.Context, url string) error {
	conn, _, err := wsconn.Dial(ctx, url, &wsconn.DialOptions{HTTPClient: c.httpClient()}, whole)
	if err != nil {
		return err
	}
	defer conn.CloseNow() // what was not read is lost, as when a program ends

	for i := range c.messages {
		if i > 0 {
			if err := trace.Sleep(ctx, c.work); err != nil {
				return err
			}
		}
		_, p, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		c.log.printf("socket_get    hello has read %s", bytes.TrimRight(p, " "))
	}
	c.log.printf("socket_get    hello stops reading; the connection stays open")
	if err := trace.Sleep(ctx, c.idle); err != nil {
		return err
	}
	c.log.printf("socket_get    hello closes the connection")
	return nil
}

// httpClient returns a client with a small receive buffer. It is set before connecting:
// the kernel does not shrink a window that it has offered.
func (c *client) httpClient() *http.Client {
	var d net.Dialer
	if c.small {
		d.Control = func(_, _ string, conn syscall.RawConn) error {
			return conn.Control(func(fd uintptr) { setReceiveBuffer(fd, receiveBuffer) })
		}
	}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
}
