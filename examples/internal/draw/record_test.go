//go:build linux

package draw_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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
			if name == "network" && os.Getenv(slowLoopback) == "" {
				onSlowLoopback(t)
				return
			}
			f, err := os.Create(filepath.Join(root, "trace", "sequence", "testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s := &stage{t: t, file: f, sockets: small}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			play(ctx, s)
			s.shutdown()
		})
	}
}

// slowLoopback is set where the loopback device is slow.
const slowLoopback = "WAKECHAIN_SLOW_LOOPBACK"

// onSlowLoopback runs the test again in a network namespace of its own, whose
// loopback lets little through. Only root may make one.
func onSlowLoopback(t *testing.T) {
	t.Helper()
	ns := fmt.Sprintf("wakechain-%d", os.Getpid())
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
	}
	ip("ip", "netns", "add", ns)
	defer ip("ip", "netns", "delete", ns)
	ip("ip", "-n", ns, "link", "set", "lo", "mtu", "1500", "up")
	ip("tc", "-n", ns, "qdisc", "add", "dev", "lo", "root", "tbf", "rate", "1mbit", "burst", "4kb", "limit", "12kb")
	ip("ip", "netns", "exec", ns, "env", slowLoopback+"=1", os.Args[0], "-test.run=^TestRecord$/^network$", "-record")
}

// stage has a tracer for each service, and a connection.
type stage struct {
	t         *testing.T
	file      *os.File
	providers []*sdktrace.TracerProvider
	servers   []func()
	sent      atomic.Int64
	sockets   buffers // of the connections that follow
	opts      []wsconn.Option
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

// buffers are the sizes of a socket's buffers in bytes, 0 for the system's.
type buffers struct{ receive, send int }

// small buffers are full soon.
var small = buffers{receive: 4 << 10, send: 16 << 10}

func (b buffers) control(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		for opt, n := range map[int]int{syscall.SO_RCVBUF: b.receive, syscall.SO_SNDBUF: b.send} {
			if n > 0 {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, opt, n)
			}
		}
	})
}

// serve runs a handler as the goroutine name of the service, and returns its URL.
func (s *stage) serve(ctx context.Context, service, name string, h func(context.Context, *wsconn.Conn) error) string {
	lc := net.ListenConfig{Control: s.sockets.control}
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	tracer := s.tracer(service)
	var handlers sync.WaitGroup
	handler := wsconn.Handler(name, h, s.opts...)
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
		nc, err := (&net.Dialer{Control: s.sockets.control}).DialContext(ctx, network, address)
		tcp, _ = nc.(*net.TCPConn)
		return nc, err
	}}
	defer transport.CloseIdleConnections()
	_ = trace.Handle(s.tracer(service).NewContext(ctx), name, func(ctx context.Context) error {
		c, _, err := wsconn.Dial(ctx, url, &wsconn.DialOptions{HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header}, s.opts...)
		if err != nil {
			return err
		}
		defer c.CloseNow()
		return f(ctx, c, tcp)
	})
}
