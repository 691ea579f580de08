//go:build linux

package interop_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn"
)

// What findings say in several rows.
const (
	stalled = `^sender-stalled: socket_start's sen_data was blocked .+: the peer 127\.0\.0\.1:\d+ was not reading\n`
	between = `^sender-stalled: socket_start's sen_data was blocked .+: 127\.0\.0\.1:\d+ .*was not reading\n`
	network = `^network-limited: socket_start's sen_data was blocked .+: loss or congestion in the network\n`
	lost    = `^connection-lost: The connection of socket_start ended, and no close frame was read\n`
	unread  = lost + `socket_start lost it \(.+\), with 8 bytes of its peer's that were never read \(the trace has no read there, and only a reader answers pings\)(, and sen_data ended with it)?\.` // a close frame of a client
	both    = `^connection-lost: The connection of socket_get with socket_start ended without a close frame\n`
)

// blamesReader is what is not said of a client that reads all that comes to it.
var blamesReader = []string{
	`socket_get was not reading`, `client was not reading`, `(socket_get|client) read again`, `what the reader does between two reads`,
}

// ended is what is found of a handler that ended with an error.
func ended(how string) string { return `^goroutine-ended: socket_start's sen_data failed: ` + how }

var rows = []row{
	// The story's own two programs.
	{
		name: "the reader stands still, then breaks: the wait until then", peer: "socket_get.py", dial: socketGet, buffer: 128 << 10, handle: sender(large),
		play: parked(endsByItself),
		op:   "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "the reader stands still, then breaks: the wait after that", peer: "socket_get.py", dial: socketGet, buffer: 128 << 10, handle: sender(large),
		play: func(t *testing.T, st *stage, p peer) {
			st.park(t)
			endsByItself(t, st, p)
		},
		op: "write", pick: failed, cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
	{
		name: "we read three messages, stop and close at once", peer: "socket_start.py",
		play: func(t *testing.T, st *stage, _ peer) {
			_, url := start(t, needPython(t, "websockets"), "socket_start.py")
			st.client(t, url, func(ctx context.Context, c *wsconn.Conn) error {
				for range 3 {
					if _, _, err := c.Read(ctx); err != nil {
						return err
					}
				}
				pause(ctx, hold)
				return c.CloseNow()
			})
		},
		want: []string{`^connection-lost: The connection of socket_get ended, and no close frame was read\n` +
			`socket_get closed it at once \(CloseNow\), with [0-9.]+ kB of its peer's that were never read\.`},
	},
	// A reader that stops.
	{
		name: "reader stops, then resumes", peer: "websockets", dial: python("websockets_peer.py", "16384"), handle: sender(large), play: parked(resume),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then resumes", peer: "aiohttp", dial: python("aiohttp_peer.py"), library: ofCoder, handle: sender(large), play: parked(resume),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then resumes", peer: "ws", dial: npmWS, handle: sender(large), play: parked(resume),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then resumes", peer: "gorilla", dial: gorilla, library: ofCoder, handle: sender(large), play: parked(resume),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then resumes; a gorilla server", peer: "ws", dial: npmWS, library: ofGorilla, handle: sender(large), play: parked(resume),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then resumes", peer: "gobwas", dial: gobwas, handle: sender(large), play: parked(resume),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "the page stands still, then goes on", peer: "Chromium", dial: newChromium, handle: sender(64 << 10),
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "stand")
			st.park(t)
			p.do(t, "go on")
			st.goesOn(t)
			p.do(t, "reload")
		},
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then closes", peer: "websockets", dial: python("websockets_peer.py", "16384"), handle: sender(large),
		play: func(t *testing.T, st *stage, p peer) {
			st.park(t)
			p.do(t, "close 1000") // which takes some more messages, then FIN, then RST
		},
		op: "write", pick: failed, cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, unread},
	},
	{
		name: "reader stops, then ends without a frame", peer: "aiohttp", dial: python("aiohttp_peer.py"), handle: sender(large), play: parked(do("abort")),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then closes", peer: "ws", dial: npmWS, library: ofCoder, handle: sender(large), play: parked(do("close 1000")),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, unread},
	},
	{
		name: "reader stops, sends a close frame, then resets", peer: "gorilla", dial: gorilla, handle: sender(large),
		play: parked(func(t *testing.T, st *stage, p peer) {
			p.do(t, "close 1001")
			pause(t.Context(), hold)
			st.mark()
			p.do(t, "abort")
		}),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, unread},
	},
	{
		name: "the page stands still, then closes", peer: "Chromium", dial: newChromium, handle: sender(64 << 10),
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "stand")
			st.park(t)
			p.do(t, "close 4000") // and then it reads what comes, until it is tired of it
			p.do(t, "reload")
		},
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		want: []string{stalled, unread},
	},
	{
		name: "reader stops, then is killed", peer: "websockets", dial: python("websockets_peer.py", "16384"), library: ofCoder, handle: sender(large), play: parked(kill),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then is killed", peer: "ws", dial: npmWS, handle: sender(large), play: parked(kill),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops, then is killed; a gorilla server", peer: "websockets", dial: python("websockets_peer.py", "16384"), library: ofGorilla, handle: sender(large), play: parked(kill),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops for ever, we close", peer: "websockets", dial: python("websockets_peer.py", "16384"), handle: sender(large), play: parked(weClose),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakeClosed,
		want: []string{stalled, lost},
	},
	{
		name: "reader stops for ever, our deadline passes", peer: "aiohttp", dial: python("aiohttp_peer.py"),
		handle: func(ctx context.Context, st *stage, c conn) error {
			for message := make([]byte, large); ; st.written.Add(1) {
				ctx, cancel := context.WithTimeout(ctx, 5*hold)
				err := c.write(ctx, message)
				cancel()
				if err != nil {
					return err
				}
			}
		},
		play: func(*testing.T, *stage, peer) {},
		op:   "write", pick: failed, cause: semconv.CausePeerWindow, woken: semconv.WakeDeadline,
		want: []string{stalled, lost + `socket_start gave it up when its context ended \(deadline_exceeded\)`},
	},
	{
		name: "FIN, and later RST", peer: "socket",
		play: func(t *testing.T, st *stage, _ peer) {
			r := rawPeer(t, st.url())
			st.accept(t)
			st.park(t)
			if err := r.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			pause(t.Context(), hold)
			st.mark() // the FIN woke nothing
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
		},
		handle: sender(large),
		op:     "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
	// What stands between.
	{
		name: "proxy stops, the client reads eagerly", peer: "TCP proxy", handle: sender(400),
		play: func(t *testing.T, st *stage, _ peer) {
			p := newProxy(t, st.address)
			st.client(t, "ws://"+p.address(), func(ctx context.Context, c *wsconn.Conn) error {
				st.accept(t)
				reading := trace.Go(ctx, "read", func(ctx context.Context) error {
					for {
						if _, _, err := c.Read(ctx); err != nil {
							return err
						}
					}
				})
				st.readyToStop(t)
				p.stop()
				st.park(t)
				p.resume()
				st.goesOn(t)
				_ = c.CloseNow()
				_ = reading.Wait(ctx)
				return nil
			})
		},
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		never: blamesReader,
		want:  []string{between, both + `socket_get closed it at once \(CloseNow\)(, with .+ never read)?, and read ended with it; socket_start lost it \(`},
	},
	{
		name: "proxy resets, the client reads eagerly", peer: "TCP proxy", handle: sender(400),
		play: func(t *testing.T, st *stage, _ peer) {
			p := newProxy(t, st.address)
			st.client(t, "ws://"+p.address(), func(ctx context.Context, c *wsconn.Conn) error {
				st.accept(t)
				reading := trace.Go(ctx, "read", func(ctx context.Context) error {
					for {
						if _, _, err := c.Read(ctx); err != nil {
							return err
						}
					}
				})
				st.readyToStop(t)
				p.stop()
				st.park(t)
				p.reset(t)
				_ = reading.Wait(ctx)
				return nil
			})
		},
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		never: append([]string{`(socket_get|client) reset`}, blamesReader...),
		want:  []string{between, both + `socket_get lost it \(connection_reset\), and read ended with it; socket_start lost it \(`},
	},
	{
		name: "proxy lets little through, the client reads eagerly", peer: "TCP proxy", handle: sender(400),
		play: func(t *testing.T, st *stage, _ peer) {
			p := newProxy(t, st.address)
			p.throttle(20 * time.Millisecond)
			st.client(t, "ws://"+p.address(), func(ctx context.Context, c *wsconn.Conn) error {
				st.accept(t)
				for range 120 {
					if _, _, err := c.Read(ctx); err != nil {
						return err
					}
				}
				_ = c.CloseNow()
				p.throttle(0)
				return nil
			})
		},
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerRead,
		never: blamesReader,
		want:  []string{between, both + `socket_get closed it at once \(CloseNow\)(, with .+ never read)?; socket_start lost it \(`},
	},
	// Healthy ends.
	{name: "closes with 1000", peer: "websockets", dial: python("websockets_peer.py", "16384"), handle: reader, play: closing(1000), op: "read", woken: semconv.WakeReadable},
	{name: "closes with 1000", peer: "aiohttp", dial: python("aiohttp_peer.py"), library: ofCoder, handle: reader, play: closing(1000), op: "read", woken: semconv.WakeReadable},
	{name: "closes with 1001", peer: "gorilla", dial: gorilla, handle: reader, play: closing(1001), op: "read", woken: semconv.WakeReadable},
	{name: "closes without a code (1005)", peer: "Chromium", dial: newChromium, handle: reader, play: closing(0), op: "read", woken: semconv.WakeReadable},
	{name: "closes without a code (1005)", peer: "ws", dial: npmWS, library: ofCoder, handle: reader, play: closing(0), op: "read", woken: semconv.WakeReadable},
	{name: "closes without a code (1005)", peer: "gobwas", dial: gobwas, handle: reader, play: closing(0), op: "read", woken: semconv.WakeReadable},
	{
		name: "the page is reloaded (1001)", peer: "Chromium", dial: newChromium, handle: reader,
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "send 1 100")
			st.readN(t, 1)
			st.parkRead(t)
			p.do(t, "reload")
		},
		op: "read", woken: semconv.WakeReadable,
	},
	{
		name: "closes with 1000 while we only write", peer: "ws", dial: npmWS,
		handle: func(ctx context.Context, st *stage, c conn) error {
			ctx = c.closeRead(ctx)
			for ctx.Err() == nil {
				if err := c.write(ctx, make([]byte, small)); err != nil {
					return err
				}
				pause(ctx, hold/10)
			}
			return ctx.Err()
		},
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "read 3")
			p.do(t, "close 1000")
			p.do(t, "drain")
		},
	},
	// Ends that are none of health.
	{name: "closes with 1008", peer: "aiohttp", dial: python("aiohttp_peer.py"), handle: reader, play: closing(1008), op: "read", woken: semconv.WakeReadable, want: []string{ended(`.*1008`)}},
	{name: "closes with 1011", peer: "websockets", dial: python("websockets_peer.py", "16384"), library: ofCoder, handle: reader, play: closing(1011), op: "read", woken: semconv.WakeReadable, want: []string{ended(`.*1011`)}},
	{name: "closes with 4000", peer: "ws", dial: npmWS, handle: reader, play: closing(4000), op: "read", woken: semconv.WakeReadable, want: []string{ended(`.*4000`)}},
	{name: "closes with 4000", peer: "Chromium", dial: newChromium, library: ofCoder, handle: reader, play: closing(4000), op: "read", woken: semconv.WakeReadable, want: []string{ended(`.*4000`)}},
	{
		name: "ends the connection without a frame", peer: "ws", dial: npmWS, handle: reader,
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "send 2 100")
			st.readN(t, 2)
			st.parkRead(t)
			p.do(t, "abort")
		},
		op: "read", pick: failed, woken: semconv.WakePeerClosed,
		want: []string{lost},
	},
	{
		name: "is killed, and we answer EOF with 1011", peer: "websockets", dial: python("websockets_peer.py", "16384"), library: ofCoder,
		handle: func(ctx context.Context, st *stage, c conn) error {
			err := reader(ctx, st, c)
			_ = c.close(1011)
			return err
		},
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "send 2 100")
			st.readN(t, 2)
			st.parkRead(t)
			p.kill()
		},
		op: "read", pick: failed, woken: semconv.WakePeerClosed,
		want: []string{lost},
	},
	{
		name: "its ping has no answer: a gorilla server that never reads", peer: "ws", dial: npmWS, library: ofGorilla,
		handle: func(ctx context.Context, st *stage, c conn) error {
			for {
				if err := c.write(ctx, make([]byte, small)); err != nil {
					return err
				}
				pause(ctx, hold/10)
			}
		},
		play: func(t *testing.T, st *stage, p peer) {
			p.do(t, "ping 300")
			p.do(t, "abort")
		},
		want: []string{lost + `socket_start lost it \(.+\), with \d+ bytes of its peer's that were never read \(the trace has no read there, and only a reader answers pings\), and sen_data ended with it\.`},
	},
	{
		name: "sends garbage", peer: "socket", handle: reader,
		play: func(t *testing.T, st *stage, _ peer) {
			r := rawPeer(t, st.url())
			st.accept(t)
			pause(t.Context(), hold)
			r.write(t, "GET / HTTP/1.1\r\n\r\n")
		},
		op: "read", woken: semconv.WakeReadable,
		never: []string{`look at a proxy`},
		want:  []string{ended(`.*unexpected rsv bits`)},
	},
	{
		name: "answers a close with nothing", peer: "gorilla", dial: gorilla,
		handle: func(ctx context.Context, st *stage, c conn) error {
			if err := c.write(ctx, make([]byte, small)); err != nil {
				return err
			}
			return c.close(1000)
		},
		play: func(*testing.T, *stage, peer) {},
		want: []string{`^close-unanswered: socket_start's sen_.* waited [5-9](\.\d+)? s for the peer 127\.0\.0\.1:.* to answer its close frame`},
	},
	{
		name: "speaks HTTP alone", peer: "curl", handle: reader,
		play: func(t *testing.T, st *stage, _ peer) { curl(t, st) },
		want: []string{`^handshake-refused: socket_start refused a handshake: `},
	},
	{
		name: "asks for a WebSocket, and hangs up", peer: "curl", handle: reader,
		play: func(t *testing.T, st *stage, _ peer) {
			curl(t, st, "--no-buffer", "--http1.1", "--max-time", "2", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket",
				"-H", "Sec-WebSocket-Version: 13", "-H", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
		},
		op: "read", woken: semconv.WakePeerClosed,
		want: []string{lost},
	},
	// We are the client.
	{
		name: "the server stops reading, then is gone", peer: "gorilla", client: true,
		play: func(t *testing.T, st *stage, _ peer) {
			go1 := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				<-go1
				_ = c.Close()
			}))
			defer srv.Close()
			st.dialed = srv.Listener.Addr().String()
			st.client(t, "ws://"+st.dialed, func(ctx context.Context, c *wsconn.Conn) error {
				writing := trace.Go(ctx, "write", func(ctx context.Context) error {
					return sender(64<<10)(ctx, st, nhooyrConn{c})
				})
				st.park(t)
				close(go1)
				_ = writing.Wait(ctx)
				return nil
			})
		},
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{strings.Replace(stalled, "socket_start's sen_data", "socket_get's write", 1), strings.Replace(lost, "socket_start", "socket_get", 1)},
	},
	// Two machines.
	{
		name: "a slow network, the client reads eagerly", peer: "websockets", link: []string{"slow", "tbf", "rate", "2mbit", "burst", "4kb", "limit", "12kb"},
		handle: sender(large),
		play: func(t *testing.T, st *stage, _ peer) {
			p := st.link.python(t, "websockets_peer.py", st.url())
			st.accept(t)
			p.do(t, "read 100")
			weClose(t, st, p)
		},
		op: "write", pick: of(semconv.CauseNetwork), cause: semconv.CauseNetwork, woken: semconv.WakeWritable,
		never: []string{`the peer [0-9.:]+ was not reading`, `the peer read again`},
		want:  []string{network, lost},
	},
	{
		name: "a black hole, the client reads eagerly", peer: "websockets", link: []string{"hole"},
		handle: sender(400),
		play: func(t *testing.T, st *stage, _ peer) {
			p := st.link.python(t, "websockets_peer.py", st.url())
			st.accept(t)
			p.begin(t, "drain")
			st.readyToStop(t)
			st.link.cut(t)
			st.park(t)
			weClose(t, st, p)
		},
		op: "write", cause: semconv.CauseNetwork, woken: semconv.WakeClosed,
		never: []string{`the peer [0-9.:]+ was not reading`, `the peer read again`},
		want:  []string{network, lost},
	},
	// Many tiny writes.
	{
		name: "tiny writes, and the reader stops", peer: "gorilla", dial: narrowGorilla,
		handle: sender(small), play: parked(kill),
		op: "write", cause: semconv.CausePeerWindow, woken: semconv.WakePeerReset,
		want: []string{stalled, lost},
	},
}
