package netpoll_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/internal/parks"
	"github.com/wakechain/wakechain/wsconn"
)

// The stall that this module is made for, compared with the execution tracer, too: a
// server sends without end, and a client reads, stops, reads again and leaves.
func TestOracleStall(t *testing.T) {
	ctx, rec := record(t)
	ended := make(chan struct{})
	handler := wsconn.Handler("sen_data", func(ctx context.Context, c *wsconn.Conn) error {
		for {
			if err := c.Write(ctx, wsconn.MessageBinary, make([]byte, 30<<10)); err != nil {
				return err
			}
		}
	})
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		handler.ServeHTTP(w, r)
	}))
	srv.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	srv.Start()
	defer srv.Close()

	stall := func() {
		tick := time.NewTimer(100 * time.Millisecond) // longer than any park that is no stall
		defer tick.Stop()
		<-tick.C
	}
	tr, err := parks.Record(func() {
		err := trace.Handle(ctx, "hello", func(ctx context.Context) error {
			c, _, err := wsconn.Dial(ctx, srv.URL, nil)
			if err != nil {
				return err
			}
			defer c.CloseNow()
			for range 3 {
				stall()
				for range 500 {
					if _, _, err := c.Read(ctx); err != nil {
						return err
					}
				}
			}
			stall()
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		<-ended
	})
	if err != nil {
		t.Skip(err) // go test -trace
	}

	ops, blocks := recorded(rec)
	faults, _ := tr.Check("network", ops, blocks)
	for _, f := range faults {
		t.Error(f)
	}
	stalls := 0
	for _, b := range blocks {
		if b.End.Sub(b.Start) > 50*time.Millisecond {
			stalls++
		}
	}
	if stalls == 0 {
		t.Errorf("none of %d blocks is a stall", len(blocks))
	}
}
