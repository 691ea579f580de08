package coderws_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/coder/websocket"
	"go.opentelemetry.io/otel/propagation"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/coderws"
)

// methods are the library's: true where a call has a span, false where it is
// passed through. What both packages do is tested in internal/session.
var methods = map[string]bool{
	"Read": true, "Reader": true, "Write": true, "Writer": true,
	"Ping": true, "Close": true, "CloseNow": true,

	"CloseRead":    false, // its pongs and its close have spans
	"SetReadLimit": false,
	"Subprotocol":  false,
}

// own are the methods that the library does not have. One of the same name that
// it gets must be decided upon.
var own = []string{"Context", "Receive", "Unwrap"}

// A method that a new version of the library brings must be decided upon.
func TestMethodSet(t *testing.T) {
	library, conn := reflect.TypeFor[*websocket.Conn](), reflect.TypeFor[*coderws.Conn]()
	for i := range library.NumMethod() {
		want := library.Method(i)
		if _, ok := methods[want.Name]; !ok || slices.Contains(own, want.Name) {
			t.Errorf("%s is neither traced nor passed through", want.Name)
			continue
		}
		got, ok := conn.MethodByName(want.Name)
		if !ok {
			t.Errorf("Conn has no method %s", want.Name)
			continue
		}
		if g, w := signature(got.Type), signature(want.Type); g != w {
			t.Errorf("%s: got %s, want %s", want.Name, g, w)
		}
	}
	for name := range methods {
		if _, ok := library.MethodByName(name); !ok {
			t.Errorf("the library has no method %s", name)
		}
	}
	for i := range conn.NumMethod() {
		name := conn.Method(i).Name
		if _, ok := methods[name]; !ok && !slices.Contains(own, name) {
			t.Errorf("%s is neither the library's nor listed as our own", name)
		}
	}
}

// signature is the type of a method without its receiver.
func signature(f reflect.Type) string {
	var in, out []reflect.Type
	for i := 1; i < f.NumIn(); i++ {
		in = append(in, f.In(i))
	}
	for i := range f.NumOut() {
		out = append(out, f.Out(i))
	}
	return reflect.FuncOf(in, out, f.IsVariadic()).String()
}

func TestCloseStatus(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", coderws.CloseError{Code: coderws.StatusGoingAway})
	if got, want := coderws.CloseStatus(err), websocket.CloseStatus(err); got != want || got != coderws.StatusGoingAway {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnwrap(t *testing.T) {
	var c coderws.Conn
	if c.Unwrap() != nil {
		t.Error("the zero Conn has a connection")
	}
}

func TestContext(t *testing.T) {
	c := dial(t)
	ctx, op := trace.Start(c.Context(context.Background()), "work")
	defer op.End(nil)
	if op == nil {
		t.Fatal("got no span below the connection's")
	}
	if got := c.Context(ctx); trace.FromContext(got) != trace.FromContext(ctx) {
		t.Error("Context changed the tracer")
	}
}

// Every option reaches what it configures; the last of a kind wins, and nil is
// none.
func TestOptions(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	provider := func(service string) coderws.Option { return coderws.WithTracerProvider(rec.Service(service)) }
	accept := &coderws.AcceptOptions{Subprotocols: []string{"wake"}}
	srv := httptest.NewUnstartedServer(coderws.Handler("bye", func(_ context.Context, c *coderws.Conn) error {
		return c.Close(coderws.StatusNormalClosure, "bye")
	}, provider("client"), provider("server"), nil, coderws.WithTracerProvider(nil),
		coderws.WithPropagators(propagation.TraceContext{}), coderws.WithPropagators(nil),
		coderws.WithAcceptOptions(accept), coderws.WithAcceptOptions(nil)))
	accept.Subprotocols = nil // it is copied
	srv.Listener = coderws.NewListener(srv.Listener)
	srv.Start()
	defer srv.Close()
	c, _, err := coderws.Dial(t.Context(), srv.URL, &coderws.DialOptions{Subprotocols: []string{"wake"}},
		provider("client"), coderws.WithCloseReason())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if got, want := c.Subprotocol(), "wake"; got != want {
		t.Errorf("got subprotocol %q, want %q", got, want)
	}
	if _, _, err := c.Read(t.Context()); coderws.CloseStatus(err) != coderws.StatusNormalClosure {
		t.Errorf("got %v, want a normal closure", err)
	}
	if err := rec.WaitEnded(t.Context()); err != nil {
		t.Fatal(err)
	}
	tracetest.One(t, rec.Chain(), "close [client] {websocket.close.reason=bye}")
	tracetest.One(t, rec.Chain(), "go bye [server] {goroutine.name=bye}")
	tracetest.AssertNone(t, rec.Chain(), "go bye [client]")
}

// The library calls the program's hooks as it does bare, on both sides; a ping
// hook that returns false keeps the pong back.
func TestHooks(t *testing.T) {
	const answered, ignored = "answered", "ignored"
	pinged, ponged := make(chan string, 8), make(chan string, 8)
	onPing := func(side string) func(context.Context, []byte) bool {
		return func(_ context.Context, p []byte) bool {
			pinged <- side
			return side == answered
		}
	}
	onPong := func(_ context.Context, _ []byte) { ponged <- "pong" }
	for _, side := range []string{answered, ignored} {
		srv := httptest.NewServer(coderws.Handler("hooks", func(ctx context.Context, c *coderws.Conn) error {
			<-c.CloseRead(ctx).Done()
			return nil
		}, coderws.WithTracerProvider(sdktrace.NewTracerProvider()), coderws.WithAcceptOptions(&coderws.AcceptOptions{OnPingReceived: onPing(side)})))
		c, _, err := coderws.Dial(t.Context(), srv.URL, &coderws.DialOptions{OnPongReceived: onPong},
			coderws.WithTracerProvider(sdktrace.NewTracerProvider()))
		if err != nil {
			t.Fatal(err)
		}
		c.CloseRead(t.Context())
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			if got := <-pinged; got != side {
				t.Errorf("the ping hook of %s was called, want that of %s", got, side)
			}
			if side == ignored {
				cancel()
			}
		}()
		if err := c.Ping(ctx); (err == nil) != (side == answered) {
			t.Errorf("%s: Ping: got %v", side, err)
		}
		cancel()
		_ = c.CloseNow()
		srv.Close()
	}
	if n := len(ponged); n != 1 {
		t.Errorf("the pong hook was called %d times, want 1", n)
	}
}
