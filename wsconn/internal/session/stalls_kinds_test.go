package session_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// watched returns the options of an unsampled end in a bubble. rec records its stalls of
// 100 ms or longer.
func watched(t *testing.T, rec *recorder) []session.Option {
	t.Helper()
	return []session.Option{
		offs(t)["unsampled"].option(),
		session.WithStalls(session.Stalls{After: 100 * ms, PerSecond: 1 << 20, TracerProvider: rec.TracerProvider}),
	}
}

// wantStalls compares everything that was reported.
func wantStalls(t *testing.T, r *recorder, want string) {
	t.Helper()
	wantEnded(t, r)
	tracetest.AssertTree(t, r.Chain(), want, append(exactly, tracetest.Exact(append(compared, semconv.StallCauseKey)...), tracetest.Without(steps))...)
}

// A read that waits in the middle of a message is reported; one that waits for a
// message to begin is not.
func TestStallOfARead(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		rec := newRecorder(t)
		c, _, p := rawClient(t, lib, setup{exact: true, server: watched(t, rec)}, nil)
		read := func(want string) {
			t.Helper()
			if _, got, err := c.Read(t.Context()); err != nil || string(got) != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			read("hello") // arrives in two parts
			read("idle")
			read("fragments")
			read("slow") // arrives in two parts, soon after each other
		})
		hello, slow := p.frame(opText, "hello"), p.frame(opText, "slow")
		p.send(t, hello[:8])
		time.Sleep(290 * ms)
		p.send(t, hello[8:])
		time.Sleep(time.Second)
		p.send(t, p.frame(opText, "idle"))
		time.Sleep(time.Second)
		p.send(t, p.frame(opMore, "frag"))
		time.Sleep(70 * ms)
		p.send(t, p.frame(opPing, "still here")) // in the middle of the message
		time.Sleep(70 * ms)
		p.send(t, p.frame(opLast, "ments"))
		time.Sleep(time.Second)
		p.send(t, slow[:3])
		time.Sleep(50 * ms)
		p.send(t, slow[3:])
		wg.Wait()
		wantStalls(t, rec, `
			read @0s 290ms {message.type=text, message.size=5, message.index=1, stall.cause=read} -> ?
				block net.read @0s 290ms {reason=net.read, source=memory} -> stalled
				stalled @100ms 0s {reason=net.read, source=memory, stall.cause=read} -> read
				wake readable @290ms 0s {reason=readable}
			read @2.29s 140ms {message.type=text, message.size=9, message.index=3, stall.cause=read} -> ?
				block net.read @2.29s 70ms {reason=net.read, source=memory}
				wake readable @2.36s 0s {reason=readable}
				block net.read @2.36s 70ms {reason=net.read, source=memory} -> stalled
				stalled @2.4s 0s {reason=net.read, source=memory, stall.cause=read} -> read
				wake readable @2.43s 0s {reason=readable}
		`)
	})
}

// A handshake that takes long is reported by either end.
func TestSlowHandshakeOfAnUnsampledConnection(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		client, server := newRecorder(t), newRecorder(t)
		opts := watched(t, server)
		l := newNetwork()
		serve(t, wsconn.NewListener(l), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(time.Second)
			c, err := lib.traced.accept(w, r, options{}, opts...)
			if err == nil {
				t.Cleanup(func() { _ = c.CloseNow() })
			}
		}))
		c, _, err := lib.traced.dial(t.Context(), "ws://server", options{client: &http.Client{Transport: &http.Transport{DialContext: l.DialContext}}}, watched(t, client)...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		synctest.Wait()
		wantStalls(t, client, `
			handshake @0s 1s {status_code=101, stall.cause=handshake} -> ?
		`)
		wantStalls(t, server, `
			handshake @0s 1s {status_code=101, stall.cause=handshake} -> ?
		`)
	})
}

// A handshake that is refused is reported by either end, with the failed check.
func TestRefusedHandshakeOfAnUnsampledConnection(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		client, server := newRecorder(t), newRecorder(t)
		s := setup{}
		opts := watched(t, server)
		url := dialable(t, &s, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := lib.traced.accept(w, r, options{}, opts...); err == nil {
				t.Error("got a connection")
			}
		}))
		s.header = http.Header{"Origin": {"http://elsewhere"}}
		if _, _, err := lib.traced.dial(t.Context(), url, s.options, watched(t, client)...); err == nil {
			t.Error("got a connection")
		}
		synctest.Wait()
		wantStalls(t, client, `
			handshake @0s 0s {status=error, error.type=403, status_code=403, handshake.check=status, stall.cause=refused} -> ?
		`)
		wantStalls(t, server, `
			handshake @0s 0s {status=error, error.type=403, status_code=403, handshake.check=origin, stall.cause=refused} -> ?
		`)
	})
}

// A close that waits for its peer's close frame is reported, and so is one that fails.
func TestCloseOfAnUnsampledConnection(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(p *peer)
		want   string
	}{
		"answered": {answer: func(p *peer) { p.try(p.closeFrame(1000, "")) }},
		"late": {answer: func(p *peer) {
			time.Sleep(time.Second)
			p.try(p.closeFrame(1000, ""))
		}, want: `
			close @0s 1s {stall.cause=close} -> ?
		`},
		"lost": {answer: func(p *peer) { _ = p.Close() }, want: `
			close @0s 0s {status=error, error.type=unexpected_eof, stall.cause=close} -> ?
		`},
		"unanswered": {answer: func(*peer) {}, want: `
			close @0s 5s {status=error, error.type=deadline_exceeded, stall.cause=close} -> ?
		`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				rec := newRecorder(t)
				c, _, p := rawServer(t, lib, setup{exact: true, client: watched(t, rec)})
				var wg sync.WaitGroup
				wg.Go(func() { _ = c.Close(1000, "") })
				if first, _ := p.receive(t); first != opClose {
					t.Errorf("got a frame %x, want the close frame", first)
				}
				tt.answer(p)
				wg.Wait()
				if name == "unanswered" && lib.name == "nhooyr" { // nhooyr's Close may return no error then
					s := tracetest.One(t, rec.Chain(), semconv.SpanClose)
					if s.Duration() != 5*time.Second || s.Str(semconv.StallCauseKey) != string(semconv.StallClose) {
						t.Errorf("got a close of %v: %v", s.Duration(), s.Attributes)
					}
					return
				}
				wantStalls(t, rec, tt.want)
			})
		})
	}
}

// A write that waited for the library's lock behind a parked write has a trace of its own,
// which links to that write. If it then parks itself, both waits are in one trace.
func TestStallBehindAWrite(t *testing.T) {
	for name, tt := range map[string]struct {
		second string        // message
		parked time.Duration // how long the second is parked
		want   string
	}{
		"in time": {second: "waits", want: `
				write @0s 300ms {message.type=text, message.size=7, message.index=1, stall.cause=peer_window} -> ?
					block peer_window @0s 300ms {reason=net.write, source=memory} -> stalled
					stalled @100ms 0s {reason=net.write, source=memory, stall.cause=unknown} -> write
					wake peer_read @300ms 0s {reason=peer_read}
				write @10ms 290ms {message.size=5, stall.cause=write_lock} -> ?
					block write.lock @10ms 290ms {reason=write.lock}
					wake unlocked @300ms 0s {reason=unlocked} -> write
			`},
		"and parked": {second: "waits and parks", parked: 200 * ms, want: `
				write @0s 300ms {message.type=text, message.size=7, message.index=1, stall.cause=peer_window} -> ?
					block peer_window @0s 300ms {reason=net.write, source=memory} -> stalled
					stalled @100ms 0s {reason=net.write, source=memory, stall.cause=unknown} -> write
					wake peer_read @300ms 0s {reason=peer_read}
				write @10ms 490ms {message.type=text, message.size=15, message.index=2, stall.cause=write_lock} -> ?
					block write.lock @10ms 290ms {reason=write.lock}
					wake unlocked @300ms 0s {reason=unlocked} -> write
					block peer_window @300ms 200ms {reason=net.write, source=memory} -> stalled
					stalled @400ms 0s {reason=net.write, source=memory, stall.cause=unknown} -> write
					wake peer_read @500ms 0s {reason=peer_read}
			`},
		"and parked shortly": {second: "waits and parks", parked: 50 * ms, want: `
				write @0s 300ms {message.type=text, message.size=7, message.index=1, stall.cause=peer_window} -> ?
					block peer_window @0s 300ms {reason=net.write, source=memory} -> stalled
					stalled @100ms 0s {reason=net.write, source=memory, stall.cause=unknown} -> write
					wake peer_read @300ms 0s {reason=peer_read}
				write @10ms 340ms {message.type=text, message.size=15, message.index=2, stall.cause=write_lock} -> ?
					block write.lock @10ms 290ms {reason=write.lock}
					wake unlocked @300ms 0s {reason=unlocked} -> write
					block peer_window @300ms 50ms {reason=net.write, source=memory}
					wake peer_read @350ms 0s {reason=peer_read}
			`},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				rec := newRecorder(t)
				c, _, p := rawServer(t, lib, setup{exact: true, window: 12, client: watched(t, rec)})
				var wg sync.WaitGroup
				write := func(s string) {
					wg.Go(func() {
						if err := c.Write(context.Background(), messageText, []byte(s)); err != nil {
							t.Error(err)
						}
					})
				}
				read := func() {
					if _, err := p.Read(make([]byte, 12)); err != nil {
						t.Error(err)
					}
				}
				write("parked!") // one byte more than the window
				time.Sleep(10 * ms)
				write(tt.second)
				time.Sleep(290 * ms)
				read()
				time.Sleep(tt.parked)
				read()
				wg.Wait()
				time.Sleep(time.Second)
				wantStalls(t, rec, tt.want)
			})
		})
	}
}
