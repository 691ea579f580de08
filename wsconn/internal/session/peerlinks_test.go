package session_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	sdktracetest "go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// service returns the recorder of another process.
func service(t *testing.T, name string) *recorder {
	t.Helper()
	return newRecorder(t, sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", name))))
}

// connected returns a connection between two services, each with its own library.
func connected(t *testing.T, client, server library, o options, clientSpans, serverSpans *recorder, opts ...session.Option) *pair {
	t.Helper()
	p := &pair{clientSpans: clientSpans, serverSpans: serverSpans}
	accepted := make(chan conn, 1)
	l, url := listen(t)
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := server.traced.accept(w, r, o, slices.Concat(opts, []session.Option{serverSpans.option()})...)
		if err != nil {
			t.Error(err)
		}
		accepted <- c
	}))
	c, _, err := client.traced.dial(t.Context(), url, o, slices.Concat(opts, []session.Option{clientSpans.option()})...)
	if err != nil {
		t.Fatal(err)
	}
	p.client, p.server = c, <-accepted
	t.Cleanup(func() { closeBoth(p.client, p.server) })
	return p
}

const messageID = attribute.Key("message.id")

// say writes messages in every way, each below a span that has its id.
func say(ctx context.Context, c conn, who string, n int) error {
	for i := range n {
		id := fmt.Sprint(who, " ", i)
		ctx, op := trace.Start(ctx, "say", messageID.String(id))
		var err error
		switch i % 4 {
		case 0:
			err = c.Write(ctx, messageText, []byte(id+"|"))
		case 1: // compressed, where that is on
			err = c.Write(ctx, messageText, []byte(id+"|"+strings.Repeat("much of the same ", 50)))
		case 2: // longer than the library's buffer
			err = c.Write(ctx, messageBinary, []byte(id+"|"+strings.Repeat("x", 5000)))
		case 3: // in fragments
			var w io.WriteCloser
			if w, err = c.Writer(ctx, messageText); err == nil {
				for _, part := range []string{id, "|", strings.Repeat("y", 200), strings.Repeat("z", 200)} {
					_, _ = io.WriteString(w, part)
				}
				err = w.Close()
			}
		}
		op.End(err)
		if err != nil {
			return err
		}
	}
	return nil
}

// hear reads messages, each below a span that gets the id found in it.
func hear(ctx context.Context, c conn, n int) error {
	for i := range n {
		ctx, op := trace.Start(ctx, "hear")
		var msg []byte
		var err error
		if i%2 == 0 {
			_, msg, err = c.Read(ctx)
		} else {
			var r io.Reader
			if _, r, err = c.Reader(ctx); err == nil {
				msg, err = io.ReadAll(r)
			}
		}
		id, _, _ := strings.Cut(string(msg), "|")
		op.End(err, messageID.String(id))
		if err != nil {
			return err
		}
	}
	return nil
}

const writers = 4

// everyMessage gives each message a span. Pings and their waits could use up a trace.
var everyMessage = session.WithMessageSpans(session.MessagesAll)

// talk lets writers send each messages, all at once. One goroutine receives as many, and
// another one pings.
func talk(ctx context.Context, c conn, who string, each int) error {
	var wg sync.WaitGroup
	errs := make(chan error, writers+2)
	for i := range writers {
		wg.Go(func() { errs <- say(ctx, c, fmt.Sprint(who, " ", i), each) })
	}
	wg.Go(func() {
		errs <- hear(ctx, c, writers*each)
		c.CloseRead(ctx) // it still answers pings
	})
	wg.Go(func() {
		for range each / 10 {
			if err := c.Ping(ctx); err != nil {
				errs <- err
				return
			}
		}
	})
	wg.Wait()
	close(errs)
	var all error
	for err := range errs {
		all = errors.Join(all, err)
	}
	return all
}

// account is what a service has recorded of its messages.
type account struct {
	Said  map[string]string // the message of each write, by span id
	Heard []heard
}

// heard is a read, and what it and its wakes link to.
type heard struct {
	Message      string
	Links, Wakes []string
}

func accountOf(spans []*chain.Span) account {
	messages := map[oteltrace.SpanID]string{}
	wakes := map[oteltrace.SpanID][]string{}
	for _, s := range spans {
		messages[s.SpanID] = s.Str(messageID)
		if s.Is(semconv.SpanWake) {
			wakes[s.ParentID] = append(wakes[s.ParentID], linksOf(s)...)
		}
	}
	a := account{Said: map[string]string{}}
	for _, s := range spans {
		id := s.SpanID
		switch message := messages[s.ParentID]; s.Name {
		case semconv.SpanWrite:
			a.Said[id.String()] = message
		case semconv.SpanRead:
			a.Heard = append(a.Heard, heard{message, linksOf(s), wakes[id]})
		}
	}
	return a
}

func linksOf(s *chain.Span) (ids []string) {
	for _, l := range s.Links {
		ids = append(ids, l.SpanContext.SpanID().String())
	}
	return ids
}

// wantLinks checks that each read links to the write that sent its message, as the message
// itself says, and that its wakes link to no other write of the peer.
func wantLinks(t *testing.T, from, to account, n int) {
	t.Helper()
	if len(from.Said) != n || len(to.Heard) != n {
		t.Errorf("got %d writes and %d reads, want %d", len(from.Said), len(to.Heard), n)
	}
	for _, r := range to.Heard {
		if len(r.Links) != 1 || r.Message == "" || from.Said[r.Links[0]] != r.Message {
			t.Fatalf("the read of %q links to %q, want its write", r.Message, r.Links)
		}
		for _, id := range r.Wakes { // others link to the operation on the reader's side that unlocked the writer
			if by, theirs := from.Said[id]; theirs && by != r.Message {
				t.Fatalf("the read of %q was woken by the write of %q", r.Message, by)
			}
		}
	}
}

// Two services talk at the same time, with any pair of libraries.
func TestPeerLinks(t *testing.T) {
	for _, test := range []struct {
		client, server, compression, each int
	}{{0, 1, 1, 500}, {1, 0, 0, 500}, {0, 0, 2, 250}, {1, 1, 1, 250}} {
		client, server := libraries[test.client], libraries[test.server]
		t.Run(fmt.Sprint(client.name, " to ", server.name), func(t *testing.T) {
			p := connected(t, client, server, options{compression: test.compression, threshold: 100}, service(t, "client"), service(t, "server"), everyMessage)
			var wg sync.WaitGroup
			for _, end := range []struct {
				conn
				rec  *recorder
				name string
			}{{p.client, p.clientSpans, "client"}, {p.server, p.serverSpans, "server"}} {
				wg.Go(func() {
					if err := talk(end.rec.context(t.Context()), end, end.name, test.each); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			closeBoth(p.client, p.server)
			ours, theirs := accountOf(p.clientSpans.Chain().Spans), accountOf(p.serverSpans.Chain().Spans)
			wantLinks(t, ours, theirs, writers*test.each)
			wantLinks(t, theirs, ours, writers*test.each)
		})
	}
}

// peerProcess is an environment variable. It makes this program the server of
// TestPeerLinksBetweenProcesses, and says how many messages each writer sends.
const peerProcess = "WAKECHAIN_TEST_PEER"

// bePeer serves one connection, with coder's library, and prints its account.
func bePeer(each int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("ws://" + l.Addr().String())
	spans, done := sdktracetest.NewInMemoryExporter(), make(chan error, 1)
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := libraries[1].traced.accept(w, r, options{compression: 1, threshold: 100}, session.WithTracerProvider(tp), everyMessage)
		if err == nil {
			err = talk(trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background()), c, "server", each)
			fmt.Println("done")
			<-c.CloseRead(context.Background()).Done() // until the client has finished, too
			_ = c.CloseNow()
		}
		done <- err
	})}
	go func() { _ = srv.Serve(l) }()
	err = <-done
	_ = srv.Close()
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(accountOf(chain.New(chain.FromSpans(spans.GetSpans().Snapshots())).Spans)))
}

// Two processes talk at the same time: 10,000 messages in each direction.
func TestPeerLinksBetweenProcesses(t *testing.T) {
	const each = 2500
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprint(peerProcess, "=", each))
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(stdout)
	url, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	rec := service(t, "client")
	c, _, err := libraries[0].traced.dial(t.Context(), strings.TrimSpace(url), options{compression: 1, threshold: 100}, rec.option(), everyMessage)
	if err != nil {
		t.Fatal(err)
	}
	if err := talk(rec.context(t.Context()), c, "client", each); err != nil {
		t.Error(err)
	}
	if line, err := out.ReadString('\n'); line != "done\n" {
		t.Errorf("the server says %q, %v", line, err)
	}
	_ = c.CloseNow()
	var theirs account
	if err := errors.Join(json.NewDecoder(out).Decode(&theirs), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	ours := accountOf(rec.Chain().Spans)
	wantLinks(t, ours, theirs, writers*each)
	wantLinks(t, theirs, ours, writers*each)
}

// A NetConn's read links to the write that its bytes are of.
func TestPeerLinksOfNetConn(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		p := connect(t, lib, setup{})
		client := lib.traced.netConn(t.Context(), p.client, messageBinary)
		server := lib.traced.netConn(t.Context(), p.server, messageBinary)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for _, s := range []string{"one", "", "two", strings.Repeat("3", 9000)} {
				_, _ = io.WriteString(server, s)
			}
		}()
		var got []byte
		for buf := make([]byte, 2); len(got) < 3+3+9000; {
			n, err := client.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
		}
		<-done
		writes := map[oteltrace.SpanID]int{}
		for i, w := range p.serverSpans.Chain().Named(semconv.SpanWrite) {
			writes[w.SpanID] = i
		}
		at := 0
		for _, r := range p.clientSpans.Chain().Named(semconv.SpanRead) {
			if len(r.Links) != 1 {
				t.Fatalf("the read at %d has %d links, want 1", at, len(r.Links))
			}
			want := 3
			switch {
			case at < 3:
				want = 0
			case at < 6:
				want = 2
			}
			if got := writes[r.Links[0].SpanContext.SpanID()]; got != want {
				t.Errorf("the read at %d links to write %d, want %d", at, got, want)
			}
			size, _ := r.Attr(semconv.WebSocketMessageSizeKey)
			at += int(size.AsInt64())
		}
	})
}

// Frames do not show where a compressed message ends. A NetConn's read with the end of
// one, or with bytes behind it in the same piece, has no link.
func TestPeerLinksOfCompressedNetConn(t *testing.T) {
	bubble(t, func(t *testing.T, lib library) {
		const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00" // "Hello", RFC 7692 §7.2.3.1
		c, rec, p := rawClient(t, lib, setup{announced: true, options: options{compression: 1}}, nil)
		nc := lib.traced.netConn(t.Context(), c, messageText)
		go func() {
			p.send(t, p.tracePong(1), p.frame(0xC1, hello))
			time.Sleep(10 * ms)
			p.send(t, p.tracePong(2), p.frame(0xC1, hello), p.tracePong(3), p.frame(opText, "plain"))
		}()
		got := ""
		for buf := make([]byte, 5); len(got) < 15; {
			n, err := nc.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
		}
		if want := "HelloHelloplain"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for i, want := range []int{1, 0, 0} {
			if got := len(rec.Chain().Named(semconv.SpanRead)[i].Links); got != want {
				t.Errorf("read %d has %d links, want %d", i+1, got, want)
			}
		}
	})
}
