package sequence_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// messages adds a run of the messages from first to last, of 11 bytes each.
func (ss *spans) messages(service, name string, parent, first, last int, from, to float64, attrs ...attribute.KeyValue) int {
	n := last - first + 1
	return ss.add(service, name, parent, from, to, append(attrs, semconv.WebSocketMessageSizeKey.Int(11*n),
		semconv.WebSocketRunMessagesKey.Int(n), semconv.WebSocketRunFirstKey.Int(first), semconv.WebSocketRunLastKey.Int(last))...)
}

// A run has a row that says how many messages it stands for. Runs that are alike share a
// row, with the messages of all.
func TestRuns(t *testing.T) {
	const w, r = "socket_start", "socket_get"
	for _, tt := range []struct {
		name string
		make func(ss *spans, hello, data int)
		want string
	}{
		{"nobody is known to have read it", func(ss *spans, _, data int) {
			ss.messages(w, semconv.SpanWrites, data, 17, 40, 3, 4)
		}, "sent socket_start sen_data > socket_get hello: writes · 24 messages, 264 B · 1 ms\n"},
		{"many of them", func(ss *spans, _, data int) {
			for i := range 5 {
				ss.messages(w, semconv.SpanWrites, data, 17+24*i, 40+24*i, 3+float64(i), 4+float64(i))
			}
		}, "sent socket_start sen_data > socket_get hello: writes ×5 · 120 messages, 1.32 kB\n"},
		{"read as a run", func(ss *spans, hello, data int) {
			s := ss.messages(w, semconv.SpanWrites, data, 17, 40, 3, 4)
			ss.link(ss.messages(r, semconv.SpanReads, hello, 17, 40, 3.1, 4.1), s)
		}, "message socket_start sen_data > socket_get hello !: writes · 24 messages, 264 B\n"},
		{"two runs that are read as one", func(ss *spans, hello, data int) {
			a := ss.messages(w, semconv.SpanWrites, data, 17, 40, 3, 4)
			b := ss.messages(w, semconv.SpanWrites, data, 41, 50, 4.2, 5)
			reads := ss.messages(r, semconv.SpanReads, hello, 17, 50, 3.1, 5.1)
			ss.link(reads, a)
			ss.link(reads, b)
		}, "message socket_start sen_data > socket_get hello !: writes · 24 messages, 264 B\n" +
			"message socket_start sen_data > socket_get hello !: writes · 10 messages, 110 B\n"},
		{"read one by one", func(ss *spans, hello, data int) {
			s := ss.messages(w, semconv.SpanWrites, data, 1, 3, 3, 6)
			for i := range 3 {
				ss.link(ss.message(r, semconv.SpanRead, hello, i+1, 3.1+float64(i), 3.2+float64(i)), s)
			}
		}, "message socket_start sen_data > socket_get hello !: writes · 3 messages, 33 B\n"},
		{"a stall between runs", func(ss *spans, hello, data int) {
			a := ss.messages(w, semconv.SpanWrites, data, 17, 40, 3, 4)
			op := ss.message(w, semconv.SpanWrite, data, 41, 5, 100)
			ss.link(op, a)
			ss.pause(op, 5.1, 99, semconv.ReasonNetWrite, semconv.WakeWritable)
			b := ss.messages(w, semconv.SpanWrites, data, 42, 50, 101, 102)
			one := ss.messages(r, semconv.SpanReads, hello, 17, 40, 3, 4)
			two := ss.messages(r, semconv.SpanReads, hello, 41, 50, 100.5, 102)
			ss.link(one, a)
			ss.link(two, a)
			ss.link(two, b)
		}, "message socket_start sen_data > socket_get hello !: writes · 24 messages, 264 B\n" +
			"message socket_start sen_data > socket_get hello !: write · 11 B\n" +
			"block - > socket_start sen_data: blocked 93.9 ms · net.write\n" +
			"wake - > socket_start sen_data: wake · writable\n" +
			"message socket_start sen_data > socket_get hello !: writes · 9 messages, 99 B\n"},
		{"a part of one that is a part of another", func(ss *spans, hello, data int) {
			s := ss.messages(w, semconv.SpanWrites, data, 17, 40, 3, 4)
			ss.link(ss.messages(r, semconv.SpanReads, hello, 36, 50, 3.1, 900), s)
		}, "message socket_start sen_data > socket_get hello !: writes · 5 messages\n"},
		{"all of them read long after", func(ss *spans, hello, data int) {
			s := ss.messages(w, semconv.SpanWrites, data, 17, 40, 3, 4)
			ss.link(ss.messages(r, semconv.SpanReads, hello, 17, 40, 3.1, 1000), s)
		}, "sent socket_start sen_data > socket_get hello: writes · 24 messages, 264 B · 1 ms\n" +
			"got socket_start sen_data > socket_get hello !: reads · 24 messages, 264 B · sent 996 ms before · 997 ms\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ss := new(spans)
			hello, data := ss.connection()
			tt.make(ss, hello, data)
			got := outline(sequence.New(chain.New(*ss)))
			if _, got, _ = strings.Cut(got, "go sen_data\n"); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

// A connection that fails while it sends is drawn as its runs, and what failed after them.
// No message is drawn twice.
func TestRunsOfALostConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rec := tracetest.NewRecorder(t)
		auto := wsconn.WithMessageSpans(wsconn.MessagesAuto)
		client, server := wstest.Pipe(t,
			wstest.WithClient(wsconn.WithTracerProvider(rec.Service("socket_get")), auto),
			wstest.WithServer(wsconn.WithTracerProvider(rec.Service("socket_start")), auto))
		sender := trace.Go(server.Context(t.Context()), "sen_data", func(ctx context.Context) error {
			for {
				time.Sleep(time.Millisecond) // the last one has then been read
				if err := server.Write(ctx, wsconn.MessageBinary, make([]byte, 11)); err != nil {
					return err
				}
			}
		})
		reader := trace.Go(client.Context(t.Context()), "hello", func(ctx context.Context) error {
			for range 60 {
				if _, _, err := client.Read(ctx); err != nil {
					return err
				}
			}
			return client.CloseNow()
		})
		if err := reader.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		if err := sender.Wait(t.Context()); err == nil {
			t.Error("the writer got no error")
		}
		_ = server.CloseNow()
		synctest.Wait()
		d := sequence.New(rec.Chain())
		_, got, _ := strings.Cut(outline(d), "go sen_data\n")
		const want = `spawn socket_get > socket_get hello !: go hello
block - > socket_get hello: blocked 16 ms ×16 · net.read · memory
message socket_start sen_data > socket_get hello !: write ×16 · 11 B
wake socket_start sen_data > socket_get hello !: wake ×16 · readable · by write
message socket_start sen_data > socket_get hello !: writes · 44 messages, 484 B
end - > socket_get hello: hello · finished · lived 60 ms · blocked 60 ms
step - > socket_get: close · 0 ns · ✗ close_now
end - > socket_start sen_data: sen_data · failed · ✗ broken_pipe · lived 62 ms
sent socket_start sen_data > socket_get: write · 11 B · ✗ broken_pipe
step - > socket_start sen_data: close · 0 ns · ✗ broken_pipe
`
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		for _, f := range sequence.Formats() {
			var text bytes.Buffer
			if err := d.Write(&text, f); err != nil || !strings.Contains(text.String(), "44 messages, 484 B") {
				t.Errorf("%s does not say how many messages there were, or %v", f, err)
			}
		}
	})
}
