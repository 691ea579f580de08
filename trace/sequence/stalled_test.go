package sequence_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// stalled adds a `stalled` at the time at, of a block that began at since, in
// milliseconds.
func (ss *spans) stalled(run, op int, since, at float64) int {
	s := ss.add((*ss)[run].Service, semconv.SpanStalled, run, at, at+0.01,
		semconv.BlockReasonKey.String(string(semconv.ReasonNetWrite)), semconv.BlockCauseKey.String(string(semconv.CausePeerWindow)),
		semconv.StalledOperationKey.String(semconv.SpanWrite), semconv.StalledAgeKey.Float64((at-since)/1e3),
		semconv.StalledReaderKey.String("hello is in sleep for 10s"))
	ss.link(s, op)
	return s
}

// openStall returns a connection whose sender is stuck when the spans end.
func openStall() *spans {
	ss := new(spans)
	_, data := ss.connection()
	for i := range 3 {
		ss.message("socket_start", semconv.SpanWrite, data, i+1, 3+float64(i), 3.1+float64(i))
	}
	op := ss.message("socket_start", semconv.SpanWrite, data, 4, 9, 10) // it has not ended, so that it is not in the trace
	first := ss.stalled(data, op, 9.1, 1009.1)
	ss.link(ss.stalled(data, op, 9.1, 10009.1), first)
	*ss = append((*ss)[:op], (*ss)[op+1:]...)
	return ss
}

// If a block has not ended when the spans do, its bar does not end either.
func TestStallNotOver(t *testing.T) {
	d := sequence.New(chain.New(*openStall()))
	const want = `block - > socket_start sen_data: write · blocked, not over · net.write · peer_window
step - > socket_start sen_data: still blocked after 10 s · reader: hello is in sleep for 10s
`
	if got := outline(d); !strings.HasSuffix(got, want) {
		t.Errorf("got\n%s\nwant at the end\n%s", got, want)
	}
	for _, r := range d.Rows {
		if r.Kind != sequence.Block {
			continue
		}
		if r.At != 9100*time.Microsecond || r.Until != nil || r.Blocked != 10*time.Second || r.Reason != string(semconv.ReasonNetWrite) {
			t.Errorf("the block is at %v until %v after %v of %s", r.At, r.Until, r.Blocked, r.Reason)
		}
	}
	var text bytes.Buffer
	if err := d.Write(&text, sequence.Text); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "┃") {
		t.Errorf("there is no bar:\n%s", &text)
	}
}

// Limits keep a block that has not ended.
func TestStallNotOverIsKept(t *testing.T) {
	for _, opt := range []sequence.Option{sequence.WithMaxRows(6), sequence.WithBlocked(time.Minute)} {
		if got := outline(sequence.New(chain.New(*openStall()), opt)); !strings.Contains(got, "blocked, not over") {
			t.Errorf("got\n%s", got)
		}
	}
}

// If the chain has the block itself, its `stalled` spans add no row.
func TestStallOver(t *testing.T) {
	var with, without spans
	for _, ss := range []*spans{&without, &with} {
		_, data := ss.connection()
		w := ss.message("socket_start", semconv.SpanWrite, data, 1, 9, 20000)
		wake := ss.pause(w, 9.1, 19999, semconv.ReasonNetWrite, semconv.WakePeerRead)
		if ss == &with {
			ss.link(wake-1, ss.stalled(data, w, 9.1, 1009.1))
		}
	}
	if got, want := outline(sequence.New(chain.New(with))), outline(sequence.New(chain.New(without))); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
