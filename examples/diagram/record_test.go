//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
)

var record = flag.Bool("record", false, "write the spans of the scenarios anew, to trace/sequence/testdata")

// TestRecord records the spans of real programs, from which the diagrams of the
// scenarios are drawn in the tests of trace/sequence.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("run with -record: it writes the spans of the scenarios anew")
	}
	for name, play := range scenarios {
		t.Run(name, func(t *testing.T) {
			f, err := os.Create(filepath.Join("..", "..", "trace", "sequence", "testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s := &stage{t: t, file: f}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			play(ctx, s)
			s.shutdown()
		})
	}
}

// stage has a tracer for each service, and a connection.
type stage struct {
	t         *testing.T
	file      *os.File
	providers []*sdktrace.TracerProvider
	servers   []func()
	sent      atomic.Int64
}

func (s *stage) tracer(service string) *trace.Tracer {
	e, err := telemetry.NewFile(s.t.Context(), s.file)
	if err != nil {
		s.t.Fatal(err)
	}
	p := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(e, sdktrace.WithMaxQueueSize(1<<16), sdktrace.WithMaxExportBatchSize(1<<16), sdktrace.WithBatchTimeout(time.Minute)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", service), attribute.String("host.name", "box"))))
	s.providers = append(s.providers, p)
	return trace.New(trace.WithTracerProvider(p))
}

func (s *stage) shutdown() {
	for _, stop := range s.servers {
		stop()
	}
	for _, p := range s.providers {
		if err := p.Shutdown(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	}
}

// buffers sets the socket buffers of what is dialed or listened.
func buffers(receive, send int) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, receive)
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF, send)
		})
	}
}

// serve runs a handler as the goroutine name of the service, and returns its URL.
func (s *stage) serve(ctx context.Context, service, name string, h func(context.Context, *wsconn.Conn) error) string {
	lc := net.ListenConfig{Control: buffers(4<<10, 16<<10)}
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	tracer := s.tracer(service)
	var handlers sync.WaitGroup
	handler := wsconn.Handler(name, h)
	srv := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			handlers.Add(1)
			defer handlers.Done()
			handler.ServeHTTP(w, r)
		}),
		BaseContext: func(net.Listener) context.Context { return tracer.NewContext(ctx) },
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	s.servers = append(s.servers, func() {
		handlers.Wait()
		_ = srv.Close()
		<-served
	})
	return "ws://" + l.Addr().String()
}

// dial runs f as the goroutine name of the service, with a connection.
func (s *stage) dial(ctx context.Context, service, name, url string, header http.Header, f func(context.Context, *wsconn.Conn, *net.TCPConn) error) {
	var tcp *net.TCPConn
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		nc, err := (&net.Dialer{Control: buffers(4<<10, 16<<10)}).DialContext(ctx, network, address)
		tcp, _ = nc.(*net.TCPConn)
		return nc, err
	}}
	defer transport.CloseIdleConnections()
	_ = trace.Handle(s.tracer(service).NewContext(ctx), name, func(ctx context.Context) error {
		c, _, err := wsconn.Dial(ctx, url, &wsconn.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header})
		if err != nil {
			return err
		}
		defer c.CloseNow()
		return f(ctx, c, tcp)
	})
}

// send writes messages until one fails.
func (s *stage) send(ctx context.Context, c *wsconn.Conn) error {
	message := make([]byte, 1000)
	for {
		if err := c.Write(ctx, wsconn.MessageBinary, message); err != nil {
			return err
		}
		s.sent.Add(1)
	}
}

// stalled waits until nothing has been sent for a while.
func (s *stage) stalled() {
	for last, since := int64(-1), time.Now(); time.Since(since) < 200*time.Millisecond; <-time.After(10 * time.Millisecond) {
		if now := s.sent.Load(); now != last {
			last, since = now, time.Now()
		}
	}
}

func read(ctx context.Context, c *wsconn.Conn, n int) error {
	for range n {
		if _, _, err := c.Read(ctx); err != nil {
			return err
		}
	}
	return nil
}

var scenarios = map[string]func(context.Context, *stage){
	"stalled": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			for range 3 {
				if err := read(ctx, c, 1); err != nil {
					return err
				}
				if err := trace.Sleep(ctx, 300*time.Millisecond); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"resumed": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			s.stalled()
			for before := s.sent.Load(); s.sent.Load() < before+5; {
				if err := read(ctx, c, 1); err != nil {
					return err
				}
			}
			return nil
		})
	},
	"reset": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(_ context.Context, _ *wsconn.Conn, tcp *net.TCPConn) error {
			s.stalled()
			return errors.Join(tcp.SetLinger(0), tcp.Close())
		})
	},
	"deadlock": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			return s.send(ctx, c)
		})
	},
	"writers": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", func(ctx context.Context, c *wsconn.Conn) error {
			writer := trace.Go(ctx, "ticker", func(ctx context.Context) error {
				s.stalled()
				return c.Write(ctx, wsconn.MessageText, []byte("tick"))
			})
			err := s.send(ctx, c)
			return errors.Join(err, writer.Wait(ctx))
		})
		s.dial(ctx, "socket_get", "hello", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			s.stalled()
			s.stalled()
			return read(ctx, c, 40)
		})
	},
	"refused": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "socket_start", "sen_data", s.send)
		s.dial(ctx, "socket_get", "hello", url, http.Header{"Origin": {"http://elsewhere.example"}},
			func(context.Context, *wsconn.Conn, *net.TCPConn) error { return nil })
	},
	"echo": func(ctx context.Context, s *stage) {
		url := s.serve(ctx, "echo_server", "echo", func(ctx context.Context, c *wsconn.Conn) error {
			for {
				typ, p, err := c.Read(ctx)
				if err != nil {
					return err
				}
				if err := c.Write(ctx, typ, p); err != nil {
					return err
				}
			}
		})
		s.dial(ctx, "echo_client", "ask", url, nil, func(ctx context.Context, c *wsconn.Conn, _ *net.TCPConn) error {
			for range 20 {
				if err := c.Write(ctx, wsconn.MessageText, []byte("hello")); err != nil {
					return err
				}
				if err := read(ctx, c, 1); err != nil {
					return err
				}
			}
			return c.Close(wsconn.StatusNormalClosure, "")
		})
	},
	"lock": func(ctx context.Context, s *stage) {
		ctx = s.tracer("workshop").NewContext(ctx)
		_ = trace.Handle(ctx, "main", func(ctx context.Context) error {
			var mu trace.Mutex
			var tasks []*trace.Task
			for _, name := range []string{"alice", "bob", "carol"} {
				tasks = append(tasks, trace.Go(ctx, name, func(ctx context.Context) error {
					if err := mu.Lock(ctx); err != nil {
						return err
					}
					defer mu.Unlock()
					return trace.Sleep(ctx, 40*time.Millisecond)
				}))
			}
			for _, task := range tasks {
				if err := task.Wait(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	},
}
