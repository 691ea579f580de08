package explain_test

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// numbers matches the numbers of spans in a text.
var numbers = regexp.MustCompile(` #\d+`)

// epoch is the start of all made-up traces.
var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func spanID(n int) (id oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// script makes up spans. Their ids count from 1, and their times are in milliseconds from
// the epoch.
type script struct {
	spans   []chain.Span
	service string
}

func (s *script) add(parent int, name string, start, end int, attrs ...attribute.KeyValue) int {
	at := func(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }
	sp := chain.Span{
		TraceID: oteltrace.TraceID{1}, SpanID: spanID(len(s.spans) + 1), Name: name, Service: s.service,
		Start: at(start), End: at(end), Attributes: attrs,
		Resource: []attribute.KeyValue{attribute.String("host.name", "box")}, // so that they have one clock
	}
	if parent > 0 {
		sp.ParentID = spanID(parent)
	}
	s.spans = append(s.spans, sp)
	return len(s.spans)
}

func (s *script) at(id int) *chain.Span { return &s.spans[id-1] }

// end ends the span of a goroutine.
func (s *script) end(run, end int, attrs ...attribute.KeyValue) {
	s.at(run).End = epoch.Add(time.Duration(end) * time.Millisecond)
	s.set(run, attrs...)
}

func (s *script) set(id int, attrs ...attribute.KeyValue) {
	s.at(id).Attributes = append(s.at(id).Attributes, attrs...)
}

func (s *script) fail(id int, typ string) int {
	s.at(id).Status.Code = codes.Error
	s.set(id, semconv.ErrorTypeKey.String(typ))
	return id
}

func (s *script) link(from, to int) {
	s.at(from).Links = append(s.at(from).Links, chain.Link{SpanContext: s.at(to).SpanContext()})
}

// run starts a goroutine that lives until end, when its state is this one.
func (s *script) run(parent int, name string, start, end int, state semconv.State) (launch, life int) {
	launch = s.add(parent, name, start, start, semconv.GoroutineNameKey.String(name))
	s.end(launch, end, semconv.GoroutineStateKey.String(string(state)))
	return launch, launch
}

// block adds a block to an operation, and its wake, which lasts until the operation ends;
// none if woken is "".
func (s *script) block(op, start, end int, reason semconv.Reason, woken semconv.WakeReason, attrs ...attribute.KeyValue) (block, wake int) {
	block = s.add(op, semconv.SpanBlock, start, end, append(attrs, semconv.BlockReasonKey.String(string(reason)))...)
	if woken != "" {
		wake = s.add(op, semconv.SpanWake, end, end, semconv.WakeReasonKey.String(string(woken)))
		s.at(wake).End = s.at(op).End
	}
	return block, wake
}

// write adds a write of the message index that succeeded; if index is 0, one that failed.
func (s *script) write(parent, start, end, index int) int {
	w := s.add(parent, semconv.SpanWrite, start, end)
	if index > 0 {
		s.set(w, semconv.WebSocketMessageIndexKey.Int(index))
	}
	return w
}

func (s *script) handshake(parent int, kind oteltrace.SpanKind, start, end int) int {
	h := s.add(parent, semconv.SpanHandshake, start, end, semconv.HTTPResponseStatusCodeKey.Int(101))
	s.at(h).Kind = kind
	if kind == oteltrace.SpanKindServer && parent > 0 && s.at(parent).Name == semconv.SpanHandshake {
		s.direct(parent, h)
	}
	return h
}

// connect makes a connection: hello, a goroutine of socket_get, dials it, and socket_start
// runs sen_data on it. Later spans are socket_start's.
func (s *script) connect() (hello, senData int) {
	s.service = "socket_get"
	hello = s.add(0, "hello", 0, 0, semconv.GoroutineNameKey.String("hello"))
	client := s.handshake(hello, oteltrace.SpanKindClient, 0, 4)
	s.service = "socket_start"
	server := s.handshake(client, oteltrace.SpanKindServer, 1, 3)
	return hello, s.add(server, "sen_data", 3, 3, semconv.GoroutineNameKey.String("sen_data"))
}

// direct gives two handshakes the addresses of one TCP connection.
func (s *script) direct(client, server int) {
	s.addresses(client, "127.0.0.1", 40000+client, "127.0.0.1", 5555)
	s.addresses(server, "127.0.0.1", 5555, "127.0.0.1", 40000+client)
}

// addresses sets both addresses of a handshake's TCP connection.
func (s *script) addresses(handshake int, local string, localPort int, peer string, peerPort int) {
	s.set(handshake, semconv.NetworkLocalAddressKey.String(local), semconv.NetworkLocalPortKey.Int(localPort),
		semconv.NetworkPeerAddressKey.String(peer), semconv.NetworkPeerPortKey.Int(peerPort))
}

// as sets the service of the spans that follow.
func (s *script) as(service string) *script {
	s.service = service
	return s
}

func (s *script) explain() []explain.Finding { return explain.Explain(chain.New(s.spans)) }

// want compares all findings with lines "severity rule ×count total: headline | text".
func (s *script) want(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, f := range s.explain() {
		got = append(got, fmt.Sprintf("%s %s ×%d %v: %s | %s", f.Severity, f.Rule, f.Count, f.Total, f.Headline, f.Text))
		if f.Advice == "" || len(f.Spans) == 0 || f.Headline == "" {
			t.Errorf("%s: got headline %q, advice %q and %d spans, want all", f.Rule, f.Headline, f.Advice, len(f.Spans))
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("findings:\ngot\n%s\nwant\n%s", g, w)
	}
}
