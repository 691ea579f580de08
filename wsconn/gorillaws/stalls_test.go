package gorillaws_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
	"github.com/wakechain/wakechain/wsconn/gorillaws"
)

// unsampled are the options of an end that is not sampled and whose stalls rec records.
func unsampled(rec *recorder, after time.Duration) []gorillaws.Option {
	return []gorillaws.Option{
		gorillaws.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))),
		gorillaws.WithStalls(gorillaws.Stalls{After: after, PerSecond: 1 << 20, TracerProvider: rec.TracerProvider()}),
	}
}

// An unsampled server reports a write that was blocked until its client read. The client
// receives exactly what was written, even if writes were joined into one.
func TestStallOfAWrite(t *testing.T) {
	rec := newRecorder(t)
	opts := unsampled(rec, 300*time.Millisecond)
	message := func(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", i), 4<<10) }
	told, read := make(chan struct{}), make(chan struct{})
	url := rec.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := gorillaws.Upgrader{Options: opts}
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		for i := 0; ; i++ {
			if err := c.WriteMessage(gorillaws.BinaryMessage, message(i)); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-told:
				if err := c.WriteMessage(gorillaws.TextMessage, []byte("bye")); err != nil {
					t.Error(err)
				}
				<-read
				return
			default:
			}
		}
	}))
	d := gorillaws.Dialer{Options: opts}
	c, _, err := d.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := rec.WaitN(t.Context(), tracetest.Name(semconv.SpanStalled), 1); err != nil {
		t.Fatal(err)
	}
	close(told)
	for i := 0; ; i++ {
		typ, p, err := c.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if typ == gorillaws.TextMessage {
			break
		}
		if !bytes.Equal(p, message(i)) {
			t.Fatalf("message %d of %d bytes is not what was written", i, len(p))
		}
	}
	if err := rec.WaitN(t.Context(), tracetest.Name(semconv.SpanHistory), 1); err != nil {
		t.Fatal(err)
	}
	chain := rec.Chain()
	close(read)
	var names []string
	for _, root := range chain.Roots {
		for _, s := range root.Walk() {
			if !root.Is(semconv.SpanHandshake) { // which may take as long as a stall on a busy machine
				names = append(names, s.Name)
			}
		}
	}
	slices.Sort(names)
	if got, want := strings.Join(names, ","), "block peer_window,history,stalled,wake peer_read,write"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	write := tracetest.One(t, chain, semconv.SpanWrite)
	if got, want := write.Int(semconv.WebSocketMessageSizeKey), int64(len(message(0))); got != want {
		t.Errorf("got a message of %d bytes, want %d", got, want)
	}
	if got := write.Str(semconv.WebSocketHistoryTransmitKey); !strings.Contains(got, "binary:32768@") {
		t.Errorf("got history %q", got)
	}
	if got := write.Str(semconv.StallCauseKey); got != string(semconv.CausePeerWindow) {
		t.Errorf("got cause %q, want peer_window", got)
	}
	if got, want := len(write.Children), 4; got != want {
		t.Errorf("got %d children of the write, want %d", got, want)
	}
}

// The fragment of a message is sent when it is written, and not with the next one.
func TestFragmentWithStalls(t *testing.T) {
	rec := newRecorder(t)
	first, last := bytes.Repeat([]byte("first"), 4<<10), []byte("last")
	came := make(chan struct{})
	url := rec.listen(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u := gorillaws.Upgrader{Options: unsampled(rec, time.Minute)}
		c, err := u.Upgrade(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		m, err := c.NextWriter(gorillaws.BinaryMessage)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = m.Write(first)
		<-came
		_, _ = m.Write(last)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		<-came
	}))
	c, _, err := new(gorillaws.Dialer).DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer close(came)
	if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, m, err := c.NextReader()
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(first))
	if _, err := io.ReadFull(m, got); err != nil || !bytes.Equal(got, first) {
		t.Fatalf("the first fragment is not what was written: %v", err)
	}
	came <- struct{}{}
	if got, err := io.ReadAll(m); err != nil || !bytes.Equal(got, last) {
		t.Errorf("got %q, %v, want %q", got, err, last)
	}
}
