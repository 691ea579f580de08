package wsconn_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/wsconn"
)

func echo(ctx context.Context, c *wsconn.Conn) error {
	for {
		typ, msg, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, msg); err != nil {
			return err
		}
	}
}

func Example() {
	http.Handle("/", wsconn.Handler("echo", echo))
	srv := httptest.NewServer(nil)
	defer srv.Close()

	ctx := context.Background()
	c, _, err := wsconn.Dial(ctx, srv.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	_ = c.Write(ctx, wsconn.MessageText, []byte("hello"))
	_, msg, err := c.Read(ctx)
	fmt.Printf("%s %v\n", msg, err)
	fmt.Println(c.Close(wsconn.StatusNormalClosure, ""))
	// Output:
	// hello <nil>
	// <nil>
}

// dial returns a recorded connection to an echo.
func dial(t *testing.T) *wsconn.Conn {
	t.Helper()
	srv := httptest.NewServer(wsconn.Handler("echo", echo))
	t.Cleanup(srv.Close)
	c, _, err := wsconn.Dial(t.Context(), srv.URL, nil, wsconn.WithTracerProvider(sdktrace.NewTracerProvider()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}
