package session_test

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// The operation shows the duration of a block that is too short for a span.
func TestMinBlock(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{session.WithMinBlock(20 * ms)}})
		for _, after := range []time.Duration{10 * ms, 30 * ms} {
			go func() {
				time.Sleep(after)
				p.send(t, p.frame(opText, "a"))
			}()
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		wantTree(t, rec, `
			read @0s 10ms {message.type=text, message.size=1, message.index=1, frame.count=1, wire.size=3}
			read @10ms 30ms {message.type=text, message.size=1, message.index=2, frame.count=1, wire.size=3}
				block @10ms 30ms {reason=net.read, source=timed}
				wake @40ms 0s {reason=readable}
		`)
		short := rec.Chain().Named(semconv.SpanRead)[0]
		if got, want := short.Float(semconv.BlockDurationKey), 0.01; got != want {
			t.Errorf("the short block: got %vs, want %vs", got, want)
		}
	})
}

// exchange sends every kind of message whose span may be left out.
func exchange(t *testing.T, c conn, p *peer) {
	t.Helper()
	ctx := t.Context()
	go p.send(t, p.frame(opText, "idle"))
	_, _, _ = c.Read(ctx)
	time.Sleep(10 * ms)

	go func() { // waits for its message, and then in the middle of it
		time.Sleep(10 * ms)
		p.send(t, p.frame(opMore, "sta"))
		time.Sleep(10 * ms)
		p.send(t, p.frame(opLast, "lled"))
	}()
	_, _, _ = c.Read(ctx)

	go func() {
		for range 2 {
			_, _ = p.receive(t)
			time.Sleep(10 * ms)
		}
	}()
	_ = c.Write(ctx, messageText, []byte("at once"))
	_ = c.Write(ctx, messageText, []byte("blocked"))

	ctx, cancel := context.WithTimeout(ctx, 10*ms)
	defer cancel()
	if _, _, err := c.Read(ctx); err == nil {
		t.Error("the read did not fail")
	}
	synctest.Wait()
}

func TestMessageSpans(t *testing.T) {
	for _, test := range []struct {
		name  string
		spans session.MessageSpans
		left  map[string]string // by the span that has the count
		want  string
	}{
		{"auto", session.MessagesAuto, nil, allSpans},
		{"all", session.MessagesAll, nil, allSpans},
		{"blocked", session.MessagesBlocked, map[string]string{
			// The read of "idle", and the wait for "stalled" with its wake; the write of
			// "at once"; and the wait of the read that failed.
			"3": semconv.SpanRead, "1": semconv.SpanWrite, "2": semconv.SpanRead,
		}, `
			read @10ms 20ms {message.type=text, message.size=7, message.index=2, frame.count=2, wire.size=11}
				block @20ms 10ms {reason=net.read, source=timed}
				wake @30ms 0s {reason=readable}
			write @30ms 10ms {message.type=text, message.size=7, message.index=2, frame.count=1, wire.size=13}
				block @30ms 10ms {reason=net.write, source=timed}
				wake @40ms 0s {reason=writable}
			read @40ms 10ms {status=error, error.type=deadline_exceeded}
			close @50ms 0s {status=error, error.type=deadline_exceeded, close.completed=false}
		`},
		{"none", session.MessagesNone, map[string]string{"13": semconv.SpanClose}, `
			close @50ms 0s {status=error, error.type=deadline_exceeded, close.completed=false}
		`},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, lib library) {
				c, rec, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{session.WithMessageSpans(test.spans)}})
				exchange(t, c, p)
				wantTree(t, rec, test.want)
				left := map[string]string{}
				for _, s := range rec.Chain().Spans {
					if n := s.Str(semconv.SpansSuppressedKey); n != "" {
						left[n] = s.Name
					}
				}
				if len(left) != len(test.left) {
					t.Errorf("left out: got %v, want %v", left, test.left)
				}
				for n, name := range test.left {
					if left[n] != name {
						t.Errorf("left out: got %v, want %v", left, test.left)
					}
				}
			})
		})
	}
}

const allSpans = `
	read @0s 0s {message.type=text, message.size=4, message.index=1, frame.count=1, wire.size=6}
	read @10ms 20ms {message.type=text, message.size=7, message.index=2, frame.count=2, wire.size=11}
		block @10ms 10ms {reason=net.read, source=timed}
		wake @20ms 0s {reason=readable}
		block @20ms 10ms {reason=net.read, source=timed}
		wake @30ms 0s {reason=readable}
	write @30ms 0s {message.type=text, message.size=7, message.index=1, frame.count=1, wire.size=13}
	write @30ms 10ms {message.type=text, message.size=7, message.index=2, frame.count=1, wire.size=13}
		block @30ms 10ms {reason=net.write, source=timed}
		wake @40ms 0s {reason=writable}
	read @40ms 10ms {status=error, error.type=deadline_exceeded}
		block @40ms 10ms {reason=net.read, source=timed}
		close @50ms 0s {status=error, error.type=deadline_exceeded, close.completed=false}
		wake @50ms 0s {reason=deadline}
`

// If the write that blocks others has no span, they link to the span in its context.
func TestBlockedTurns(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{session.WithMessageSpans(session.MessagesBlocked)}})
		drained := p.drain()
		ctx, op := trace.Start(rec.context(t.Context()), "first")
		w, err := c.Writer(ctx, messageText)
		if err != nil {
			t.Fatal(err)
		}
		second := make(chan struct{})
		go func() {
			defer close(second)
			_ = c.Write(t.Context(), messageText, []byte("second"))
		}()
		time.Sleep(10 * ms)
		_ = w.Close()
		<-second
		op.End(nil)
		_ = c.CloseNow()
		<-drained
		wantTree(t, rec, `
			first @0s 10ms
			write @0s 10ms {message.type=text, message.size=6, message.index=2, frame.count=1, wire.size=12}
				block @0s 10ms {reason=write.lock}
				wake @10ms 0s {reason=unlocked} -> first
			close @10ms 0s {status=error, error.type=close_now, close.completed=false}
		`)
	})
}

// Spans that are suppressed after the close has its span are stated, too.
func TestLeftOutAfterClose(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{client: []session.Option{session.WithMessageSpans(session.MessagesBlocked)}})
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _, _ = p.client.Read(t.Context())
		}()
		time.Sleep(10 * ms)
		_ = p.client.CloseNow()
		<-read
		wantEnded(t, p.clientSpans)
		left, spans := 0, 0
		for _, s := range p.clientSpans.Chain().Spans {
			left += int(s.Int(semconv.SpansSuppressedKey))
			if s.Is(semconv.SpanRead) || s.Is(semconv.SpanBlock) || s.Is(semconv.SpanWake) {
				spans++
			}
		}
		if left+spans != 3 {
			t.Errorf("got %d spans and %d left out, want 3 in all: a read, its block and its wake", spans, left)
		}
	})
}

// If messages have no spans, the close counts the suppressed spans, including those of
// the call in which the connection ended.
func TestLeftOutOfTheLastCall(t *testing.T) {
	for name, call := range map[string]func(ctx context.Context, c conn){
		"read": func(ctx context.Context, c conn) { _, _, _ = c.Read(ctx) },
		"reader": func(ctx context.Context, c conn) {
			if _, r, err := c.Reader(ctx); err == nil {
				_, _ = io.ReadAll(r)
			}
		},
		"write": func(ctx context.Context, c conn) { _ = c.Write(ctx, messageText, make([]byte, 1000)) },
	} {
		bubble(t, func(t *testing.T, lib library) {
			p := connect(t, lib, setup{stalls: true, client: []session.Option{session.WithMessageSpans(session.MessagesNone)}})
			ctx, cancel := context.WithTimeout(t.Context(), 10*ms) // ends the connection
			defer cancel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				call(ctx, p.client)
			}()
			if name == "reader" {
				go func() {
					if w, err := p.server.Writer(t.Context(), messageText); err == nil {
						_, _ = w.Write(make([]byte, 10_000))
					}
				}()
			}
			<-done
			_ = p.server.CloseNow()
			wantEnded(t, p.clientSpans)
			left := tracetest.One(t, p.clientSpans.Chain(), semconv.SpanClose).Int(semconv.SpansSuppressedKey)
			if left < 3 {
				t.Errorf("%s: the close states %d that were left out, want the call, its block and its wake", name, left)
			}
		})
	}
}
