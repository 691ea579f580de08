package explain_test

import (
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// An operation belongs to the connection that is open at its place. The peer that the
// finding names shows which one was found.
func TestConnectionOfAnOperation(t *testing.T) {
	t.Parallel()
	// dial makes a connection from the goroutine to a server of that name.
	dial := func(s *script, parent, start int, server string) (client int) {
		client = s.as("gateway").handshake(parent, oteltrace.SpanKindClient, start, start+4)
		s.as(server).handshake(client, oteltrace.SpanKindServer, start+1, start+3)
		return client
	}
	stall := func(s *script, parent, start int) {
		s.as("gateway")
		s.block(s.write(parent, start, start+200, 1), start, start+200, semconv.ReasonNetWrite, semconv.WakePeerRead, cause(semconv.CausePeerWindow))
	}
	for _, tt := range []struct {
		name string
		make func(*script)
		want string
	}{
		{"beside its handshake", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			dial(s, run, 0, "one")
			stall(s, run, 10)
		}, "one was not reading"},
		{"with a server that links to it and does not adopt it", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			client := s.handshake(run, oteltrace.SpanKindClient, 0, 4)
			server := s.as("public").handshake(0, oteltrace.SpanKindServer, 1, 3)
			s.link(server, client)
			s.direct(client, server)
			stall(s, run, 10)
		}, "public was not reading"},
		{"below its handshake, beside another connection", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			client := dial(s, run, 0, "one")
			dial(s, run, 5, "two")
			stall(s, client, 10)
		}, "one was not reading"},
		{"in a goroutine started by the one that dialed", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			inner := s.add(run, "b", 1, 1, semconv.GoroutineNameKey.String("b"))
			dial(s, run, 2, "one")
			stall(s, s.as("gateway").add(inner, "some span", 9, 999), 10)
		}, "one was not reading"},
		{"with another goroutine's connection around", func(s *script) {
			root := s.as("gateway").add(0, "main", 0, 999)
			a, b := s.add(root, "a", 0, 0, semconv.GoroutineNameKey.String("a")), s.add(root, "b", 0, 0, semconv.GoroutineNameKey.String("b"))
			dial(s, a, 1, "one")
			dial(s, b, 2, "two")
			stall(s, b, 10)
		}, "two was not reading"},
		{"with two open", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			dial(s, run, 0, "one")
			dial(s, run, 5, "two")
			stall(s, run, 10)
		}, "the peer was not reading"},
		{"after the first was closed", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			dial(s, run, 0, "one")
			s.as("gateway").add(run, semconv.SpanClose, 5, 6, closing("local", true)...)
			dial(s, run, 10, "two")
			stall(s, run, 20)
		}, "two was not reading"},
		{"by a proxy, on one of its two", func(s *script) {
			browser := s.as("browser").handshake(0, oteltrace.SpanKindClient, 0, 9)
			server := s.as("gateway").handshake(browser, oteltrace.SpanKindServer, 1, 8)
			run := s.add(server, "proxy", 9, 9, semconv.GoroutineNameKey.String("proxy"))
			dial(s, run, 10, "one")
			stall(s, run, 20)
		}, "the peer was not reading"},
		{"by a server below an HTTP span", func(s *script) {
			browser := s.as("browser").handshake(0, oteltrace.SpanKindClient, 0, 9)
			request := s.as("gateway").add(browser, "GET /", 1, 999)
			s.at(request).Kind = oteltrace.SpanKindServer
			s.direct(browser, s.handshake(request, oteltrace.SpanKindServer, 2, 3))
			stall(s, request, 20)
		}, "browser was not reading"},
		{"that it names, beside the client's end of the same", func(s *script) {
			root := s.as("gateway").add(0, "main", 0, 999)
			client := s.handshake(root, oteltrace.SpanKindClient, 0, 4)
			server := s.handshake(client, oteltrace.SpanKindServer, 1, 3)
			s.set(client, semconv.WebSocketConnectionIDKey.String("c"))
			s.set(server, semconv.WebSocketConnectionIDKey.String("s"))
			w := s.write(s.add(root, "a", 5, 5, semconv.GoroutineNameKey.String("a")), 10, 300, 1)
			s.set(w, semconv.WebSocketConnectionIDKey.String("s"))
			s.block(w, 10, 300, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow))
		}, "the client was not reading"},
		{"of another process than the handshake", func(s *script) {
			run := s.as("gateway").add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a"))
			dial(s, run, 0, "one")
			s.as("worker")
			s.block(s.write(run, 10, 300, 1), 10, 300, semconv.ReasonNetWrite, "", cause(semconv.CausePeerWindow))
		}, "the peer was not reading"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			found := s.explain()
			if len(found) != 1 || !strings.Contains(found[0].Headline, ": "+tt.want) {
				t.Errorf("got %v, want one that says %q", found, tt.want)
			}
		})
	}
}

// If both ends have the same service name, they are named by their roles.
func TestNamesOfEnds(t *testing.T) {
	t.Parallel()
	s := seed()
	for i := range s.spans {
		s.spans[i].Service = "chat"
	}
	if got, want := s.explain()[0].Headline, "The server's sen_data was blocked 2.71 s writing: the client was not reading"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want it to begin with %q", got, want)
	}
}
