package session_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// theirs is a span of the peer's.
var theirs = oteltrace.NewSpanContext(oteltrace.SpanContextConfig{
	TraceID: oteltrace.TraceID{1}, SpanID: oteltrace.SpanID{2}, TraceFlags: oteltrace.FlagsSampled, Remote: true,
})

// tracePong returns a trace pong of the peer's, before its message of this number.
func (p *peer) tracePong(number uint32) []byte {
	return tracepong.Append(nil, tracepong.Pong{Number: number, Write: theirs}, p.client)
}

// raws runs f for a traced server and a traced client, whose peer speaks by hand
// and has announced trace pongs.
func raws(t *testing.T, f func(t *testing.T, c conn, rec *recorder, p *peer)) {
	t.Helper()
	each(t, func(t *testing.T, lib library) {
		t.Run("server", func(t *testing.T) {
			c, rec, p := rawClient(t, lib, setup{announced: true}, nil)
			f(t, c, rec, p)
		})
		t.Run("client", func(t *testing.T) {
			c, rec, p := rawServer(t, lib, setup{announced: true})
			f(t, c, rec, p)
		})
	})
}

// Whatever a peer sends as a trace pong, its messages arrive and the connection lives.
// Valid pongs make links, and the others are counted.
func TestHostileTracePongs(t *testing.T) {
	const magic = "\xf5wk\x01"
	zeros := strings.Repeat("\x00", 25)
	for _, test := range []struct {
		name    string
		before  func(p *peer) []byte // the first message
		links   bool
		ignored string
	}{
		{"right", func(p *peer) []byte { return p.tracePong(1) }, true, ""},
		{"none", func(*peer) []byte { return nil }, false, ""},
		{"two", func(p *peer) []byte { return append(p.tracePong(1), p.tracePong(1)...) }, true, "1"},
		{"of another message", func(p *peer) []byte { return p.tracePong(3) }, false, "1"},
		{"of no message", func(p *peer) []byte { return p.tracePong(0) }, false, "1"},
		{"wrong, then right", func(p *peer) []byte { return append(p.tracePong(2), p.tracePong(1)...) }, true, "1"},
		{"too short", func(p *peer) []byte { return p.frame(opPong, magic) }, false, "1"},
		{"too long", func(p *peer) []byte { return p.frame(opPong, magic+strings.Repeat("x", 121)) }, false, "1"},
		{"garbage", func(p *peer) []byte { return p.frame(opPong, magic+zeros+"\x00\x00\x00\x01") }, false, "1"},
		{"not sampled", func(p *peer) []byte {
			return p.frame(opPong, magic+"\x00\x00\x00\x01"+strings.Repeat("\x01", 24)+"\x02")
		}, false, "1"},
		{"the program's", func(p *peer) []byte { return p.frame(opPong, "pong") }, false, ""},
		{"a flood", func(p *peer) []byte { return bytes.Repeat(p.tracePong(1), 10_000) }, true, "9999"},
		{"a flood of garbage", func(p *peer) []byte { return bytes.Repeat(p.frame(opPong, magic), 10_000) }, false, "10000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			raws(t, func(t *testing.T, c conn, rec *recorder, p *peer) {
				go func() {
					p.send(t, test.before(p))
					p.send(t, p.frame(opText, "one"), p.frame(opPing, "?"), p.tracePong(2), p.frame(opText, "two"))
				}()
				go func() { _, _ = io.Copy(io.Discard, p.r) }()
				for _, want := range []string{"one", "two"} {
					if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != want {
						t.Fatalf("got %q, %v, want %q", msg, err, want)
					}
				}
				if err := c.Write(t.Context(), messageText, []byte("alive")); err != nil {
					t.Error(err)
				}
				_ = c.CloseNow()
				wantEnded(t, rec)
				for i, want := range []bool{test.links, true} {
					links := rec.Chain().Named(semconv.SpanRead)[i].Links
					if got := len(links) > 0; got != want {
						t.Errorf("read %d links: %t, want %t", i+1, got, want)
					}
					for _, l := range links {
						if !l.SpanContext.Equal(theirs) {
							t.Errorf("read %d links to %v, want %v", i+1, l.SpanContext, theirs)
						}
					}
				}
				if got := tracetest.One(t, rec.Chain(), semconv.SpanClose).Str(semconv.WebSocketTracePongIgnoredKey); got != test.ignored {
					t.Errorf("the close says %q were ignored, want %q", got, test.ignored)
				}
			})
		})
	}
}

// Ignored trace pongs are measured, and do not count as bytes.
func TestIgnoredTracePongsMeasured(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		for name, rec := range map[string]*recorder{"recorded": newRecorder(t), "not recorded": never(t)} {
			m := newMeasured()
			c, _, p := rawClient(t, lib, setup{announced: true, server: []session.Option{rec.option(), m.option()}}, nil)
			go p.send(t, p.tracePong(1), p.tracePong(1), p.frame(opPong, "\xf5wk\x01"), p.frame(opText, "a"))
			if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "a" {
				t.Fatalf("got %q, %v", msg, err)
			}
			for _, want := range []string{
				string(semconv.MetricPongsIgnored) + " {frame} websocket.role=server: 2\n",
				string(semconv.MetricIO) + " By network.io.direction=receive websocket.role=server: 7\n",
			} {
				if got := m.text(t); !strings.Contains(got, want) {
					t.Errorf("%s: got\n%swant\n%s", name, got, want)
				}
			}
		}
	})
}

// In a fragmented message a trace pong belongs to the next message, and never to the
// one around it.
func TestTracePongInsideAMessage(t *testing.T) {
	raws(t, func(t *testing.T, c conn, rec *recorder, p *peer) {
		go p.send(t, p.frame(opMore, "a"), p.tracePong(1), p.frame(opMiddle, "b"), p.tracePong(2), p.frame(opLast, "c"), p.frame(opText, "d"))
		for _, want := range []string{"abc", "d"} {
			if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != want {
				t.Fatalf("got %q, %v, want %q", msg, err, want)
			}
		}
		_ = c.CloseNow()
		wantEnded(t, rec)
		reads := rec.Chain().Named(semconv.SpanRead)
		if len(reads[0].Links) != 0 || len(reads[1].Links) != 1 {
			t.Errorf("got %d and %d links, want 0 and 1", len(reads[0].Links), len(reads[1].Links))
		}
		if got := tracetest.One(t, rec.Chain(), semconv.SpanClose).Str(semconv.WebSocketTracePongIgnoredKey); got != "1" {
			t.Errorf("%q were ignored, want 1", got)
		}
	})
}

// A trace pong without a message links no read, and is no fault.
func TestTracePongWithoutMessage(t *testing.T) {
	raws(t, func(t *testing.T, c conn, rec *recorder, p *peer) {
		go func() {
			p.send(t, p.frame(opText, "a"), p.tracePong(2))
			p.send(t, p.closeFrame(1000, ""))
			_, _ = io.Copy(io.Discard, p.r)
		}()
		for range 2 {
			_, _, _ = c.Read(t.Context())
		}
		wantEnded(t, rec)
		for i, r := range rec.Chain().Named(semconv.SpanRead) {
			if len(r.Links) > 0 {
				t.Errorf("read %d links", i+1)
			}
		}
		if got := tracetest.One(t, rec.Chain(), semconv.SpanClose).Str(semconv.WebSocketTracePongIgnoredKey); got != "" {
			t.Errorf("%q were ignored, want none", got)
		}
	})
}

// Trace pongs that are received byte by byte give the same links.
func TestTracePongsByteByByte(t *testing.T) {
	raws(t, func(t *testing.T, c conn, rec *recorder, p *peer) {
		go func() {
			stream := bytes.Join([][]byte{
				p.tracePong(1), p.frame(opText, "one"), p.frame(opPong, "pong"), p.frame(opText, "two"),
				p.tracePong(3), p.frame(opMore, "th"), p.frame(opPong, ""), p.frame(opLast, "ree"),
			}, nil)
			for i := range stream {
				p.send(t, stream[i:i+1])
			}
		}()
		for _, want := range []string{"one", "two", "three"} {
			if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != want {
				t.Fatalf("got %q, %v, want %q", msg, err, want)
			}
		}
		_ = c.CloseNow()
		wantEnded(t, rec)
		for i, want := range []int{1, 0, 1} {
			if got := len(rec.Chain().Named(semconv.SpanRead)[i].Links); got != want {
				t.Errorf("read %d: got %d links, want %d", i+1, got, want)
			}
		}
	})
}

// The library judges violations of the protocol as it does without wakechain.
func TestForbiddenTracePongs(t *testing.T) {
	for _, test := range []struct {
		name  string
		frame func(p *peer) []byte
	}{
		{"not masked by a client", func(*peer) []byte { return (&peer{}).tracePong(1) }},
		{"in fragments", func(p *peer) []byte { f := p.tracePong(1); f[0] &^= 0x80; return f }},
		{"with a reserved bit", func(p *peer) []byte { f := p.tracePong(1); f[0] |= 0x20; return f }},
		{"longer than a control frame", func(p *peer) []byte { return p.frame(opPong, "\xf5wk\x01"+strings.Repeat("x", 200)) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				read := func(bare bool) string {
					c, _, p := rawClient(t, lib, setup{announced: true, bare: bare}, nil)
					go func() {
						p.try(append(test.frame(p), p.frame(opText, "a")...))
						_, _ = io.Copy(io.Discard, p.r)
					}()
					_, _, err := c.Read(t.Context())
					if err == nil {
						t.Error("got no error")
						return ""
					}
					return err.Error()
				}
				if got, want := read(false), read(true); got != want {
					t.Errorf("got %q, want the bare library's %q", got, want)
				}
			})
		})
	}
}

// A peer that sends trace pongs without having announced them is treated as one that sends
// pongs.
func TestTracePongsUnannounced(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		c, rec, p := rawClient(t, lib, setup{}, nil)
		go p.send(t, p.tracePong(1), p.frame(opText, "a"))
		if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != "a" {
			t.Fatalf("got %q, %v", msg, err)
		}
		_ = c.CloseNow()
		wantEnded(t, rec)
		if got := tracetest.One(t, rec.Chain(), semconv.SpanRead).Links; len(got) > 0 {
			t.Errorf("the read links to %v", got)
		}
	})
}

// An end that records nothing removes trace pongs if it had to announce them.
func TestTracePongsToAnUnsampledEnd(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		for name, opts := range map[string][]session.Option{
			"its sampler refuses":  {never(t).option()},
			"so does a public one": {never(t).option(), session.WithPublicEndpoint()},
		} {
			t.Run(name, func(t *testing.T) {
				c, _, p := rawClient(t, lib, setup{announced: true, server: opts}, (&peer{client: true}).tracePong(1))
				go p.send(t, p.frame(opText, "a"), p.frame(opPong, "\xf5wk\x01"), p.frame(opText, "b"))
				for _, want := range []string{"a", "b"} {
					if _, msg, err := c.Read(t.Context()); err != nil || string(msg) != want {
						t.Fatalf("got %q, %v, want %q", msg, err, want)
					}
				}
				go func() { _ = c.Write(t.Context(), messageText, []byte("c")) }()
				if first, msg := p.receive(t); first != opText || msg != "c" {
					t.Errorf("got %x %q", first, msg)
				}
			})
		}
	})
}
