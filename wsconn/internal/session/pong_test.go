package session_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// However many pings a peer sends, a handful of spans stand for all of the pongs, and
// messages have their spans as before.
func TestPingFlood(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawClient(t, lib, setup{server: []session.Option{session.WithTraceBudget(1000, 0)}}, nil)
		drained := p.drain()
		const pings = 3000
		go func() {
			p.send(t, bytes.Repeat(p.frame(opPing, ""), pings/2))
			p.send(t, p.frame(opText, "first"))
			time.Sleep(10 * ms)
			p.send(t, bytes.Repeat(p.frame(opPing, ""), pings/2))
			p.send(t, p.frame(opText, "second"))
		}()
		for range 2 {
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.CloseNow()
		<-drained
		synctest.Wait()
		wantEnded(t, rec)
		spans := rec.Chain()
		pongs := spans.Named(semconv.SpanPong)
		reported := 0
		for _, s := range pongs {
			n := s.Int(semconv.WebSocketFrameCountKey)
			reported += int(max(n, 1))
		}
		if len(pongs) > 5 || reported != pings {
			t.Errorf("got %d spans of %d pongs, want at most 5 of %d", len(pongs), reported, pings)
		}
		if n := len(spans.Named(semconv.SpanRead)); n != 2 {
			t.Errorf("got %d reads, want 2", n)
		}
		if n := len(spans.Named(semconv.SpanSegment)); n != 0 {
			t.Errorf("got %d segments, want none", n)
		}
		if n := spans.Len(); n > 40 {
			t.Errorf("got %d spans", n)
		}
	})
}

// A ping now and then is answered by a pong with a span of its own, and so is every
// run of a peer that never stops, within ten seconds.
func TestPongRuns(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		c, rec, p := rawClient(t, lib, setup{}, nil)
		drained := p.drain()
		go func() {
			for range 6 {
				p.send(t, p.frame(opPing, "now and then"))
				time.Sleep(15 * time.Second)
			}
			for range 25 {
				p.send(t, p.frame(opPing, "often"))
				time.Sleep(time.Second)
			}
			p.send(t, p.frame(opText, "done"))
		}()
		_, _, _ = c.Read(t.Context())
		_ = c.CloseNow()
		<-drained
		synctest.Wait()
		var got []int
		for _, s := range rec.Chain().Named(semconv.SpanPong) {
			n := s.Int(semconv.WebSocketFrameCountKey)
			got = append(got, int(max(n, 1)))
		}
		singles, runs := 0, 0
		for _, n := range got {
			if n == 1 {
				singles++
			} else {
				runs++
			}
		}
		if singles < 6+4 || runs < 1 || runs > 3 {
			t.Errorf("got spans of %v pongs, want those of the first ten each, and then runs", got)
		}
	})
}
