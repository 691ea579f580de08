package gorillaws_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// answer is a goroutine handler: ctx and c carry its span, "echo".
func answer(_ context.Context, c *gorillaws.Conn) error {
	for {
		typ, msg, err := c.ReadMessage()
		if err != nil {
			return err
		}
		if err := c.WriteMessage(typ, msg); err != nil {
			return err
		}
	}
}

func Example() {
	mux := http.NewServeMux()
	mux.Handle("/echo", gorillaws.Handler("echo", answer))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	c, _, err := gorillaws.DefaultDialer.Dial(strings.Replace(srv.URL, "http", "ws", 1)+"/echo", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	_ = c.WriteMessage(gorillaws.TextMessage, []byte("hello"))
	_, msg, err := c.ReadMessage()
	fmt.Printf("%s %v\n", msg, err)
	// Output:
	// hello <nil>
}
