package wsconn_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/trace"
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

// A method that a new version of the library brings must be decided upon.
func TestMethodSet(t *testing.T) {
	library, conn := reflect.TypeFor[*websocket.Conn](), reflect.TypeFor[*wsconn.Conn]()
	for i := range library.NumMethod() {
		want := library.Method(i)
		if _, ok := methods[want.Name]; !ok {
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
	if op == nil {
		t.Fatal("got no span below the connection's")
	}
	if got := c.Context(ctx); trace.FromContext(got) != trace.FromContext(ctx) {
		t.Error("Context changed the tracer")
	}
}
