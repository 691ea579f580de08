package session_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// A server's write that is blocked below TLS is reported with its cause, which the kernel
// gives, and with the size of its message, which is known only above TLS.
func TestStallBelowTLS(t *testing.T) {
	each(t, func(t *testing.T, lib library) {
		ca, rec := newAuthority(t), newRecorder(t)
		opts := []session.Option{
			offs(t)["unsampled"].option(),
			session.WithStalls(session.Stalls{After: stallAfter, PerSecond: 1 << 20, TracerProvider: rec.TracerProvider}),
		}
		told, read, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		h := lib.handler("serve", func(ctx context.Context, c conn) error {
			defer close(over)
			for {
				if err := c.Write(ctx, messageBinary, make([]byte, 30<<10)); err != nil {
					t.Error(err)
					return err
				}
				select {
				case <-told:
					err := c.Write(ctx, messageText, []byte("bye"))
					<-read
					return err
				default:
				}
			}
		}, opts...)
		l, base := listen(t)
		srv := &http.Server{
			Handler: h, ErrorLog: log.New(io.Discard, "", 0),
			TLSConfig: &tls.Config{Certificates: []tls.Certificate{ca.leaf(t)}},
		}
		served := make(chan error, 1)
		go func() { served <- srv.ServeTLS(wsconn.NewListener(l), "", "") }()
		defer func() {
			_ = srv.Close()
			<-served
		}()
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool}}}
		c, _, err := lib.traced.dial(t.Context(), strings.Replace(base, "ws:", "wss:", 1), options{client: client}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		wantEnd(t, rec, semconv.SpanStalled, 1)
		close(told)
		for {
			typ, _, err := c.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if typ == messageText {
				break
			}
		}
		wantEnd(t, rec, semconv.SpanHistory, 1)
		chain := rec.Chain()
		close(read)
		_ = c.CloseNow()
		<-over
		if got, want := names(chain), "block peer_window,history,stalled,wake peer_read,write"; got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		write, block := tracetest.One(t, chain, semconv.SpanWrite), tracetest.One(t, chain, "block")
		if got := write.Str(semconv.StallCauseKey); got != string(semconv.CausePeerWindow) {
			t.Errorf("got cause %q, want peer_window", got)
		}
		if got, want := write.Int(semconv.WebSocketMessageSizeKey), int64(30<<10); got != want {
			t.Errorf("got a message of %d bytes, want %d", got, want)
		}
		if got := write.Str(semconv.WebSocketRoleKey); got != "server" {
			t.Errorf("got the write of the %q, want the server", got)
		}
		if got, want := block.Str(semconv.BlockSourceKey), string(semconv.SourcePoll); got != want {
			t.Errorf("got a block seen by %q, want %q", got, want)
		}
		if block.Int(semconv.TCPWrittenKey) == 0 || block.Float(semconv.TCPRwndLimitedKey) == 0 {
			t.Errorf("got no evidence: %v", block.Attributes)
		}
	})
}
