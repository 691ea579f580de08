package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn"
)

//go:embed page
var files embed.FS

// server serves the room.
type server struct {
	tracer   *trace.Tracer
	room     room
	sessions sync.WaitGroup
}

// serve runs the room until ctx ends.
func (c *config) serve(ctx context.Context, out io.Writer) error {
	t, err := telemetry.New(0, c.spans)
	if err != nil {
		return err
	}
	defer t.Shutdown(ctx)
	tracer, err := t.Tracer(ctx, "chat")
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "The room is at http://%s/, and for terminals:\n  go run -C examples ./chat -join ws://%[1]s/room -name NAME\n", l.Addr())
	s := &server{tracer: tracer.With(c.metered...), room: room{patience: c.patience}}
	return s.serve(ctx, l)
}

// serve accepts clients from l until ctx ends.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           s.handler(),
		BaseContext:       func(net.Listener) context.Context { return s.tracer.NewContext(ctx) },
		ReadHeaderTimeout: 5 * time.Second,
	}
	defer context.AfterFunc(ctx, func() { _ = srv.Close() })()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	s.sessions.Wait()
	return nil
}

// handler serves the page and the room. Only this host's own page may join from a
// browser, which is the library's default.
func (s *server) handler() http.Handler {
	page, _ := fs.Sub(files, "page") // files has it
	session := wsconn.Handler("session", s.session)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /room", func(w http.ResponseWriter, r *http.Request) {
		s.sessions.Add(1)
		defer s.sessions.Done()
		session.ServeHTTP(w, r)
	})
	static := http.FileServerFS(page)
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		static.ServeHTTP(w, r)
	})
	return mux
}

// session runs one client: it reads what the client says, and broadcasts it. The
// goroutine writer writes to the client what all say.
func (s *server) session(ctx context.Context, conn *wsconn.Conn) error {
	hello, err := receive(ctx, conn)
	if err != nil {
		return err
	}
	if hello.From == "" {
		return conn.Close(wsconn.StatusPolicyViolation, "a name, please")
	}
	m := &member{
		name: hello.From,
		out:  trace.NewChan[[]byte](queue),
		drop: func() { _ = conn.CloseNow() },
	}
	writer := trace.Go(ctx, "writer", func(ctx context.Context) error { return write(ctx, conn, m) },
		trace.WithGoAttributes(attribute.String("chat.member", m.name)))
	defer func() { _ = writer.Wait(context.WithoutCancel(ctx)) }()
	defer s.room.leave(ctx, m)
	if err := s.room.join(ctx, m); err != nil {
		return err
	}
	for {
		said, err := receive(ctx, conn)
		switch {
		case wsconn.CloseStatus(err) == wsconn.StatusNormalClosure, wsconn.CloseStatus(err) == wsconn.StatusGoingAway:
			return nil
		case err != nil:
			return err
		case said.Text == "":
			continue
		}
		if err := s.room.say(ctx, message{From: m.name, Text: said.Text}); err != nil {
			return err
		}
	}
}

// write writes the member's messages until it leaves. When the connection is lost, it
// continues to receive them, so that nobody waits for it. The reader reports why the
// connection was lost.
func write(ctx context.Context, conn *wsconn.Conn, m *member) error {
	lost := false
	for data := range m.out.All(context.WithoutCancel(ctx)) {
		lost = lost || conn.Write(ctx, wsconn.MessageText, data) != nil
	}
	return nil
}
