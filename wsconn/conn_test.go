package wsconn_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
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

// own are the methods that the library does not have. If it gets one with such a name,
// decide what the method does.
var own = []string{"Context", "Receive", "Request", "Unwrap"}

// If a new version of the library has a new method, decide what it does here.
func TestMethodSet(t *testing.T) {
	library, conn := reflect.TypeFor[*websocket.Conn](), reflect.TypeFor[*wsconn.Conn]()
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
	err := fmt.Errorf("wrapped: %w", wsconn.CloseError{Code: wsconn.StatusGoingAway})
	if got, want := wsconn.CloseStatus(err), websocket.CloseStatus(err); got != want || got != wsconn.StatusGoingAway {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUnwrap(t *testing.T) {
	var c wsconn.Conn
	if c.Unwrap() != nil {
		t.Error("the zero Conn has a connection")
	}
}

func TestContext(t *testing.T) {
	c := dial(t)
	ctx, op := trace.Start(c.Context(context.Background()), "work")
	defer op.End(nil)
	if !op.Valid() {
		t.Fatal("got no span below the connection's")
	}
	if got := c.Context(ctx); trace.FromContext(got) != trace.FromContext(ctx) {
		t.Error("Context changed the tracer")
	}
}

// Each option reaches what it configures. The last of a kind wins, and a nil option is
// ignored.
func TestOptions(t *testing.T) {
	rec := tracetest.NewRecorder(t)
	provider := func(service string) wsconn.Option { return wsconn.WithTracerProvider(rec.Service(service)) }
	accept := &wsconn.AcceptOptions{Subprotocols: []string{"wake"}}
	srv := httptest.NewUnstartedServer(wsconn.Handler("bye", func(_ context.Context, c *wsconn.Conn) error {
		return c.Close(wsconn.StatusNormalClosure, "bye")
	}, provider("client"), provider("server"), nil, wsconn.WithTracerProvider(nil),
		wsconn.WithPropagators(propagation.TraceContext{}), wsconn.WithPropagators(nil),
		wsconn.WithAcceptOptions(accept), wsconn.WithAcceptOptions(nil)))
	accept.Subprotocols = nil // it is copied
	srv.Listener = wsconn.NewListener(srv.Listener)
	srv.Start()
	defer srv.Close()
	c, _, err := wsconn.Dial(t.Context(), srv.URL, &wsconn.DialOptions{Subprotocols: []string{"wake"}},
		provider("client"), wsconn.WithCloseReason())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	if got, want := c.Subprotocol(), "wake"; got != want {
		t.Errorf("got subprotocol %q, want %q", got, want)
	}
	if _, _, err := c.Read(t.Context()); wsconn.CloseStatus(err) != wsconn.StatusNormalClosure {
		t.Errorf("got %v, want a normal closure", err)
	}
	if err := rec.WaitEnded(t.Context()); err != nil {
		t.Fatal(err)
	}
	tracetest.One(t, rec.Chain(), "close [client] {websocket.close.reason=bye}")
	tracetest.One(t, rec.Chain(), "bye [server] {goroutine.name=bye}")
	tracetest.AssertNone(t, rec.Chain(), "bye [client]")
}
