package wsjson_test

import (
	"context"
	"net/http"

	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wsjson"
)

// What docs/migrate.md says of functions as values.
var (
	_ func(context.Context, wsjson.Reader[wsconn.MessageType, wsconn.StatusCode], any) error = wsjson.Read[wsconn.MessageType, wsconn.StatusCode]
	_ func(context.Context, wsjson.Writer[wsconn.MessageType], any) error                    = wsjson.Write[wsconn.MessageType]

	_ func(context.Context, string, *wsconn.DialOptions) (*wsconn.Conn, *http.Response, error) = func(ctx context.Context, u string, o *wsconn.DialOptions) (*wsconn.Conn, *http.Response, error) {
		return wsconn.Dial(ctx, u, o)
	}
)
