package session_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

var auto = session.WithMessageSpans(session.MessagesAuto)

// story lists the spans of one direction, in short: messages by their index, runs as
// first-last with their other attributes.
func story(rec *recorder, one, many string) string {
	var parts []string
	for _, s := range rec.Chain().Spans {
		if s.Name != one && s.Name != many {
			continue
		}
		first, last := s.Indexes()
		part := fmt.Sprint(first)
		if s.Name == many {
			part = fmt.Sprintf("%d-%d", first, last)
			if n := last - first + 1; n != s.Messages() {
				part += fmt.Sprintf(" of %d", s.Messages())
			}
		}
		if s.Failed() {
			part = s.Str(semconv.ErrorTypeKey)
		}
		if d := s.Seconds(semconv.BlockDurationKey); d > 0 {
			part += " blocked " + d.String()
		}
		for _, c := range s.Children {
			part += ", " + c.Name
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "; ")
}

func wantStory(t *testing.T, rec *recorder, one, many, want string) {
	t.Helper()
	firsts := "1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12; 13; 14; 15; 16"
	got := strings.TrimPrefix(story(rec, one, many), firsts)
	if got = strings.TrimPrefix(got, "; "); got != want {
		t.Errorf("got\n\t%s\nwant\n\t%s", got, want)
	}
}

func writeMany(t *testing.T, c conn, n int) {
	t.Helper()
	for range n {
		if err := c.Write(t.Context(), messageText, []byte("hello")); err != nil {
			t.Fatal(err)
		}
	}
}

// The first messages have spans, the others are in runs of a second or 1,000.
func TestRuns(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{auto}})
		drained := p.drain()
		writeMany(t, c, 16+2500)
		time.Sleep(300 * ms)
		for range 10 {
			writeMany(t, c, 1)
			time.Sleep(120 * ms)
		}
		time.Sleep(time.Second) // a message long after is alone
		writeMany(t, c, 1)
		_ = c.CloseNow()
		<-drained
		wantEnded(t, rec)
		wantStory(t, rec, semconv.SpanWrite, semconv.SpanWrites, "17-1016; 1017-2016; 2017-2522; 2523-2526; 2527")
		run := rec.Chain().Named(semconv.SpanWrites)[2]
		for key, want := range map[string]string{
			"websocket.run.messages": "506", "websocket.run.first": "2017", "websocket.run.last": "2522",
			"websocket.run.longest": "0", "websocket.run.idle": "0.9", "websocket.message.size": "2530",
			"websocket.frame.count": "506", "websocket.wire.size": "5566", "websocket.message.type": "text", "network.io.direction": "transmit",
		} {
			if got := run.Str(attribute.Key(key)); got != want {
				t.Errorf("%s: got %q, want %q", key, got, want)
			}
		}
		if got, want := run.Duration(), 900*ms; got != want {
			t.Errorf("got a run of %v, want %v", got, want)
		}
	})
}

// A run is exported within a second, even if nothing follows.
func TestRunsEnd(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{auto}})
		_ = p.drain()
		writeMany(t, c, 20)
		if got := len(rec.Chain().Named(semconv.SpanWrites)); got != 1 || !rec.Chain().Named(semconv.SpanWrites)[0].End.IsZero() {
			t.Errorf("got %d runs, want one that goes on", got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		wantStory(t, rec, semconv.SpanWrite, semconv.SpanWrites, "17-20")
		if run := rec.Chain().Named(semconv.SpanWrites)[0]; run.End.IsZero() || run.Duration() != 0 {
			t.Errorf("got a run of %v that ended at %v, want it over with its last message", run.Duration(), run.End)
		}
		_ = c.CloseNow()
	})
}

// A message that stalls has a span of its own, with all its attributes.
func TestRunsStall(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{stalls: true, client: []session.Option{auto}})
		pace := func(n int, d time.Duration) {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range n {
					time.Sleep(d)
					_, _ = p.receive(t)
				}
			}()
			writeMany(t, c, n)
			<-done
		}
		pace(16, 0)
		pace(3, 2*ms)
		pace(1, 20*ms)
		pace(1, 20*ms) // the first of a run
		pace(2, 0)
		_ = c.CloseNow()
		wantEnded(t, rec)
		wantStory(t, rec, semconv.SpanWrite, semconv.SpanWrites,
			"17-19 blocked 6ms; 20 blocked 20ms, block net.write, wake writable; 21 blocked 20ms, block net.write, wake writable; 22-23")
		stalled := rec.Chain().Named(semconv.SpanWrite)
		if links := stalled[16].Links; len(links) != 1 || links[0].Span == nil || links[0].Span.Name != semconv.SpanWrites {
			t.Errorf("got links %v, want the run that the trace pong names", links)
		}
	})
}

// A write in progress when its run must end is the run's last message, unless it takes
// as long again.
func TestRunsUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{auto}})
		_ = p.drain()
		slow := func(d time.Duration) {
			w, err := c.Writer(t.Context(), messageText)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(d)
			_ = w.Close()
		}
		writeMany(t, c, 18)
		time.Sleep(800 * ms)
		slow(500 * ms)
		writeMany(t, c, 2)
		slow(3 * time.Second)
		writeMany(t, c, 2)
		_ = c.CloseNow()
		wantEnded(t, rec)
		wantStory(t, rec, semconv.SpanWrite, semconv.SpanWrites, "17-19; 20-21; 22; 23-24")
	})
}

// Waiting for a message to begin is no stall, unless it lasts as long as a run. The
// last read fails, and shows its wait.
func TestRunsOfReads(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{auto}})
		go func() {
			for range 16 {
				p.send(t, p.frame(opText, "a"))
			}
			for range 8 {
				time.Sleep(300 * ms)
				p.send(t, p.frame(opText, "a"))
			}
			time.Sleep(2 * time.Second)
			p.send(t, p.frame(opText, "a"))
			p.send(t, p.frame(opMore, "sta"))
			time.Sleep(20 * ms)
			p.send(t, p.frame(opLast, "lled"))
			p.send(t, p.frame(opText, "a"))
			time.Sleep(50 * ms)
			_ = p.Close()
		}()
		for {
			if _, _, err := c.Read(t.Context()); err != nil {
				break
			}
		}
		_ = c.CloseNow()
		wantEnded(t, rec)
		got := story(rec, semconv.SpanRead, semconv.SpanReads)
		_, got, _ = strings.Cut(got, "; 16; ")
		if want := "17-20 blocked 900ms; 21-24 blocked 900ms; 25 blocked 2s, block net.read, wake readable; " +
			"26 blocked 20ms, block net.read, wake readable; 27; 0 blocked 50ms, block net.read, wake peer_closed"; got != want {
			t.Errorf("got\n\t%s\nwant\n\t%s", got, want)
		}
		run := rec.Chain().Named(semconv.SpanReads)[1]
		if got, want := run.Seconds(semconv.WebSocketRunIdleKey), 900*ms; got != want {
			t.Errorf("idle: got %v, want %v", got, want)
		}
		if got, want := run.Duration(), 900*ms; got != want { // from the first message on
			t.Errorf("got a run of %v, want %v", got, want)
		}
	})
}

// A message with another parent has a span of its own below that.
func TestRunsBelow(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawServer(t, lib, setup{client: []session.Option{auto}})
		_ = p.drain()
		writeMany(t, c, 18)
		for i := range 4 {
			ctx, op := trace.Start(rec.context(t.Context()), "request")
			for range i + 1 {
				_ = c.Write(ctx, messageText, []byte("hello"))
			}
			op.End(nil)
		}
		_ = c.CloseNow()
		wantEnded(t, rec)
		tracetest.AssertTree(t, rec.Chain(), `
			handshake
				write ×16
				writes
				close {status=error, error.type=close_now}
			request
				write
			request
				write
				write
			request
				write
				writes
			request
				write
				writes
		`, tracetest.Without(steps))
	})
}

// Readers link to the runs of writers. A stalled message is found by its index.
func TestRunsLinked(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{announced: true, client: []session.Option{auto}, server: []session.Option{auto}})
		read := make(chan struct{})
		go func() {
			defer close(read)
			for i := 1; ; i++ {
				if i == 40 {
					time.Sleep(30 * ms)
				}
				_, _, of, err := receive(t.Context(), p.server)
				if err != nil {
					return
				}
				if i == 30 {
					_, op := trace.Start(of(p.serverSpans.context(t.Context())), "work")
					op.End(nil)
				}
			}
		}()
		writeMany(t, p.client, 60)
		_ = p.client.Close(1000, "")
		<-read
		wantEnded(t, p.clientSpans)
		wantEnded(t, p.serverSpans)
		var spans []chain.Span
		for _, r := range []*recorder{p.clientSpans, p.serverSpans} {
			for _, s := range r.Chain().Spans {
				spans = append(spans, *s)
			}
		}
		all := chain.New(spans)
		work := tracetest.One(t, all, "work")
		if work.Parent == nil || work.Parent.Name != semconv.SpanReads {
			t.Errorf("got work below %v, want the run of its message", work.Parent)
		}
		messages := int64(0)
		for _, s := range all.Spans {
			if !s.IsRead() || s.Messages() == 0 {
				continue
			}
			messages += s.Messages()
			first, last := s.Indexes()
			for i := first; i <= last; i++ {
				found := false
				for _, l := range s.Links {
					found = found || l.Span != nil && l.Span.IsWrite() && l.Span.Has(i)
				}
				if !found {
					t.Errorf("message %d: %v links to %v, which do not have it", i, s, s.Links)
				}
			}
		}
		if messages != 60 {
			t.Errorf("got %d messages, want 60", messages)
		}
	})
}
