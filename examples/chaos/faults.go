package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// fault is what goes wrong with a play. Each of its functions may be nil.
type fault struct {
	name     string
	lossless bool // all messages arrive, and no call fails
	plain    bool // it works only without TLS
	garbles  bool // received messages may differ from those written
	parts    bool // the program reads a part of a message
	dribbles bool // bytes pass a few at a time
	pinged   bool // there are pings besides the plan's
	streams  bool // it needs a Reader or a Writer
	meddles  bool // a span processor closes the connection

	cable   func(c *cable, rng *rand.Rand)                                           // sets the cable's tampers
	beside  func(ctx context.Context, e *end, rng *rand.Rand)                        // runs beside the reads and writes of each end
	reading func(ctx context.Context, e *end, n int) context.Context                 // is called before read n of an end, and returns its context
	writing func(ctx context.Context, e *end, n int, rng *rand.Rand) context.Context // is called before write n of a writer, and returns its context
	raw     func(ctx context.Context, p *play, rng *rand.Rand)                       // runs in place of the client
}

var faults = []fault{
	{name: "none", lossless: true},

	// Faults between the ends that lose nothing.
	{name: "bytes come one by one", lossless: true, dribbles: true, cable: func(c *cable, rng *rand.Rand) {
		c.up, c.down = &dribble{rng.IntN(3000)}, &dribble{rng.IntN(3000)}
	}},
	{name: "a network that stutters", lossless: true, cable: func(c *cable, rng *rand.Rand) {
		c.up, c.down = stutter{4 * time.Millisecond}, stutter{4 * time.Millisecond}
	}},
	{name: "forged trace pongs", lossless: true, plain: true, cable: func(c *cable, rng *rand.Rand) {
		c.up, c.down = &frames{masked: true, insert: sometimes(2, forgery)}, &frames{insert: sometimes(2, forgery)}
	}},
	{name: "a flood of forged trace pongs", lossless: true, plain: true, cable: func(c *cable, rng *rand.Rand) {
		c.up, c.down = &frames{masked: true, insert: flood(forgery)}, &frames{insert: flood(forgery)}
	}},
	// Not lossless: if both ends are parked in a write, and both libraries must answer a
	// ping after that write, neither reads, and after 5 s both give up.
	{name: "pings between the frames", plain: true, pinged: true, cable: func(c *cable, rng *rand.Rand) {
		ping := func(f *frames, rng *rand.Rand) []byte { return f.frame(0x89, make([]byte, rng.IntN(126)), rng) }
		c.up, c.down = &frames{masked: true, insert: sometimes(3, ping)}, &frames{insert: sometimes(3, ping)}
	}},

	// Faults between the ends that break the connection.
	broken("reset", func(c *cable, _ *rand.Rand, _ []byte, _ func([]byte)) { c.end(0) }),
	broken("end of both directions", func(c *cable, _ *rand.Rand, _ []byte, _ func([]byte)) { c.end(-1) }),
	broken("silence", func(c *cable, _ *rand.Rand, _ []byte, _ func([]byte)) { c.mute.Store(true) }),
	broken("silence, then a reset", func(c *cable, rng *rand.Rand, _ []byte, _ func([]byte)) {
		c.mute.Store(true)
		time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
		c.end(0)
	}),
	garbled(broken("garbage", func(_ *cable, rng *rand.Rand, _ []byte, on func([]byte)) {
		b := make([]byte, 1+rng.IntN(400))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		on(b)
	})),
	broken("half a close", func(c *cable, _ *rand.Rand, rest []byte, on func([]byte)) {
		on(rest)
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, e := range c.ends {
			_ = e.CloseWrite()
		}
	}),
	{name: "a frame that nobody may send", plain: true, garbles: true, cable: func(c *cable, rng *rand.Rand) {
		if rng.IntN(2) == 0 {
			c.up = &frames{masked: true, insert: sometimes(4, badFrame)}
		} else {
			c.down = &frames{insert: sometimes(4, badFrame)}
		}
	}},
	{name: "an answer that is no handshake", plain: true, cable: func(c *cable, rng *rand.Rand) {
		answer := []string{
			"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
			"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nWakechain-Trace-Pongs: 1\r\n\r\n\x82\x02hi",
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz",
			"SSH-2.0-OpenSSH_9.9\r\n", "\x16\x03\x01", "HTTP/1.1 101\r\n\r\n",
		}[rng.IntN(7)]
		c.down = &at{0, func(c *cable, _ *rand.Rand, _ []byte, on func([]byte)) { on([]byte(answer)); c.end(-1) }}
	}},

	// Faults at an end.
	{name: "a reader that takes its time", lossless: true, reading: func(ctx context.Context, e *end, n int) context.Context {
		time.Sleep(time.Duration(e.rng.IntN(4)) * time.Millisecond)
		return ctx
	}},
	{name: "contexts of reads end", reading: func(ctx context.Context, e *end, n int) context.Context {
		if e.rng.IntN(4) > 0 {
			return ctx
		}
		return ending(ctx, e.rng)
	}},
	{name: "contexts of writes end", writing: func(ctx context.Context, _ *end, _ int, rng *rand.Rand) context.Context {
		if rng.IntN(4) > 0 {
			return ctx
		}
		return ending(ctx, rng)
	}, reading: func(ctx context.Context, e *end, _ int) context.Context {
		time.Sleep(time.Duration(e.rng.IntN(3)) * time.Millisecond)
		return ctx
	}},
	{name: "contexts of pings end", pinged: true, beside: func(ctx context.Context, e *end, rng *rand.Rand) {
		var pings sync.WaitGroup
		for range 1 + rng.IntN(4) {
			ctx := ending(ctx, rng)
			pings.Go(func() {
				e.pings.Add(1)
				e.note("ping", e.conn.Ping(ctx))
			})
		}
		pings.Wait()
	}},
	{name: "closed now", beside: func(ctx context.Context, e *end, rng *rand.Rand) {
		if pause(ctx, rng); rng.IntN(2) == e.k {
			e.note("close now", e.conn.CloseNow())
		}
	}},
	{name: "closed by either", beside: func(ctx context.Context, e *end, rng *rand.Rand) {
		pause(ctx, rng)
		e.note("close", e.conn.Close(1000+rng.IntN(2), "enough"))
	}},
	{name: "everything at once", pinged: true, beside: func(ctx context.Context, e *end, rng *rand.Rand) {
		pause(ctx, rng)
		var calls sync.WaitGroup
		for i := range 2 + rng.IntN(4) {
			own := e.p.rng(rng.Uint64()>>56 | 1<<7)
			calls.Go(func() {
				switch own.IntN(4) {
				case 0:
					_ = e.conn.CloseNow()
				case 1:
					_ = e.conn.Close(1001, "at once")
				case 2:
					e.pings.Add(1)
					_ = e.conn.Ping(ctx)
				default:
					e.write(ctx, 100+i, []int{own.IntN(70_000)}, own)
				}
			})
		}
		calls.Wait()
	}},
	{name: "a span processor that closes", meddles: true},
	{name: "a panic", reading: func(ctx context.Context, e *end, n int) context.Context {
		if e.k == 1 && n == e.rng.IntN(4) {
			panic(http.ErrAbortHandler)
		}
		return ctx
	}},
	{name: "a message above the limit", reading: func(ctx context.Context, e *end, n int) context.Context {
		e.conn.SetReadLimit(int64(e.rng.IntN(6000)))
		return ctx
	}},
	{name: "a reader that is left", parts: true, streams: true, reading: func(ctx context.Context, e *end, n int) context.Context {
		if n == e.rng.IntN(4) {
			e.reads.Add(1)
			if r, err := e.conn.Reader(ctx); err == nil {
				_, _ = io.CopyN(io.Discard, r, int64(e.rng.IntN(200)))
			}
			_ = e.conn.CloseNow()
		}
		return ctx
	}},
	{name: "a writer that is left", streams: true, beside: func(ctx context.Context, e *end, rng *rand.Rand) {
		pause(ctx, rng)
		e.writes.Add(1)
		if w, err := e.conn.Writer(ctx, false); err == nil {
			msg := payload(e.p.index, 99, 0, 10_000)
			e.out.wrote(99, 0, false)
			_, _ = w.Write(msg[:rng.IntN(len(msg))])
		}
		pause(ctx, rng)
		_ = e.conn.CloseNow()
	}},

	// Faults in place of the client.
	{name: "a request that is no handshake", plain: true, raw: func(ctx context.Context, p *play, rng *rand.Rand) {
		long := strings.Repeat("x", rng.IntN(60_000))
		head := fmt.Sprintf("GET /?play=%d HTTP/1.1\r\nHost: a\r\n", p.serial)
		upgrade := "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		key := "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		speak(ctx, p, []string{
			"\x16\x03\x01\x02", "GET\r\n\r\n", head + "\r\n",
			head + upgrade + "\r\n",
			head + upgrade + "Sec-WebSocket-Key: short\r\n\r\n",
			head + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n" + key + "\r\n",
			head + upgrade + key + "Origin: http://elsewhere.example\r\n\r\n",
			head + upgrade + key + "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=nine, " + long + "\r\n\r\n",
			head + upgrade + key + "Cookie: " + long,
		}[rng.IntN(9)])
	}},
	{name: "headers that lie", plain: true, raw: func(ctx context.Context, p *play, rng *rand.Rand) {
		long := strings.Repeat("x", 1+rng.IntN(60_000))
		header := []string{
			"traceparent: 00-" + fmt.Sprintf("%x", forgedTrace) + "00000000000000ff-00000000000000ee-01",
			"traceparent: 00-" + fmt.Sprintf("%x", forgedTrace) + "00000000000000ff-00000000000000ee-00",
			"traceparent: 00-00000000000000000000000000000000-0000000000000000-01", "traceparent: " + long,
			"tracestate: a=" + long, "baggage: a=" + long + ",b=c;" + long,
			"Wakechain-Trace-Pongs: 1, 1, 1, 2", "Wakechain-Trace-Pongs: " + long,
		}[rng.IntN(8)]
		frame := (&frames{masked: true}).frame
		var body []byte
		for range rng.IntN(40) {
			f := &frames{masked: true, number: rng.IntN(3)}
			switch rng.IntN(4) {
			case 0:
				body = append(body, forgery(f, rng)...)
			case 1:
				body = append(body, frame(0x89, []byte("?"), rng)...)
			case 2:
				body = append(body, frame(0x81, []byte("text"), rng)...)
			default:
				body = append(body, badFrame(f, rng)...)
			}
		}
		speak(ctx, p, fmt.Sprintf("GET /?play=%d HTTP/1.1\r\nHost: a\r\n%s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n%s", p.serial, header, body))
	}},
}

// broken returns a fault that calls do after a random number of bytes in one direction: in
// the handshake, between two frames, or inside one.
func broken(name string, do func(c *cable, rng *rand.Rand, rest []byte, on func([]byte))) fault {
	return fault{name: name, cable: func(c *cable, rng *rand.Rand) {
		t := &at{rng.IntN([]int{300, 3_000, 20_000, 100_000}[rng.IntN(4)]), do}
		if rng.IntN(2) == 0 {
			c.up = t
		} else {
			c.down = t
		}
	}}
}

func garbled(f fault) fault {
	f.garbles = true
	return f
}

// sometimes returns an insert function that inserts a frame before about one frame in n.
func sometimes(n int, frame func(f *frames, rng *rand.Rand) []byte) func(*frames, *rand.Rand) []byte {
	return func(f *frames, rng *rand.Rand) []byte {
		if rng.IntN(n) > 0 {
			return nil
		}
		return frame(f, rng)
	}
}

// flood returns an insert function that inserts 1,000 frames, once.
func flood(frame func(f *frames, rng *rand.Rand) []byte) func(*frames, *rand.Rand) []byte {
	done := false
	return func(f *frames, rng *rand.Rand) (out []byte) {
		if done {
			return nil
		}
		done = true
		for range 1000 {
			out = append(out, frame(f, rng)...)
		}
		return out
	}
}

// ending returns a context that ends within 3 ms, or has ended.
func ending(ctx context.Context, rng *rand.Rand) context.Context {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(3000))*time.Microsecond)
	context.AfterFunc(ctx, cancel)
	if rng.IntN(4) == 0 {
		cancel()
	}
	return ctx
}

// pause waits for up to 8 ms, or until ctx ends.
func pause(ctx context.Context, rng *rand.Rand) {
	t := time.NewTimer(time.Duration(rng.IntN(8000)) * time.Microsecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// speak sends text to the server, and discards what it answers within 100 ms.
func speak(ctx context.Context, p *play, text string) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", p.stage.address(p))
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(100 * time.Millisecond))
	go func() { _, _ = c.Write([]byte(text)) }()
	_, _ = io.Copy(io.Discard, c)
}
