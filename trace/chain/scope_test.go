package chain_test

import (
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// handshake appends an established handshake. An id of "" means that the connection has
// none.
func (s *script) handshake(parent int, kind oteltrace.SpanKind, at float64, id string) int {
	h := s.add(parent, semconv.SpanHandshake, at, at+5, semconv.HTTPResponseStatusCodeKey.Int(101))
	s.at(h).Kind = kind
	if id != "" {
		s.on(h, id)
	}
	return h
}

// on sets the id of the connection that a span is on.
func (s *script) on(span int, id string) {
	s.at(span).Attributes = append(s.at(span).Attributes, semconv.WebSocketConnectionIDKey.String(id))
}

func TestModel(t *testing.T) {
	t.Parallel()
	var s script
	s.service = "client"
	run := s.add(0, "main", 0, 1, semconv.GoroutineNameKey.String("main"))
	client := s.handshake(run, oteltrace.SpanKindClient, 10, "c")
	s.service = "server"
	server := s.handshake(client, oteltrace.SpanKindServer, 11, "s")
	echo := s.add(server, "echo", 20, 21, semconv.GoroutineNameKey.String("echo"))
	write := s.add(echo, semconv.SpanWrite, 30, 40)
	block, wake := s.block(write, 31, 35, 40, semconv.ReasonNetWrite, "", semconv.WakePeerRead)
	s.service = "client"
	read := s.add(run, semconv.SpanRead, 30, 35)
	s.link(wake, read)
	// The client goes on in another trace.
	segment := s.add(0, semconv.SpanSegment, 50, 50)
	s.link(segment, client)
	late := s.add(segment, semconv.SpanWrite, 51, 52)
	s.link(late, run)
	ended := s.add(0, semconv.SpanClose, 60, 61) // its parent was lost
	s.on(ended, "c")
	s.link(ended, segment)
	// The chain has no handshake of these.
	lone := s.add(0, semconv.SpanSegment, 70, 70)
	under := s.add(lone, semconv.SpanWrite, 71, 72)
	named := s.add(0, semconv.SpanWrite, 73, 74)
	s.on(named, "z")

	c := chain.New(s.spans)
	sp := func(id int) *chain.Span { return c.Lookup(traceID, spanID(id)) }
	for id, want := range map[int]int{run: 0, client: run, server: 0, echo: 0, write: echo, wake: echo, read: run, segment: 0, late: run} {
		got, wanted := sp(id).Goroutine(), (*chain.Span)(nil)
		if want > 0 {
			wanted = sp(want)
		}
		if got != wanted {
			t.Errorf("%v: got goroutine %v, want %v", sp(id), got, wanted)
		}
	}
	for id, want := range map[int]string{client: "c", server: "s", write: "s", block: "s", echo: "s", read: "c", segment: "c", late: "c", ended: "c", named: "z"} {
		if got := sp(id).Connection(); got == nil || got.ID != want {
			t.Errorf("%v: got connection %v, want %q", sp(id), got, want)
		}
	}
	if got := sp(run).Connection(); got != nil {
		t.Errorf("got %v of what was before the handshake", got)
	}
	at := sp(client).Connection()
	if p := sp(server).Connection(); at.Peer != p || p.Peer != at || at.Server() || !p.Server() || at.Handshake != sp(client) {
		t.Errorf("got ends %+v and %+v, want them to be peers", at, p)
	}
	if got := sp(under).Connection(); got == nil || got != sp(lone).Connection() || got.Handshake != nil || got.First != sp(lone) {
		t.Errorf("got connection %+v of a segment alone", got)
	}
	if got := sp(named).Connection(); got.Handshake != nil || got.Peer != nil || got.First != sp(named) {
		t.Errorf("got connection %+v of a name alone", got)
	}
	if sp(client).OtherSide() != sp(server) || sp(server).OtherSide() != sp(client) || sp(write).OtherSide() != nil {
		t.Error("the sides of the handshake do not know each other")
	}
	if sp(block).Wake() != sp(wake) || sp(wake).Wake() != nil || sp(write).Wake() != nil {
		t.Errorf("got wake %v of %v", sp(block).Wake(), sp(block))
	}
	if sp(block).Waker() != sp(read) || sp(wake).Waker() != sp(read) || sp(ended).Waker() != nil {
		t.Errorf("got wakers %v and %v", sp(block).Waker(), sp(wake).Waker())
	}
}

// The handshake of a server in the client's own process is not on the client's goroutine.
func TestServedInOneProcess(t *testing.T) {
	t.Parallel()
	var s script
	run := s.add(0, "main", 0, 1, semconv.GoroutineNameKey.String("main"))
	client := s.handshake(run, oteltrace.SpanKindClient, 10, "")
	server := s.handshake(client, oteltrace.SpanKindServer, 11, "")
	c := chain.New(s.spans)
	if got := c.Lookup(traceID, spanID(server)).Goroutine(); got != nil {
		t.Errorf("got goroutine %v of the server's handshake, want none", got)
	}
}

// A span that continues in another trace was not caused by the span that it links to. The
// same holds for a close whose parent is missing.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	var s script
	root := s.add(0, "main", 0, 100)
	segment := s.add(0, semconv.SpanSegment, 1, 1)
	for id, want := range map[int]bool{
		root: false, segment: true,
		s.add(0, semconv.SpanClose, 2, 3):         true,
		s.add(segment, semconv.SpanClose, 2, 3):   true,
		s.add(root, semconv.SpanClose, 2, 3):      false,
		s.add(segment, semconv.SpanRead, 2, 3):    true,
		s.add(root, semconv.SpanWrite, 2, 3):      false,
		s.add(segment, semconv.SpanLock, 2, 3):    false,
		s.add(0, semconv.SpanHandshake, 2, 3):     false,
		s.add(segment, semconv.SpanSegment, 2, 3): true,
	} {
		if got := chain.New(s.spans).Lookup(traceID, spanID(id)).GoesOn(); got != want {
			t.Errorf("%s: got %v, want %v", s.at(id).Name, got, want)
		}
	}
}

// An id that two connections have means the later one, from its handshake on.
func TestConnectionIDTwice(t *testing.T) {
	t.Parallel()
	var s script
	first, early := s.handshake(0, oteltrace.SpanKindClient, 0, "x"), s.add(0, semconv.SpanRead, 10, 11)
	s.on(early, "x")
	second, late := s.handshake(0, oteltrace.SpanKindClient, 20, "x"), s.add(0, semconv.SpanRead, 30, 31)
	s.on(late, "x")
	c := chain.New(s.spans)
	for op, h := range map[int]int{early: first, late: second} {
		if got, want := c.Lookup(traceID, spanID(op)).Connection().Handshake, c.Lookup(traceID, spanID(h)); got != want {
			t.Errorf("read %d: got handshake %v, want %v", op, got, want)
		}
	}
}
