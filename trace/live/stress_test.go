package live_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/wsconn"
)

// Connections come, go, stall and are reset while a thousand snapshots a second are taken.
func TestStress(t *testing.T) {
	ctx, cancel := context.WithTimeout(traced(), 2*time.Second)
	defer cancel()
	url := serve(t, ctx, "serves", func(ctx context.Context, c *wsconn.Conn) error {
		pings := trace.Go(ctx, "pings", func(ctx context.Context) error { return c.Ping(ctx) })
		defer func() { _ = pings.Wait(context.Background()) }()
		go func() { _ = c.Write(ctx, wsconn.MessageText, []byte("beside")) }()
		return sends(ctx, c)
	})
	group, _ := trace.NewGroup(context.Background())
	var room trace.Mutex
	lifes := []func(context.Context, *wsconn.Conn) error{
		func(ctx context.Context, c *wsconn.Conn) error { return reads(ctx, c, 5) },
		func(ctx context.Context, c *wsconn.Conn) error {
			return c.Close(wsconn.StatusNormalClosure, "")
		},
		func(ctx context.Context, c *wsconn.Conn) error { // stalls
			if err := reads(ctx, c, 1); err != nil {
				return err
			}
			if err := room.LockContext(ctx); err != nil {
				return err
			}
			defer room.Unlock()
			return trace.Sleep(ctx, 20*time.Millisecond)
		},
		func(ctx context.Context, c *wsconn.Conn) error { // writes, too
			own, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			return sends(own, c)
		},
	}
	for _, life := range lifes {
		group.Go(ctx, "clients", func(ctx context.Context) error {
			for ctx.Err() == nil {
				_ = trace.Handle(ctx, "client", dialing(url, life))
			}
			return nil
		})
	}
	group.Go(ctx, "resets", func(ctx context.Context) error {
		for ctx.Err() == nil {
			var tcp *net.TCPConn
			opts := smallClient()
			reset(opts, &tcp)
			c, _, err := wsconn.Dial(ctx, url, opts)
			if err != nil {
				continue
			}
			_, _, _ = c.Read(ctx)
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
			_ = c.CloseNow()
		}
		return nil
	})
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	n := 0
	for ctx.Err() == nil {
		<-tick.C
		v := live.Snapshot()
		for _, f := range findings(v, live.KindDeadlock) {
			if f.Certain {
				t.Errorf("there is no deadlock: %s", f.Text)
			}
		}
		for i := range v.Goroutines {
			for j := range v.Goroutines[i].Waits {
				_ = v.Sentence(&v.Goroutines[i], &v.Goroutines[i].Waits[j])
			}
		}
		n++
	}
	t.Logf("%d snapshots", n)
	_ = group.Wait(context.Background())
}
