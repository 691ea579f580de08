package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/wsconn"
)

// conn is the methods of a connection, bare or traced, that the load needs.
type conn interface {
	Read(ctx context.Context) (websocket.MessageType, []byte, error)
	Write(ctx context.Context, typ websocket.MessageType, p []byte) error
	Close(code websocket.StatusCode, reason string) error
	CloseNow() error
	SetReadLimit(n int64)
}

// load is a server and its clients, bare or traced. One client in three reads slowly:
// the server sends more to it than it reads, so that the server's writes block.
type load struct {
	name   string
	accept func(w http.ResponseWriter, r *http.Request) (conn, error)
	dial   func(ctx context.Context, url string) (conn, error)

	echoes, connections, faults atomic.Int64
	mu                          sync.Mutex
	took                        []time.Duration // the echoes since the last row
}

func bareLoad() *load {
	return &load{
		name: "bare",
		accept: func(w http.ResponseWriter, r *http.Request) (conn, error) {
			return checked(websocket.Accept(w, r, nil))
		},
		dial: func(ctx context.Context, url string) (conn, error) {
			c, _, err := websocket.Dial(ctx, url, nil)
			return checked(c, err)
		},
	}
}

func tracedLoad(opts ...wsconn.Option) *load {
	return &load{
		name: "traced",
		accept: func(w http.ResponseWriter, r *http.Request) (conn, error) {
			return checked(wsconn.Accept(w, r, nil, opts...))
		},
		dial: func(ctx context.Context, url string) (conn, error) {
			c, _, err := wsconn.Dial(ctx, url, nil, opts...)
			return checked(c, err)
		},
	}
}

func checked[C conn](c C, err error) (conn, error) {
	if err != nil {
		return nil, err
	}
	c.SetReadLimit(-1)
	return c, nil
}

// run keeps the given number of clients connected until ctx ends.
func (l *load) run(ctx context.Context, clients int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	srv := http.Server{Handler: http.HandlerFunc(l.serve), ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(listener) }()
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for ctx.Err() == nil {
				l.client(ctx, fmt.Sprintf("ws://%s/?slow=%t", listener.Addr(), i%3 == 0), i%3 == 0, rng)
			}
		})
	}
	wg.Wait()
	_ = srv.Close()
	<-served
	return nil
}

// client is one connection, for about a second.
func (l *load) client(ctx context.Context, url string, slow bool, rng *rand.Rand) {
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	c, err := l.dial(own, url)
	if err != nil {
		l.fault("dial", err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	l.connections.Add(1)
	for range 20 + rng.IntN(60) {
		if slow {
			if _, _, err := c.Read(own); err != nil {
				l.fault("read", err)
				return
			}
			wait(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
			continue
		}
		msg := bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, 1+rng.IntN(2000))
		start := time.Now()
		if err := c.Write(own, websocket.MessageText, msg); err != nil {
			l.fault("write", err)
			return
		}
		_, got, err := c.Read(own)
		if err != nil || !bytes.Equal(got, msg) {
			l.fault("echo", fmt.Errorf("%d bytes for %d: %w", len(got), len(msg), err))
			return
		}
		l.echo(time.Since(start))
		wait(ctx, time.Duration(rng.IntN(20))*time.Millisecond)
	}
	if !slow {
		_ = c.Close(websocket.StatusNormalClosure, "")
	}
}

// serve echoes or, to a slow client, sends until the client is gone.
func (l *load) serve(w http.ResponseWriter, r *http.Request) {
	c, err := l.accept(w, r)
	if err != nil {
		l.fault("accept", err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	ctx := r.Context()
	if r.URL.Query().Get("slow") == "true" {
		for c.Write(ctx, websocket.MessageBinary, make([]byte, 100_000)) == nil {
		}
		return
	}
	for {
		typ, msg, err := c.Read(ctx)
		if err != nil {
			return
		}
		if c.Write(ctx, typ, msg) != nil {
			return
		}
	}
}

func (l *load) echo(d time.Duration) {
	l.echoes.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, d)
}

// fault counts an error that must not occur, and prints the first five.
func (l *load) fault(what string, err error) {
	if l.faults.Add(1) <= 5 {
		fmt.Printf("%s: %s: %v\n", l.name, what, err)
	}
}

// since returns the number of echoes since its last call, and their median and 99th
// percentile.
func (l *load) since() (n int, half, most time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n = len(l.took); n > 0 {
		slices.Sort(l.took)
		half, most = l.took[n/2], l.took[n*99/100]
	}
	l.took = l.took[:0]
	return n, half, most
}
