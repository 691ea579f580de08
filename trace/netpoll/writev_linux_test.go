package netpoll_test

import (
	"io"
	"net"
	"testing"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Two buffers leave in one packet, as with the bare conn. Two Writes would make two.
func TestWriteBuffersPackets(t *testing.T) {
	const messages = 100
	for _, tt := range []struct {
		name     string
		observed bool
		write    func(nc net.Conn, c *netpoll.Conn, v *net.Buffers) (int64, error)
		want     uint32 // packets a message
	}{
		{"bare", false, func(nc net.Conn, _ *netpoll.Conn, v *net.Buffers) (int64, error) { return v.WriteTo(nc) }, 1},
		{"WriteTo", true, func(_ net.Conn, c *netpoll.Conn, v *net.Buffers) (int64, error) { return v.WriteTo(c) }, 2},
		{"WriteBuffers", true, func(_ net.Conn, c *netpoll.Conn, v *net.Buffers) (int64, error) { return c.WriteBuffers(v) }, 1},
		{"WriteBuffers, unseen", false, func(_ net.Conn, c *netpoll.Conn, v *net.Buffers) (int64, error) { return c.WriteBuffers(v) }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			nc, peer := pair(t, "tcp")
			c := netpoll.Wrap(nc)
			if tt.observed {
				ctx, _ := record(t)
				defer start(ctx, c, semconv.ReasonNetWrite).End(nil)
			}
			head, body := make([]byte, 4096), make([]byte, 6000)
			before := kernel(t, nc)
			for range messages {
				v := net.Buffers{head, body}
				if _, err := tt.write(nc, c, &v); err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, peer, int64(len(head)+len(body))); err != nil {
					t.Fatal(err)
				}
			}
			after := kernel(t, nc)
			repeated := after.Total_retrans - before.Total_retrans // of an acknowledgement that came late
			if got := after.Data_segs_out - before.Data_segs_out - repeated; got != tt.want*messages {
				t.Errorf("got %d packets for %d messages, want %d a message", got, messages, tt.want)
			}
		})
	}
}
