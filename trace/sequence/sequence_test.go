package sequence_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// connection adds a goroutine in each of two services, and a connection between them.
// hello dials and sen_data answers. It returns their numbers.
func (ss *spans) connection() (hello, data int) {
	hello = ss.add("socket_get", "hello", -1, 0, 0.1, semconv.GoroutineNameKey.String("hello"))
	client := ss.add("socket_get", semconv.SpanHandshake, hello, 0.2, 2, semconv.HTTPResponseStatusCodeKey.Int(101))
	server := ss.add("socket_start", semconv.SpanHandshake, client, 1, 1.5, semconv.HTTPResponseStatusCodeKey.Int(101))
	(*ss)[client].Kind, (*ss)[server].Kind = oteltrace.SpanKindClient, oteltrace.SpanKindServer
	data = ss.add("socket_start", "sen_data", server, 1.6, 1.7, semconv.GoroutineNameKey.String("sen_data"))
	return hello, data
}

// find returns the n-th span with this name.
func (ss *spans) find(name string, n int) *chain.Span {
	for i := range *ss {
		if (*ss)[i].Name == name {
			if n == 0 {
				return &(*ss)[i]
			}
			n--
		}
	}
	return nil
}

// message adds a write or a read of the message index, and returns its number.
func (ss *spans) message(service, name string, parent, index int, from, to float64) int {
	return ss.add(service, name, parent, from, to,
		semconv.WebSocketMessageSizeKey.Int(11), semconv.WebSocketMessageIndexKey.Int(index))
}

// pause adds a block and the wake that ends it, and returns the wake's number.
func (ss *spans) pause(parent int, from, to float64, reason semconv.Reason, woken semconv.WakeReason) int {
	service := (*ss)[parent].Service
	ss.add(service, semconv.SpanBlock, parent, from, to, semconv.BlockReasonKey.String(string(reason)))
	return ss.add(service, semconv.SpanWake, parent, to, to+0.01, semconv.WakeReasonKey.String(string(woken)))
}

func TestRows(t *testing.T) {
	const head = `step - > socket_get hello: go hello
step - > socket_get hello: handshake · 1.8 ms
call socket_get hello > socket_start sen_data !: handshake
return socket_start sen_data > socket_get hello !: 101 · 500 µs
step - > socket_start sen_data: go sen_data
`
	for _, tt := range []struct {
		name string
		make func(ss *spans, hello, data int)
		want string
	}{
		{
			name: "a write that nobody is known to have read",
			make: func(ss *spans, _, data int) { ss.message("socket_start", semconv.SpanWrite, data, 1, 3, 3.1) },
			want: "sent socket_start sen_data > socket_get hello: write · 11 B\n",
		},
		{
			name: "a read that links to its write, and is woken by it",
			make: func(ss *spans, hello, data int) {
				w := ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 5.1)
				r := ss.message("socket_get", semconv.SpanRead, hello, 1, 3, 5.2)
				wake := ss.pause(r, 3.1, 5.15, semconv.ReasonNetRead, semconv.WakeReadable)
				ss.link(r, w)
				ss.link(wake, w)
			},
			want: "block - > socket_get hello: blocked 2.05 ms · net.read\n" +
				"message socket_start sen_data > socket_get hello !: write · 11 B · wakes it\n",
		},
		{
			name: "a read without a link: a connection keeps messages in order",
			make: func(ss *spans, hello, data int) {
				ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 5.1)
				ss.message("socket_start", semconv.SpanWrite, data, 2, 6, 6.1)
				ss.message("socket_get", semconv.SpanRead, hello, 2, 6, 6.2)
			},
			want: "sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"message socket_start sen_data > socket_get hello !: write · 11 B\n",
		},
		{
			name: "an index that comes twice proves nothing",
			make: func(ss *spans, hello, data int) {
				ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 5.1)
				ss.message("socket_start", semconv.SpanWrite, data, 1, 6, 6.1)
				ss.message("socket_get", semconv.SpanRead, hello, 1, 7, 7.2)
			},
			want: "sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"got socket_start sen_data > socket_get hello: read · 11 B\n",
		},
		{
			name: "a message that was read much later stands in both places",
			make: func(ss *spans, hello, data int) {
				ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 5.1)
				ss.message("socket_get", semconv.SpanRead, hello, 1, 1000, 1005.1)
			},
			want: "sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"got socket_start sen_data > socket_get hello !: read · 11 B · sent 1 s before · 5.1 ms\n",
		},
		{
			name: "a wake by the peer, and the failure after it",
			make: func(ss *spans, _, data int) {
				w := ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 100)
				ss.pause(w, 5.1, 99, semconv.ReasonNetWrite, semconv.WakePeerReset)
				ss.fail(w, "connection_reset")
			},
			want: "sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"block - > socket_start sen_data: blocked 93.9 ms · net.write\n" +
				"wake socket_get hello > socket_start sen_data: wake · peer_reset\n" +
				"failure - > socket_start sen_data: write · ✗ connection_reset\n",
		},
		{
			name: "a wake by whoever stands between the two ends",
			make: func(ss *spans, _, data int) {
				for i, port := range []int{40000, 50000} { // the ports of a proxy
					h := ss.find(semconv.SpanHandshake, i)
					local, peer := port, 80
					if i == 1 {
						local, peer = 80, port
					}
					h.Attributes = append(h.Attributes, semconv.NetworkLocalAddressKey.String("::1"), semconv.NetworkLocalPortKey.Int(local),
						semconv.NetworkPeerAddressKey.String("::1"), semconv.NetworkPeerPortKey.Int(peer))
				}
				w := ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 100)
				ss.pause(w, 5.1, 99, semconv.ReasonNetWrite, semconv.WakePeerRead)
			},
			want: "sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"block - > socket_start sen_data: blocked 93.9 ms · net.write\n" +
				"wake - > socket_start sen_data: wake · peer_read\n",
		},
		{
			name: "a wake by a span, and by the poller",
			make: func(ss *spans, hello, data int) {
				closing := ss.add("socket_get", semconv.SpanClose, hello, 50, 51)
				r := ss.add("socket_start", semconv.SpanRecv, data, 5, 60)
				ss.link(ss.pause(r, 6, 50.5, semconv.ReasonChanRecv, semconv.WakeReceived), closing)
				l := ss.add("socket_start", semconv.SpanSleep, data, 70, 90)
				ss.pause(l, 70.5, 80, semconv.ReasonSleep, semconv.WakeTimer)
			},
			want: "block - > socket_start sen_data: recv · blocked 44.5 ms · chan.recv\n" +
				"step - > socket_get hello: close · 1 ms\n" +
				"wake socket_get hello > socket_start sen_data !: wake · received · by close\n" +
				"block - > socket_start sen_data: sleep · blocked 9.5 ms\n" +
				"wake - > socket_start sen_data: wake · timer\n",
		},
		{
			name: "a block that is not over",
			make: func(ss *spans, _, data int) {
				r := ss.add("socket_start", semconv.SpanRecv, data, 5, 60)
				b := ss.add("socket_start", semconv.SpanBlock, r, 6, 6, semconv.BlockReasonKey.String("chan.recv"))
				(*ss)[r].End, (*ss)[b].End = time.Time{}, time.Time{}
			},
			want: "block - > socket_start sen_data: recv · blocked, not ended · chan.recv\n",
		},
		{
			name: "a run, an outlier in it, and a goroutine's end",
			make: func(ss *spans, _, data int) {
				for i := range 100 {
					at := 3 + float64(i)
					w := ss.message("socket_start", semconv.SpanWrite, data, i+1, at, at+0.5)
					if i == 60 {
						ss.pause(w, at, at+40, semconv.ReasonNetWrite, semconv.WakeWritable)
					}
				}
				ss.end(data, 300, semconv.GoroutineStateKey.String("finished"))
			},
			want: "sent socket_start sen_data > socket_get hello: write ×60 · 11 B\n" +
				"sent socket_start sen_data > socket_get hello: write · 11 B\n" +
				"block - > socket_start sen_data: blocked 40 ms · net.write\n" +
				"sent socket_start sen_data > socket_get hello: write ×39 · 11 B\n" +
				"wake - > socket_start sen_data: wake · writable\n" +
				"end - > socket_start sen_data: sen_data · finished · lived 298 ms\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ss spans
			hello, data := ss.connection()
			tt.make(&ss, hello, data)
			got := outline(sequence.New(chain.New(ss)))
			if got != head+tt.want {
				t.Errorf("got\n%swant\n%s", got, head+tt.want)
			}
		})
	}
}

// If a goroutine has two connections, the diagram does not say which one a write is on.
func TestPeerNotKnown(t *testing.T) {
	var ss spans
	hello, _ := ss.connection()
	second := ss.add("socket_get", semconv.SpanHandshake, hello, 2, 3, semconv.HTTPResponseStatusCodeKey.Int(101))
	ss[second].Kind = oteltrace.SpanKindClient
	ss.message("socket_get", semconv.SpanWrite, hello, 1, 4, 5)
	got := outline(sequence.New(chain.New(ss)))
	if want := "sent socket_get hello > -: write · 11 B · 1 ms\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant at its end\n%s", got, want)
	}
}

// A server that does not continue its client's trace links to it. It is still the client's
// peer.
func TestPublicEndpoint(t *testing.T) {
	var ss spans
	_, data := ss.connection()
	const client, server = 1, 2
	ss[server].ParentID = oteltrace.SpanID{}
	ss.link(server, client)
	ss.message("socket_start", semconv.SpanWrite, data, 1, 3, 3.1)
	got := outline(sequence.New(chain.New(ss)))
	if want := "sent socket_start sen_data > socket_get hello: write · 11 B\n"; !strings.HasSuffix(got, want) {
		t.Errorf("got\n%swant at its end\n%s", got, want)
	}
}

func TestLoop(t *testing.T) {
	var ss spans
	hello, data := ss.connection()
	for i := range 10 {
		at := 3 + float64(i)
		ss.message("socket_get", semconv.SpanWrite, hello, i+1, at, at+0.1)
		ss.message("socket_start", semconv.SpanRead, data, i+1, at, at+0.2)
		ss.message("socket_start", semconv.SpanWrite, data, i+1, at+0.3, at+0.4)
		ss.message("socket_get", semconv.SpanRead, hello, i+1, at+0.3, at+0.5)
	}
	d := sequence.New(chain.New(ss))
	rows := d.Rows[len(d.Rows)-2:]
	for i, want := range []string{"write ×10 · 11 B", "write ×10 · 11 B"} {
		if rows[i].Title() != want || rows[i].Loop == nil || rows[i].Loop.Rounds != 10 {
			t.Errorf("row %q in loop %v, want %q in one of 10", rows[i].Title(), rows[i].Loop, want)
		}
	}
	if rows[0].Loop != rows[1].Loop || rows[0].From != rows[1].To {
		t.Errorf("want there and back in one loop, got\n%s", outline(d))
	}
	if got := drawn(t, d, sequence.Mermaid); !strings.Contains(got, "loop ×10\n    p0->>p1: write ×10 · 11 B\n    p1->>p0: write ×10 · 11 B\n    end\n") {
		t.Errorf("no loop:\n%s", got)
	}
}

func TestMingled(t *testing.T) {
	var ss spans
	_, data := ss.connection()
	for i := range 200 {
		name := semconv.SpanWrite
		if i*i%7 > 2 {
			name = semconv.SpanRead
		}
		ss.message("socket_start", name, data, i+1, 3+float64(i), 3.5+float64(i))
	}
	if d := sequence.New(chain.New(ss)); len(d.Rows) > 20 {
		t.Errorf("%d rows of two kinds in no order, want few:\n%s", len(d.Rows), outline(d))
	}
	if d := sequence.New(chain.New(ss), sequence.WithoutFolding()); len(d.Rows) < 200 {
		t.Errorf("%d rows without folding, want one for each span", len(d.Rows))
	}
}

func TestWriteConcurrentSafe(t *testing.T) {
	d := sequence.New(recorded(t, "writers"))
	want := drawn(t, d, sequence.SVG)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, f := range sequence.Formats() {
				var b strings.Builder
				if err := d.Write(&b, f); err != nil {
					t.Error(err)
				}
				if f == sequence.SVG && b.String() != want {
					t.Error("SVG differs from one writer to the other")
				}
			}
		})
	}
	wg.Wait()
}
