package wsjson_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wsjson"
)

type greeting struct{ Hello string }

func Example() {
	srv := httptest.NewServer(wsconn.Handler("greet", func(ctx context.Context, c *wsconn.Conn) error {
		return wsjson.Write(ctx, c, greeting{"world"})
	}))
	defer srv.Close()
	ctx := context.Background()
	c, _, err := wsconn.Dial(ctx, srv.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = c.CloseNow() }()
	var g greeting
	err = wsjson.Read(ctx, c, &g)
	fmt.Println(g.Hello, err)
	// Output: world <nil>
}
