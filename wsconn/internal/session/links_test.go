package session_test

import (
	"context"
	"net/http"
	"testing"

	coder "github.com/coder/websocket"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/coderws"
	"github.com/wakechain/wakechain/wsconn/internal/session"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// never returns a recorder whose provider samples nothing, whatever the parent.
func never(t *testing.T) *recorder {
	return newRecorder(t, sdktrace.WithSampler(sdktrace.NeverSample()))
}

// A forgetful proxy loses a header on one of its ways.
type forgetful struct {
	http.ResponseWriter
	forgets bool
}

func (w forgetful) WriteHeader(status int) {
	if w.forgets {
		w.Header().Del(tracepong.Header)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w forgetful) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Trace pongs are sent if both ends announced them, and may record.
func TestPeerLinksAnnounced(t *testing.T) {
	without := session.WithoutPeerLinks()
	unsampled, noop := never(t).option(), session.WithTracerProvider(noopProvider)
	own := options{header: http.Header{tracepong.Header: {tracepong.Version}}}
	for _, test := range []struct {
		name               string
		client, server     session.Option
		options            options
		lost               string // the request's header, or the answer's
		asked, answered    string
		toServer, toClient bool // links
	}{
		{name: "both", asked: "1", answered: "1", toServer: true, toClient: true},
		{name: "not the client", client: without},
		{name: "not the server", server: without, asked: "1"},
		{name: "an unsampled client", client: unsampled},
		{name: "a client without a provider", client: noop},
		{name: "a client that hands a header on", client: noop, options: own},
		{name: "a server without a provider", server: noop, asked: "1"},
		{name: "a server that records nothing after all", server: unsampled, asked: "1", answered: "1"},
		{name: "the request loses it", lost: "request"},
		{name: "the answer loses it", lost: "answer", asked: "1", toClient: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			each(t, func(t *testing.T, lib library) {
				client, server := newRecorder(t), newRecorder(t)
				asked, accepted := make(chan string, 1), make(chan conn, 1)
				l, url := listen(t)
				serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if test.lost == "request" {
						r.Header.Del(tracepong.Header)
					}
					asked <- r.Header.Get(tracepong.Header)
					c, err := lib.traced.accept(forgetful{w, test.lost == "answer"}, r, test.options, server.option(), test.server)
					if err != nil {
						t.Error(err)
					}
					accepted <- c
				}))
				c, resp, err := lib.traced.dial(t.Context(), url, test.options, client.option(), test.client)
				if err != nil {
					t.Fatal(err)
				}
				s := <-accepted
				t.Cleanup(func() { closeBoth(c, s) })
				if got := <-asked; got != test.asked {
					t.Errorf("the request says %q, want %q", got, test.asked)
				}
				if got := resp.Header.Get(tracepong.Header); got != test.answered {
					t.Errorf("the answer says %q, want %q", got, test.answered)
				}
				for _, way := range []struct {
					from, to conn
					rec      *recorder
					want     bool
				}{{c, s, server, test.toServer}, {s, c, client, test.toClient}} {
					if err := way.from.Write(t.Context(), messageText, []byte("hello")); err != nil {
						t.Fatal(err)
					}
					if _, msg, err := way.to.Read(t.Context()); err != nil || string(msg) != "hello" {
						t.Fatalf("got %q, %v", msg, err)
					}
					for _, s := range way.rec.Chain().Named(semconv.SpanRead) {
						if got := len(s.Links) > 0; got != way.want {
							t.Errorf("the read links: %t, want %t", got, way.want)
						}
					}
				}
			})
		})
	}
}

// The program's hooks see the peer's pongs, and no trace pong.
func TestPongHooks(t *testing.T) {
	server, client := newRecorder(t), newRecorder(t)
	pongs := make(chan string, 100)
	hook := func(_ context.Context, payload []byte) { pongs <- string(payload) }
	accepted := make(chan *coderws.Conn, 1)
	l, url := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := coderws.Accept(w, r, &coder.AcceptOptions{OnPongReceived: hook}, server.option())
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	c, _, err := coderws.Dial(t.Context(), url, &coder.DialOptions{OnPongReceived: hook}, client.option())
	if err != nil {
		t.Fatal(err)
	}
	s := <-accepted
	for _, way := range [][2]*coderws.Conn{{c, s}, {s, c}} {
		for range 10 {
			if err := way[0].Write(t.Context(), messageText, []byte("a")); err != nil {
				t.Error(err)
			}
			if _, _, err := way[1].Read(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	for _, end := range []*coderws.Conn{c, s} {
		end.CloseRead(t.Context())
	}
	for _, end := range []*coderws.Conn{c, s} {
		if err := end.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if got := <-pongs; got != "1" {
			t.Errorf("the hook saw %q, want the answer to the ping", got)
		}
	}
	_ = c.CloseNow()
	_ = s.CloseNow()
	if len(pongs) > 0 {
		t.Errorf("the hook saw %q", <-pongs)
	}
	for _, rec := range []*recorder{server, client} {
		if got := len(rec.Chain().Named(semconv.SpanRead)); got != 10 {
			t.Errorf("got %d reads, want 10", got)
		}
		for _, r := range rec.Chain().Named(semconv.SpanRead) {
			if len(r.Links) != 1 {
				t.Errorf("got %d links of a read, want 1", len(r.Links))
			}
		}
	}
}
