package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/wsconn"
)

// The script of the demonstration. Socket buffers are small, in bytes, so that it shows
// at once what the kernel's defaults would hide for a while. The server's is larger
// than a client's window, so that the server waits for the window.
const (
	says          = 8       // messages that each talker says
	length        = 6 << 10 // of a message, in bytes
	sendBuffer    = 16 << 10
	receiveBuffer = 4 << 10
	maxSpans      = 100_000 // that are kept to be printed
	maxLines      = 150     // of the chain
)

var (
	talkers = []string{"alice", "bob", "carol"}
	slow    = "dora"
)

// demo runs some clients, one of them a slow reader, and prints their chain and its
// explanation.
func demo(ctx context.Context, c *config, out io.Writer) error {
	t, err := telemetry.New(maxSpans, c.spans)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s talk; %s hears all of it, but takes %v for each message.\n", strings.Join(talkers, ", "), slow, c.slow)
	start := time.Now()
	err = talk(ctx, c, t, out)
	t.Shutdown(ctx)
	if err != nil && ctx.Err() == nil { // after an interrupt, the spans so far are printed
		return err
	}
	spans, dropped := t.Memory.Spans()
	if dropped > 0 {
		fmt.Fprintf(out, "%d more spans were not kept.\n", dropped)
	}
	all := chain.New(chain.FromSpans(spans))
	fmt.Fprintf(out, "It took them %.1f s.\n", time.Since(start).Seconds())
	findings := explain.Explain(all)
	for _, f := range findings {
		if f.Rule != explain.HeldUp {
			continue
		}
		fmt.Fprintf(out, "\nOne of the waits, of %d spans:\n\n", all.Len())
		if err := all.WriteTree(out, chain.WithOnly(around(f.Spans)), chain.WithMaxLines(maxLines)); err != nil {
			return err
		}
	}
	fmt.Fprint(out, "\nWho kept whom waiting?\n\n")
	return explain.Print(out, all, findings)
}

// around matches the given spans, and those that they link to.
func around(some []*chain.Span) func(*chain.Span) bool {
	shown := map[*chain.Span]bool{}
	for _, s := range some {
		shown[s] = true
		for _, l := range s.Links {
			shown[l.Span] = true
		}
	}
	return func(s *chain.Span) bool { return shown[s] }
}

// talk runs the room and its clients until everything has been said and heard.
func talk(ctx context.Context, c *config, t *telemetry.Tracers, out io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tracer, err := t.Tracer(ctx, "chat")
	if err != nil {
		return err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := &server{tracer: tracer.With(c.metered...), room: room{patience: c.patience}}
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, smallListener{l}) }()

	url := "ws://" + l.Addr().String() + "/room"
	group, clients := trace.NewGroup(ctx)
	var here trace.WaitGroup
	here.Add(len(talkers) + 1)
	for _, name := range append(talkers, slow) {
		own, err := t.Tracer(ctx, name)
		if err != nil {
			return err
		}
		group.Go(own.With(c.metered...).NewContext(clients), "client", func(ctx context.Context) error {
			err := c.takePart(ctx, url, name, &here)
			if lost(err) {
				err = fmt.Errorf("%s %w", name, errDropped)
			}
			return err
		})
	}
	err = group.Wait(ctx)
	if errors.Is(err, errDropped) {
		fmt.Fprintf(out, "%v, which ended the talk.\n", err)
		err = nil
	}
	stop()
	if served := <-served; err == nil {
		err = served
	}
	return err
}

// takePart is one client: it waits until all are here, says its messages if it is a
// talker, and hears everything that is said.
func (c *config) takePart(ctx context.Context, url, name string, here *trace.WaitGroup) error {
	conn, err := enter(ctx, url, name, &wsconn.DialOptions{HTTPClient: smallClient()})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	if _, err := receive(ctx, conn); err != nil { // the news that this client is here
		return err
	}
	here.Done(ctx)
	if err := here.WaitContext(ctx); err != nil {
		return err
	}
	if name != slow {
		trace.Go(ctx, "say", func(ctx context.Context) error { return sayAll(ctx, conn) })
	}
	for heard := 0; heard < len(talkers)*says; {
		m, err := receive(ctx, conn)
		if err != nil {
			return err
		}
		if m.From != "" {
			heard++
		}
		if name == slow {
			if err := trace.Sleep(ctx, c.slow); err != nil {
				return err
			}
		}
	}
	return conn.Close(wsconn.StatusNormalClosure, "")
}

var errDropped = errors.New("was too slow for the room")

// lost reports whether err means that the other side cut the connection. The library
// takes the end of a stream inside a message for the message's end, so that the message
// may be incomplete.
func lost(err error) bool {
	var cutOff *json.SyntaxError
	return errors.As(err, &cutOff) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func sayAll(ctx context.Context, conn *wsconn.Conn) error {
	said := message{Text: strings.Repeat("bla ", length/4)}.encode()
	for range says {
		if err := conn.Write(ctx, wsconn.MessageText, said); err != nil {
			return err
		}
	}
	return nil
}

// smallListener accepts connections with a small send buffer.
type smallListener struct{ net.Listener }

func (l smallListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		if err := tcp.SetWriteBuffer(sendBuffer); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	return nc, nil
}

// smallClient makes connections with a small receive buffer. It is set before
// connecting: the kernel does not shrink a window that it has offered.
func smallClient() *http.Client {
	d := net.Dialer{Control: func(_, _ string, conn syscall.RawConn) error {
		return conn.Control(func(fd uintptr) { setReceiveBuffer(fd, receiveBuffer) })
	}}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
}
