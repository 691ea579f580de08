package session_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

const secret = "s3cret"

// sendSecrets sends a server what must not be in any span or metric: payloads of
// messages, pings and pongs, a malformed trace pong, and a close with a code and a
// reason.
func sendSecrets(t *testing.T, lib library) (*recorder, *measured) {
	t.Helper()
	rec, m := newRecorder(t), newMeasured()
	c, _, p := rawClient(t, lib, setup{announced: true, server: []session.Option{rec.option(), m.option()}}, nil)
	go func() {
		p.send(t, p.frame(opText, secret), p.frame(opPing, secret), p.frame(opPong, secret),
			p.frame(opPong, "\xf5wk\x01"+secret), p.frame(opText, strings.Repeat(secret, 100)))
		p.send(t, p.closeFrame(4321, secret))
		_, _ = io.Copy(io.Discard, p.r)
	}()
	for range 3 {
		_, _, _ = c.Read(t.Context())
	}
	_ = c.Write(t.Context(), messageText, []byte(secret))
	_ = c.CloseNow()
	wantEnded(t, rec)
	return rec, m
}

// What a peer sends, and what it is sent, is in no span, and neither is the reason that
// it closes with.
func TestPayloadsStayOut(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		rec, _ := sendSecrets(t, lib)
		if n := rec.Chain().Len(); n < 5 {
			t.Errorf("got %d spans", n)
		}
		for _, s := range rec.Chain().Spans {
			if text := fmt.Sprint(s.Name, s.Attributes, s.Status); strings.Contains(text, secret) {
				t.Errorf("%s tells it: %s", s, text)
			}
		}
	})
}

// Nothing of what a peer sends becomes a value of a metric's attribute: not its payloads,
// and not the code or the reason that it closes with.
func TestMetricsOfAHostilePeer(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		_, m := sendSecrets(t, lib)
		text := m.text(t)
		if strings.Contains(text, secret) || strings.Contains(text, "=4321") {
			t.Errorf("got\n%s", text)
		}
		if !strings.Contains(text, "websocket.messages ") {
			t.Errorf("nothing was measured:\n%s", text)
		}
	})
}
