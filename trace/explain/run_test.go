package explain_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn"
	"github.com/wakechain/wakechain/wsconn/wstest"
)

// messages adds a run of the messages from first to last.
func (s *script) messages(parent int, name string, start, end, first, last int, attrs ...attribute.KeyValue) int {
	return s.add(parent, name, start, end, append(attrs, semconv.WebSocketRunMessagesKey.Int(last-first+1),
		semconv.WebSocketRunFirstKey.Int(first), semconv.WebSocketRunLastKey.Int(last))...)
}

// converse makes a connection. The server's sen_data writes n messages of 100 bytes and
// closes. The client's hello reads pause of them, sleeps for 2 s and reads on.
func converse(t *testing.T, n, pause int) *chain.Chain {
	t.Helper()
	rec := tracetest.NewRecorder(t)
	auto := wsconn.WithMessageSpans(wsconn.MessagesAuto)
	client, server := wstest.Pipe(t, wstest.WithWindow(4096),
		wstest.WithClient(wsconn.WithTracerProvider(rec.Service("socket_get")), auto),
		wstest.WithServer(wsconn.WithTracerProvider(rec.Service("socket_start")), auto))
	sender := trace.Go(server.Context(t.Context()), "sen_data", func(ctx context.Context) error {
		for range n {
			time.Sleep(time.Millisecond) // the last one has then been read
			if err := server.Write(ctx, wsconn.MessageBinary, make([]byte, 100)); err != nil {
				return err
			}
		}
		return server.Close(wsconn.StatusNormalClosure, "")
	})
	reader := trace.Go(client.Context(t.Context()), "hello", func(ctx context.Context) error {
		for i := range n {
			if i == pause {
				if err := trace.Sleep(ctx, 2*time.Second); err != nil {
					return err
				}
			}
			if _, _, err := client.Read(ctx); err != nil {
				return err
			}
		}
		_, _, err := client.Read(ctx)
		if wsconn.CloseStatus(err) != wsconn.StatusNormalClosure {
			return err
		}
		return nil
	})
	for _, task := range []*trace.Task{sender, reader} {
		if err := task.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	}
	_ = client.CloseNow()
	synctest.Wait()
	return rec.Chain()
}

// A stall between runs: the answer names its message. Each run of reads links to the runs
// of writes that have its messages.
func TestRunsAroundAStall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := converse(t, 400, 100)
		found := explain.Explain(c)
		if len(found) != 1 {
			t.Fatalf("got %d findings, want one: %v", len(found), found)
		}
		const headline = "socket_start's sen_data was blocked 1.97 s writing: socket_get was in sleep, not reading"
		const text = "It was the write of message 130; socket_get's receive window was closed. Its reader hello was in sleep " +
			"for 1.97 s of that. What woke it: socket_get read again, by read # of socket_get's hello."
		if got := found[0]; got.Headline != headline || numbers.ReplaceAllString(got.Text, " #") != text {
			t.Errorf("got\n%s\n%s\nwant\n%s\n%s", got.Headline, got.Text, headline, text)
		}
		writes, reads := c.Named(semconv.SpanWrites), c.Named(semconv.SpanReads)
		if len(writes) != 2 || len(reads) != 2 {
			t.Fatalf("got %d runs of writes and %d of reads, want 2 of each\n%s", len(writes), len(reads), c)
		}
		for i, want := range []struct {
			writes, reads [2]int64
			from          []*chain.Span
		}{
			{[2]int64{17, 129}, [2]int64{17, 100}, writes[:1]},
			{[2]int64{131, 400}, [2]int64{102, 400}, writes},
		} {
			for _, run := range []struct {
				*chain.Span
				want [2]int64
			}{{writes[i], want.writes}, {reads[i], want.reads}} {
				if first, last := run.Indexes(); first != run.want[0] || last != run.want[1] || run.Messages() != last-first+1 {
					t.Errorf("got %d messages, %d to %d, want %v", run.Messages(), first, last, run.want)
				}
			}
			var from []*chain.Span
			for _, l := range reads[i].Links {
				from = append(from, l.Span)
			}
			if !slices.Equal(from, want.from) {
				t.Errorf("the reads of messages %v link to %v, want %v", want.reads, from, want.from)
			}
		}
	})
}

// A run counts as all of its messages, and as all of its blocks.
func TestRunsCount(t *testing.T) {
	t.Parallel()
	// stall makes a write that stalls after message 311. Before it there are 16 single
	// writes and a run.
	stall := func(s *script, sender int, run ...attribute.KeyValue) {
		for i := 1; i <= 16; i++ {
			s.write(sender, 4+i, 4+i, i)
		}
		s.messages(sender, semconv.SpanWrites, 21, 316, 17, 311, run...)
		w := s.fail(s.write(sender, 400, 3112, 0), semconv.ErrorConnectionReset)
		s.block(w, 401, 3111, semconv.ReasonNetWrite, semconv.WakePeerReset, cause(semconv.CausePeerWindow),
			semconv.TCPRwndLimitedKey.Float64(2.6), semconv.TCPWrittenKey.Int(4665), semconv.TCPSendQueueKey.Int(2325), semconv.TCPNotSentKey.Int(2310))
	}
	// told is the finding's text, with what the reader had done and what is said of the
	// writes before.
	told := func(reader, before string) string {
		return "problem sender-stalled ×1 2.71s: socket_start's sen_data was blocked 2.71 s writing: socket_get was not " +
			"reading | It was the write after message 311; socket_get's receive window was closed for 2.6 s of that." + reader +
			" By then 4,665 bytes had been handed to the kernel, and 2,325 bytes of them were not acknowledged (2,310 bytes not " +
			"even sent)" + before + ". What woke it: socket_get reset the connection; the write failed with connection_reset."
	}
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"a run that did not block", func(s *script) {
			hello, sender := s.connect()
			stall(s, sender)
			s.as("socket_get").messages(hello, semconv.SpanReads, 10, 208, 1, 200)
		}, []string{told(" Its reader hello had last read 193 ms before that.", ", which is why the 311 writes before it did not block")}},
		{"a run that blocked a little", func(s *script) {
			hello, sender := s.connect()
			stall(s, sender, semconv.BlockCountKey.Int(3), semconv.BlockDurationKey.Float64(0.012))
			s.as("socket_get").messages(hello, semconv.SpanReads, 10, 208, 1, 200)
		}, []string{told(" Its reader hello had last read 193 ms before that.", ", which is why of the 311 writes before it only 3 blocked")}},
		{"a run that blocked often", func(s *script) {
			hello, sender := s.connect()
			stall(s, sender, semconv.BlockCountKey.Int(32), semconv.BlockDurationKey.Float64(0.1))
			s.as("socket_get").messages(hello, semconv.SpanReads, 10, 208, 1, 200)
		}, []string{told(" Its reader hello had last read 193 ms before that.", "")}},
		{"a run that goes on in the stall", func(s *script) {
			hello, sender := s.connect()
			stall(s, sender)
			s.as("socket_get").messages(hello, semconv.SpanReads, 10, 901, 1, 200)
		}, []string{told(" Its reader hello did not read for 2.21 s of that.", ", which is why the 311 writes before it did not block")}},
		{"messages before it that the trace has not", func(s *script) {
			_, sender := s.connect()
			stall(s, sender)
			s.at(10).Name = "something else"
			s.as("socket_get")
		}, []string{told("", "")}},
		{"a writer that never reads", func(s *script) {
			hello, sender := s.connect()
			s.messages(sender, semconv.SpanWrites, 5, 200, 1, 40)
			s.write(sender, 201, 202, 41)
			s.as("socket_get")
			s.add(hello, semconv.SpanClose, 400, 5400, closing("local", false)...)
		}, []string{"warning never-read ×1 5s: socket_start's sen_data wrote and never read, and left socket_get unanswered for 5 s | " +
			"It made 41 writes on the connection, and the trace has no read there. It did not answer socket_get's close frame in 5 s."}},
		{"a writer whose reads are a run", func(s *script) {
			hello, sender := s.connect()
			s.messages(sender, semconv.SpanWrites, 5, 200, 1, 40)
			s.messages(sender, semconv.SpanReads, 5, 200, 1, 2)
			s.as("socket_get")
			s.add(hello, semconv.SpanClose, 400, 5400, closing("local", false)...)
		}, []string{"warning close-unanswered ×1 5s: socket_get's hello waited 5 s for socket_start to answer its close " +
			"frame, in vain | It sent the code 1000, and gave up. The trace has no read of socket_start in that time."}},
		{"a connection that is lost behind runs", func(s *script) {
			hello, sender := s.connect()
			s.messages(sender, semconv.SpanWrites, 5, 200, 1, 40)
			s.fail(s.write(sender, 210, 211, 0), semconv.ErrorBrokenPipe)
			s.lose(sender, 211, semconv.ErrorBrokenPipe)
			s.as("socket_get").messages(hello, semconv.SpanReads, 6, 201, 1, 39)
			s.lose(hello, 202, "close_now")
			s.set(len(s.spans), semconv.WebSocketCloseUnreadKey.Int(48_000))
		}, []string{"warning connection-lost ×1 0s: The connection of socket_get with socket_start ended without a close frame | " +
			"socket_get closed it at once (CloseNow), with 48 kB of its peer's that were never read; socket_start lost it (broken_pipe)."}},
		{"a run that ended before this side closed lost nothing", func(s *script) {
			_, sender := s.connect()
			s.messages(sender, semconv.SpanReads, 5, 200, 1, 40)
			s.add(sender, semconv.SpanClose, 210, 211, closing("local", false)...)
			s.set(len(s.spans), semconv.ErrorTypeKey.String(semconv.ErrorBrokenPipe))
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}
