package netpoll_test

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// notes is an observer that keeps all reports, and runs a function at a wake.
type notes struct {
	mu     sync.Mutex
	parks  []netpoll.Park
	wakes  []netpoll.Wake
	attrs  []attribute.KeyValue
	atWake func()
}

func (n *notes) Park(p netpoll.Park) {
	n.mu.Lock()
	n.parks = append(n.parks, p)
	n.mu.Unlock()
}

func (n *notes) Wake(w netpoll.Wake) {
	n.mu.Lock()
	if w.Evidence != nil {
		n.attrs = w.Evidence.AppendTo(nil)
	}
	n.wakes = append(n.wakes, w)
	n.mu.Unlock()
	if n.atWake != nil {
		n.atWake()
	}
}

// An observer gets parks and wakes with their evidence although nothing makes spans. It
// may close the connection in Wake.
func TestObserver(t *testing.T) {
	for _, kind := range []semconv.Reason{semconv.ReasonNetRead, semconv.ReasonNetWrite} {
		t.Run(string(kind), func(t *testing.T) {
			nc, peer := pair(t, "tcp")
			c := netpoll.Wrap(nc)
			var others atomic.Bool
			n := &notes{atWake: func() {
				if others.Load() {
					_ = c.Close()
				}
			}}
			run, wake := c.Read, func() { _, _ = peer.Write([]byte("a")) }
			buf := make([]byte, 8)
			if kind == semconv.ReasonNetWrite {
				c.ObserveWrite(n)
				run, wake = c.Write, func() { _, _ = io.Copy(io.Discard, peer) }
				buf = make([]byte, 16<<20)
			} else {
				c.ObserveRead(n)
			}
			p := begin(func() (int, error) { return run(buf) }).parked(t, "IO wait")
			if kind == semconv.ReasonNetWrite {
				settled(t, p, nc)
			}
			long(t)
			others.Store(true)
			go wake()
			_, _ = p.wait()
			_ = peer.Close()

			n.mu.Lock()
			defer n.mu.Unlock()
			if len(n.parks) == 0 || len(n.wakes) == 0 {
				t.Fatalf("got %d parks and %d wakes, want some", len(n.parks), len(n.wakes))
			}
			park, woken := n.parks[len(n.parks)-1], n.wakes[len(n.wakes)-1]
			if park.Reason != kind || park.Source != semconv.SourcePoll || park.At.IsZero() {
				t.Errorf("park: got %+v", park)
			}
			if got := woken.At.Sub(park.At); woken.Reason == "" || woken.Blocked != got || got < time.Millisecond {
				t.Errorf("wake: got %+v, %v after the park", woken, got)
			}
			if runtime.GOOS != "linux" || kind == semconv.ReasonNetRead {
				return
			}
			set := attribute.NewSet(n.attrs...)
			if _, ok := set.Value(semconv.BlockCauseKey); !ok {
				t.Errorf("evidence: got %v, want a cause", n.attrs)
			}
		})
	}
}

// The zero Call may be used, and reports to nobody.
func TestZeroCall(t *testing.T) {
	var call netpoll.Call
	call.Park(netpoll.Park{At: time.Now(), Reason: semconv.ReasonNetRead, Source: semconv.SourceMemory})
	call.Wake(netpoll.Wake{})
	call.Wake(netpoll.Wake{Reason: semconv.WakeReadable, Evidence: netpoll.Attributes{semconv.BlockReasonKey.String("a")}})
	if call.Observed() || call.SpanContext().IsValid() {
		t.Errorf("the zero Call: got observed %v by %v", call.Observed(), call.SpanContext())
	}
}
