package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Some of each fault, as CI plays thousands.
func TestChaos(t *testing.T) {
	var out strings.Builder
	if n := run(&out, flags{n: 60, epoch: 30, together: 8, seed: 6455, only: -1}); n > 0 {
		t.Errorf("%d findings:\n%s", n, &out)
	}
	if !strings.Contains(out.String(), "\n60 connections in ") {
		t.Errorf("got\n%s", &out)
	}
}

// A seed and a number make one plan, and -only plays that one.
func TestAgain(t *testing.T) {
	for i := range 50 {
		a, b := newPlan(7, i), newPlan(7, i)
		if a.String() != b.String() || fmt.Sprint(a.sizes) != fmt.Sprint(b.sizes) {
			t.Errorf("connection %d is %v, and then %v", i, &a, &b)
		}
	}
	for plans := range epochs(flags{seed: 7, only: 3, times: 2}) {
		if want := newPlan(7, 3); len(plans) != 2 || plans[1].String() != want.String() {
			t.Errorf("got %d plans, want connection 3 twice", len(plans))
		}
	}
}

// reports are what was found.
type reports []string

func (r *reports) add(_ int, format string, args ...any) {
	*r = append(*r, fmt.Sprintf(format, args...))
}

func (r *reports) want(t *testing.T, part string) {
	t.Helper()
	if !strings.Contains(strings.Join(*r, "\n"), part) {
		t.Errorf("found %q, want what has %q", *r, part)
	}
}

// calm plays connections to which nothing happens, every span of which is recorded, or
// with messages in runs.
func calm(t *testing.T, runs bool) (*telemetry, []*play) {
	t.Helper()
	var found reports
	s := newStage(newControl(), found.add)
	pl := newPlan(1, 0)
	for i := 1; pl.runs != runs; i++ {
		pl = newPlan(1, i)
	}
	pl.bare, pl.ratio, pl.makes, pl.minBlock, pl.public = false, 1, "sdk", 0, false
	pl.volume, pl.fault, pl.streams, pl.pings = &volumes[0], &faults[0], [2]bool{}, [2]int{}
	if runs {
		pl.volume = volumeNamed("default")
	}
	plays := s.play(slices.Repeat([]plan{pl}, 3), 3)
	s.close()
	if len(found) > 0 {
		t.Fatalf("found %q", found)
	}
	return s.telemetry(&pl), plays
}

// Each invariant finds what breaks it.
func TestInvariants(t *testing.T) {
	named := func(spans tracetest.SpanStubs, name string) *tracetest.SpanStub {
		for i := range spans {
			if w, _, _ := strings.Cut(spans[i].Name, " "); w == name {
				return &spans[i]
			}
		}
		t.Fatalf("there is no %s", name)
		return nil
	}
	set := func(s *tracetest.SpanStub, kv attribute.KeyValue) {
		for i := range s.Attributes {
			if s.Attributes[i].Key == kv.Key {
				s.Attributes[i] = kv
			}
		}
	}
	messages := func(s *tracetest.SpanStub) int64 {
		for _, a := range s.Attributes {
			if a.Key == semconv.WebSocketRunMessagesKey {
				return a.Value.AsInt64()
			}
		}
		t.Fatalf("%s does not say how many messages it is of", s.Name)
		return 0
	}
	for _, tt := range []struct {
		name, want string
		breaks     func(spans tracetest.SpanStubs) tracetest.SpanStubs
		runs       bool
	}{
		{"nothing", "", func(s tracetest.SpanStubs) tracetest.SpanStubs { return s }, false},
		{"a span twice", "the same id twice", func(s tracetest.SpanStubs) tracetest.SpanStubs { return append(s, s[0]) }, false},
		{"a write is lost", "were called", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			named(s, semconv.SpanWrite).Name = "lost"
			return s
		}, false},
		{"a handshake is lost", "is nowhere", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			h := named(s, semconv.SpanHandshake)
			id := h.SpanContext.WithSpanID(oteltrace.SpanID{1})
			h.SpanContext = id
			return s
		}, false},
		{"a block ends early", "begins", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			b := named(s, semconv.SpanBlock)
			b.EndTime = b.StartTime.Add(b.EndTime.Sub(b.StartTime) / 2)
			return s
		}, false},
		{"a wake goes on", "before it", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			w := named(s, semconv.SpanWake)
			w.EndTime = w.EndTime.Add(time.Second)
			return s
		}, false},
		{"a span ends before it begins", "from ", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			w := named(s, semconv.SpanWrite)
			w.EndTime = w.StartTime.Add(-1)
			return s
		}, false},
		{"another message's number", "the index 1", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			for i := range s {
				if strings.HasPrefix(s[i].Name, semconv.SpanWrite) {
					set(&s[i], semconv.WebSocketMessageIndexKey.Int(1))
				}
			}
			return s
		}, false},
		{"another message's link", "and not of its peer", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			set(named(s, semconv.SpanWrite), semconv.WebSocketConnectionIDKey.String("0102030405060708"))
			return s
		}, false},
		{"an error that is none", "with the status", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			w := named(s, semconv.SpanWrite)
			w.Attributes = append(w.Attributes, semconv.ErrorTypeKey.String("closed"))
			return s
		}, false},
		{"a block is left out", "spans exported and", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			named(s, semconv.SpanBlock).Name = "left"
			return s
		}, false},
		{"more is stated than was left out", "spans say that", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			w := named(s, semconv.SpanWrite)
			w.Attributes = append(w.Attributes, semconv.SpansSuppressedKey.Int(5))
			return s
		}, false},
		{"nothing in runs", "", func(s tracetest.SpanStubs) tracetest.SpanStubs { return s }, true},
		{"a run says one message less", "were called", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			w := named(s, semconv.SpanWrites)
			set(w, semconv.WebSocketRunMessagesKey.Int64(messages(w)-1))
			return s
		}, true},
		{"a run of blocks that there were not", "spans exported and", func(s tracetest.SpanStubs) tracetest.SpanStubs {
			w := named(s, semconv.SpanReads)
			w.Attributes = append(w.Attributes, semconv.BlockDurationKey.Float64(1), semconv.BlockCountKey.Int(10_000))
			return s
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			made, plays := calm(t, tt.runs)
			made.exported.spans = tt.breaks(tracetest.SpanStubsFromReadOnlySpans(made.exported.spans)).Snapshots()
			var found reports
			check(made, plays, found.add)
			if tt.want == "" && len(found) > 0 {
				t.Errorf("found %q", found)
			}
			found.want(t, tt.want)
		})
	}
}

// A span that ends after its play, on a goroutine that the play has started, counts.
func TestLate(t *testing.T) {
	late := faults[0]
	late.beside = func(ctx context.Context, e *end, _ *rand.Rand) {
		go func() {
			<-ctx.Done()
			<-time.After(50 * time.Millisecond)
			_, span := e.p.telemetry.provider.Tracer("").Start(context.Background(), "late")
			span.End()
		}()
	}
	for _, maker := range makers {
		// An earlier play's goroutine would be taken for one of this one's.
		for end := time.Now().Add(limit); ; {
			err := goleak.Find()
			if err == nil {
				break
			}
			if time.Now().After(end) {
				t.Fatal(err)
			}
		}
		var found reports
		s := newStage(newControl(), found.add)
		pl := newPlan(1, 0)
		pl.bare, pl.ratio, pl.makes, pl.fault = false, 1, maker, &late
		plays := s.play([]plan{pl}, 1)
		s.close()
		n := 0
		for _, span := range plays[0].telemetry.exported.spans {
			if span.Name() == "late" {
				n++
			}
		}
		if n != len(plays[0].ends) || len(found) > 0 {
			t.Errorf("%s: %d spans, want one of each end; found %q", maker, n, found)
		}
	}
}

func volumeNamed(name string) *volume {
	return &volumes[slices.IndexFunc(volumes, func(v volume) bool { return v.name == name })]
}

// What is left over is found.
func TestBaseline(t *testing.T) {
	before := now()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	for range 20 { // more than may end of what an earlier test left
		go func() { <-done }()
	}
	found := reports(before.settle(50 * time.Millisecond))
	close(done)
	_ = l.Close()
	found.want(t, "goroutines, and")
	if descriptors() > 0 {
		found.want(t, "descriptors, and")
	}
	if got := before.settle(10 * time.Second); len(got) > 0 {
		t.Errorf("found %q when all is gone", got)
	}
}

// What is in use is found, and what is not, is not.
func TestHeap(t *testing.T) {
	const size = 128 << 20 // much more than the plays of earlier tests still hold, and may let go of meanwhile
	empty := heap(0, 0)
	kept := make([]byte, size)
	if got := heap(empty+size/2, 0); got < empty+size/2 {
		t.Errorf("%d bytes are in use, and %d were before %d more are", got, empty, size)
	}
	runtime.KeepAlive(kept)
	if got := heap(empty+size/2, patient); got > empty+size/2 {
		t.Errorf("%d bytes are in use, and %d were at first", got, empty)
	}
}

func TestLedger(t *testing.T) {
	l := newLedger(5)
	for n := range 4 {
		l.wrote(1, n, true)
	}
	good := payload(5, 1, 0, 300)
	if cut, err := l.read(good); cut || err != nil {
		t.Errorf("got %t, %v", cut, err)
	}
	if cut, err := l.read(payload(5, 1, 2, 300)[:299]); !cut || err != nil {
		t.Errorf("a part: got %t, %v", cut, err)
	}
	if _, err := l.read(good); err == nil || !strings.Contains(err.Error(), "after a part") {
		t.Errorf("behind a part: got %v", err)
	}
	changed := payload(5, 1, 1, 300)
	changed[200] ^= 1
	for name, tt := range map[string]struct {
		msg  []byte
		want string
	}{
		"twice":        {good, "twice"},
		"changed":      {changed, "others than were written"},
		"another's":    {payload(6, 1, 1, 300), "others than were written"},
		"not written":  {payload(5, 1, 9, 300), "before it was written"},
		"no such text": {[]byte(strings.Repeat("?", 100)), "others than were written"},
	} {
		if _, err := l.read(tt.msg); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want what has %q", name, err, tt.want)
		}
	}
	if _, err := l.read(payload(5, 1, 3, 300)); err != nil {
		t.Error(err)
	}
	if _, err := l.read(payload(5, 1, 1, 300)); err == nil || !strings.Contains(err.Error(), "after 3") {
		t.Errorf("out of order: got %v", err)
	}
	if got := l.lost(); got != 2 {
		t.Errorf("%d are lost, want 2", got)
	}
}

// A compressed message that is cut may end in anything, and nothing may come behind it.
func TestLedgerOfCompressed(t *testing.T) {
	for _, compressed := range []bool{false, true} {
		l := newLedger(5)
		l.deflate = compressed
		l.wrote(1, 0, true)
		l.wrote(1, 1, true)
		cut := append(payload(5, 1, 0, 300)[:200], "anything"...)
		if got, err := l.read(cut); got != compressed || (err == nil) != compressed {
			t.Errorf("compressed %t: got %t, %v", compressed, got, err)
		}
		if _, err := l.read(payload(5, 1, 1, 300)); (err == nil) == compressed {
			t.Errorf("compressed %t: behind it got %v", compressed, err)
		}
	}
}

// Behind a part of a message others come only if the program has closed that message.
func TestLedgerOfParts(t *testing.T) {
	whole := payload(5, 1, 0, 300)
	for _, tt := range []struct {
		part          int
		ended, failed bool
		want          bool
	}{{299, true, false, true}, {10, true, false, true}, {0, true, false, true}, {299, false, false, false}, {0, false, false, false}, {299, true, true, false}} {
		l := newLedger(5)
		l.wrote(1, 0, false)
		l.wrote(2, 0, true)
		if tt.ended {
			l.ends(1, 0, len(whole))
		}
		if tt.failed {
			l.neverEnded(1, 0)
		}
		if cut, err := l.read(whole[:tt.part:tt.part]); !cut || err != nil {
			t.Errorf("%+v: got %t, %v", tt, cut, err)
		}
		if _, err := l.read(payload(5, 2, 0, 300)); (err == nil) != tt.want {
			t.Errorf("%+v: behind it got %v", tt, err)
		}
	}
}

// An error that the bare libraries never come to is found, and one that they come to as
// well is not.
func TestControl(t *testing.T) {
	c := newControl()
	both, ours := errors.New("write tcp 127.0.0.1:80: reset"), errors.New("another")
	for i := range 400 {
		p := &play{plan: plan{library: &libraries[0], fault: &faults[0], index: i, bare: i%4 == 0}, serial: int64(i)}
		c.begin(p)
		c.note(p, "client's read", both)
		if !p.bare {
			c.note(p, "client's write", ours)
		}
		if i == 1 {
			c.note(p, "client's ping", context.Canceled)
		}
	}
	var found reports
	c.check(found.add)
	if len(found) != 1 {
		t.Errorf("found %q, want one", found)
	}
	found.want(t, "another")
}
