package emitted_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// refuse returns a handler that answers a handshake with an error.
func refuse(status int, header ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	})
}

// raw returns a handler that answers with these bytes.
func raw(answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = nc.Write([]byte(strings.ReplaceAll(answer, "\n", "\r\n")))
		time.Sleep(10 * ms)
		_ = nc.Close()
	})
}

func dial(s *stage, opts *wsconn.DialOptions) func(context.Context, *http.Client) {
	return func(ctx context.Context, client *http.Client) {
		o := wsconn.DialOptions{}
		if opts != nil {
			o = *opts
		}
		o.HTTPClient = client
		c, _, err := wsconn.Dial(ctx, "ws://user:password@server:80/path?query=1#fragment", &o)
		if err == nil {
			s.Error("got a connection, want a refusal")
			_ = c.CloseNow()
		}
	}
}

var handshakes = map[string]scenario{
	"refused_by_server": {metrics: true, play: func(s *stage) {
		h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c, err := wsconn.Accept(w, r, nil); err == nil {
				_ = c.CloseNow()
			}
		})
		s.handle(h, func(ctx context.Context, client *http.Client) {
			for _, change := range []func(*http.Request){
				func(r *http.Request) { r.Header.Del("Connection") },
				func(r *http.Request) { r.Header.Del("Upgrade") },
				func(r *http.Request) { r.Method = http.MethodPost },
				func(r *http.Request) { r.Header.Set("Sec-WebSocket-Version", "8") },
				func(r *http.Request) { r.Header.Del("Sec-WebSocket-Key") },
				func(r *http.Request) { r.Header.Set("Sec-WebSocket-Key", "short") },
				func(r *http.Request) { r.Header.Set("Origin", "http://elsewhere") },
			} {
				r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://server/", nil)
				for k, v := range map[string]string{
					"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
				} {
					r.Header.Set(k, v)
				}
				change(r)
				resp, err := client.Do(r)
				if err == nil {
					_ = resp.Body.Close()
				}
				time.Sleep(5 * ms)
			}
		})
	}},
	"refused_status": {metrics: true, play: func(s *stage) { s.handle(refuse(http.StatusUnauthorized), dial(s, nil)) }},
	"refused_ok":     {play: func(s *stage) { s.handle(refuse(http.StatusOK), dial(s, nil)) }},
	"refused_redirect": {play: func(s *stage) {
		h := http.NewServeMux()
		h.Handle("/path", refuse(http.StatusFound, "Location", "/there"))
		h.Handle("/there", refuse(http.StatusNotFound))
		s.handle(h, dial(s, nil))
	}},
	"refused_accept": {play: func(s *stage) {
		s.handle(raw("HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: no\n\n"), dial(s, nil))
	}},
	"refused_upgrade": {play: func(s *stage) {
		s.handle(raw("HTTP/1.1 101 Switching Protocols\nUpgrade: other\nConnection: Upgrade\n\n"), dial(s, nil))
	}},
	"refused_connect": {metrics: true, play: func(s *stage) {
		l := wstest.Listen()
		_ = l.Close()
		dial(s, nil)(s.context(), &http.Client{Transport: &http.Transport{DialContext: l.DialContext}})
	}},
	"refused_closed": {metrics: true, play: func(s *stage) {
		s.handle(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			nc, _, _ := w.(http.Hijacker).Hijack()
			_ = nc.Close()
		}), dial(s, nil))
	}},
	"refused_deadline": {metrics: true, play: func(s *stage) {
		s.handle(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			func(ctx context.Context, client *http.Client) {
				ctx, cancel := context.WithTimeout(ctx, 20*ms)
				defer cancel()
				dial(s, nil)(ctx, client)
			})
	}},
	"refused_canceled": {play: func(s *stage) {
		s.handle(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
			func(ctx context.Context, client *http.Client) {
				ctx, cancel := context.WithCancel(ctx)
				defer time.AfterFunc(20*ms, cancel).Stop()
				dial(s, nil)(ctx, client)
			})
	}},
	// A client without this module, in a trace of its own.
	"accepted_from_elsewhere": {metrics: true, play: func(s *stage) {
		s.handle(wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
			_, _, err := c.Read(ctx)
			return err
		}), foreign("00-0102000000000000000000000000000a-0300000000000001-01"))
	}},
	"accepted_unsampled": {metrics: true, play: func(s *stage) {
		s.handle(wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
			_, _, err := c.Read(ctx)
			return err
		}), foreign("00-0102000000000000000000000000000a-0300000000000001-00"))
	}},
	"accepted_public": {play: func(s *stage) {
		s.handle(wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
			_, _, err := c.Read(ctx)
			return err
		}, wsconn.WithPublicEndpoint()), foreign("00-0102000000000000000000000000000a-0300000000000001-01"))
	}},
	"accepted_below": {play: func(s *stage) {
		s.handle(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			ctx, op := trace.Start(r.Context(), "middleware")
			defer op.End(nil)
			wsconn.Handler("echo", func(ctx context.Context, c *wsconn.Conn) error {
				_, _, err := c.Read(ctx)
				return err
			}).ServeHTTP(w, r.WithContext(ctx))
		}), foreign("00-0102000000000000000000000000000a-0300000000000001-01"))
	}},
	"never_sampled": {metrics: true, settings: settings{sampler: sdktrace.NeverSample()}, play: func(s *stage) {
		p := s.connect(s.context(), nil)
		p.echo(1)
		_ = p.client.Close(wsconn.StatusNormalClosure, "")
		p.end()
	}},
	"remote_state": {play: func(s *stage) {
		p := s.connect(oteltrace.ContextWithRemoteSpanContext(s.context(), remote(oteltrace.FlagsSampled)), nil)
		p.echo(1)
		p.end()
	}},
}

// foreign dials as a client without this module, sends a message and closes.
func foreign(traceparent string) func(context.Context, *http.Client) {
	return func(ctx context.Context, client *http.Client) {
		nc, err := client.Transport.(*http.Transport).DialContext(ctx, "tcp", "server:80")
		if err != nil {
			return
		}
		defer func() { _ = nc.Close() }()
		_, _ = nc.Write([]byte("GET /a HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\ntraceparent: " + traceparent + "\r\n\r\n"))
		br := bufio.NewReader(nc)
		if _, err := http.ReadResponse(br, nil); err != nil {
			return
		}
		time.Sleep(5 * ms)
		sendMasked(nc, 0x81, "hello")
		time.Sleep(5 * ms)
		_, _ = br.ReadByte() // the close frame has arrived
		time.Sleep(5 * ms)
	}
}

func sendMasked(nc net.Conn, first byte, payload string) {
	_, _ = nc.Write(append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...))
}
