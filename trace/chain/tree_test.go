package chain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

func tree(t *testing.T, c *chain.Chain, opts ...chain.TreeOption) string {
	t.Helper()
	var b strings.Builder
	if err := c.WriteTree(&b, opts...); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestTree compares whole trees, each with its file.
func TestTree(t *testing.T) {
	t.Parallel()
	size := func(n int) attribute.KeyValue { return semconv.WebSocketMessageSizeKey.Int(n) }
	for _, tt := range []struct {
		name string
		make func(*script)
		opts []chain.TreeOption
	}{
		{"empty", func(*script) {}, nil},
		{"seed", func(s *script) { *s = *seed() }, nil},
		{"seed_ascii", func(s *script) { *s = *seed() }, []chain.TreeOption{chain.WithASCII(), chain.WithWidth(70), nil}},
		{"seed_lines", func(s *script) { *s = *seed() }, []chain.TreeOption{chain.WithMaxLines(12), chain.WithoutTimes()}},
		{"seed_keys", func(s *script) { *s = *seed() }, []chain.TreeOption{chain.WithMaxLines(20), chain.WithKeys(semconv.GoroutineNameKey), chain.WithKeys(semconv.BlockSourceKey)}},
		{"seed_only", func(s *script) { *s = *seed() }, []chain.TreeOption{chain.WithOnly(func(s *chain.Span) bool { return s.Failed() || len(s.Links) > 0 }), chain.WithMaxLines(9)}},
		{"stalled", func(s *script) { // it has not ended
			_, op, last := s.stall()
			s.link(s.stalled(1, op, 100, 100_000_100), last)
		}, nil},
		{"stalled_over", func(s *script) {
			run, _, last := s.stall()
			op := s.add(run, semconv.SpanWrite, 90, 11_000_000)
			for _, id := range []int{2, 3} {
				s.at(id).Links[0].SpanContext = s.at(op).SpanContext()
			}
			block, _ := s.block(op, 100, 10_900_000, 11_000_000, semconv.ReasonNetWrite, semconv.CausePeerWindow, semconv.WakePeerRead)
			s.link(block, last)
		}, nil},
		{"unfolded", func(s *script) {
			for i := range 5 {
				s.add(0, "a", float64(i), float64(i)+1)
			}
		}, []chain.TreeOption{chain.WithoutFolding()}},
		{"reads", func(s *script) { // one line for all of them, one for their blocks and one for their wakes
			run := s.add(0, "recv", 0, 3, semconv.GoroutineNameKey.String("recv"))
			for i := range 300 {
				at := 10 + 100*float64(i)
				r := s.add(run, semconv.SpanRead, at, at+90, size(i))
				s.block(r, at+1, at+80+float64(i%9), at+90, semconv.ReasonNetRead, "", semconv.WakeReadable)
			}
		}, nil},
		{"reads_that_block_at_times", func(s *script) {
			run := s.add(0, "recv", 0, 3, semconv.GoroutineNameKey.String("recv"))
			for i := range 50 {
				at := 10 + 100*float64(i)
				r := s.add(run, semconv.SpanRead, at, at+90, size(13))
				if i%3 == 1 {
					s.block(r, at+1, at+80, at+90, semconv.ReasonNetRead, "", semconv.WakeReadable)
				}
			}
		}, nil},
		{"outlier", func(s *script) { // one write was blocked for long, many for a moment
			run := s.add(0, "send", 0, 3, semconv.GoroutineNameKey.String("send"))
			at := 10.0
			for i := range 100 {
				w, took := 0, 2.0
				if i == 60 {
					took = 2_710_000
				}
				w = s.add(run, semconv.SpanWrite, at, at+took, size(13))
				if i == 60 {
					s.block(w, at+1, at+took-13, at+took, semconv.ReasonNetWrite, semconv.CausePeerWindow, semconv.WakePeerRead)
				}
				at += took + 1
			}
		}, nil},
		{"outlier_between_two", func(s *script) {
			s.add(0, "a", 0, 1)
			s.add(0, "a", 1, 1_000_001)
			s.add(0, "a", 1_000_001, 1_000_002)
		}, nil},
		{"many_outliers", func(s *script) { // half of them are slow, so that only the slowest of these stands out
			at := 0.0
			for i := range 100 {
				took := 1.0
				if i%7 > 3 {
					took = 50_000
				}
				if i == 53 {
					took = 9_000_000
				}
				s.add(0, "a", at, at+took)
				at += took
			}
		}, nil},
		{"slow_alike", func(s *script) { // all are slow, so that none stands out
			for i := range 10 {
				s.add(0, "tick", float64(i)*1e6, float64(i)*1e6+9.9e5)
			}
		}, nil},
		{"echo", func(s *script) { // a sequence that repeats
			run := s.add(0, "echo", 0, 3, semconv.GoroutineNameKey.String("echo"))
			for i := range 40 {
				at := 10 + 100*float64(i)
				r := s.add(run, semconv.SpanRead, at, at+50, size(10+i))
				s.block(r, at+1, at+40, at+50, semconv.ReasonNetRead, "", semconv.WakeReadable)
				s.add(run, semconv.SpanWrite, at+50, at+60, size(10+i))
			}
			s.add(run, semconv.SpanClose, 5000, 5100, semconv.WebSocketCloseCodeKey.Int(1001))
		}, nil},
		{"blocks_of_one_write", func(s *script) {
			w := s.add(0, semconv.SpanWrite, 0, 1000)
			for i := range 10 {
				at := 100 * float64(i)
				s.block(w, at, at+90, at+100, semconv.ReasonNetWrite, semconv.CauseNetwork, semconv.WakePeerRead)
			}
		}, nil},
		{"sessions", func(s *script) { // whole goroutines fold, except the one that failed
			for i := range 6 {
				at := 10_000 * float64(i)
				run := s.add(0, "session", at, at+5, semconv.GoroutineNameKey.String("session"))
				for j := range 3 + i {
					s.add(run, semconv.SpanWrite, at+10*float64(j+1), at+10*float64(j+1)+5, size(13))
				}
				life := s.end(run, at+900, semconv.GoroutineStateKey.String("finished"))
				if i == 3 {
					s.at(life).Attributes[1] = semconv.GoroutineStateKey.String("failed")
					s.fail(life, "1006", "")
				}
			}
		}, nil},
		{"errors", func(s *script) {
			for i := range 9 {
				a := s.add(0, "call", float64(i), float64(i)+1)
				switch i {
				case 2:
					s.fail(a, "", "")
				case 4:
					s.fail(a, "timeout", "timeout")
				case 6, 7, 8:
					s.fail(a, "", "refused")
				}
			}
		}, nil},
		{"goroutines", func(s *script) {
			a := s.add(0, "slow to start", 0, 0, semconv.GoroutineNameKey.String("slow to start"))
			s.end(a, 9_000, semconv.GoroutineStateKey.String("canceled"), semconv.GoroutineStartDelayKey.Float64(0.004))
			d := s.add(0, "still running", 10, 14, semconv.GoroutineNameKey.String("still running"), semconv.GoroutineStateKey.String("running"),
				semconv.BlockDurationKey.Float64(0.000001))
			s.add(d, "of the first", 11, 12)
			e := s.add(0, "longer", 10, 5_000_010, semconv.GoroutineNameKey.String("longer"), semconv.GoroutineStateKey.String("running"),
				semconv.BlockDurationKey.Float64(1))
			s.add(e, "of the first", 11, 12)
			rest := s.add(e, "longer", 5_000_010, 9_000_010, semconv.GoroutineNameKey.String("longer"), semconv.GoroutineStateKey.String("failed"),
				semconv.BlockDurationKey.Float64(2), semconv.BlockCountKey.Int(3))
			s.link(rest, e)
			s.fail(rest, "timeout", "timeout")
			b := s.add(0, "open", 20, 20, semconv.GoroutineNameKey.String("open"))
			s.at(b).End = time.Time{}
			c := s.add(0, "parent", 30, 31, semconv.GoroutineNameKey.String("parent"))
			life := s.end(c, 50, semconv.GoroutineStateKey.String("finished"),
				semconv.BlockCountKey.Int(2), semconv.BlockDurationKey.Float64(0.000007))
			s.add(life, "of the life", 32, 33)
			s.add(c, "of the launch", 34, 35)
		}, nil},
		{"strangers", func(s *script) { // none of these spans are wakechain's, and their names are hostile
			s.service = "svc\x1b]0;owned\a"
			a := s.add(0, "evil\nname\r\x00\xff\u202e \\ \"x\"", 0, 1, semconv.ErrorTypeKey.String("\x1b[31m"))
			s.at(a).Kind = oteltrace.SpanKindClient
			s.at(a).Attributes = append(s.at(a).Attributes, semconv.ServerAddressKey.String("::1"), semconv.ServerPortKey.String("8\t0"),
				semconv.URLPathKey.String("/"+strings.Repeat("long", 50)))
			s.service = "服务"
			b := s.add(99, "孤儿", 1, 2)
			s.at(b).Links = []chain.Link{{}, {SpanContext: s.at(a).SpanContext()}, {}, {}}
			c := s.add(b, "not ended", 2, 3)
			s.at(c).End = time.Time{}
			s.add(b, "days", 3, 3e11)
			s.add(b, "hours", 3, 8e9)
			s.add(b, "early", -5, 0)
		}, nil},
		{"strangers_ascii", func(s *script) {
			s.service = "服务"
			s.add(0, "é\x1b", 0, 1)
		}, []chain.TreeOption{chain.WithASCII()}},
		{"wide", func(s *script) { s.add(0, "服务服务服务服务", 0, 1) }, []chain.TreeOption{chain.WithWidth(20)}},
		{"deep", func(s *script) {
			for i := range 1000 {
				s.add(i, "down", float64(i), float64(i)+1)
			}
		}, []chain.TreeOption{chain.WithMaxDepth(4)}},
		{"clocks", func(s *script) { // more clocks than anybody would read
			for i := range 12 {
				s.service = fmt.Sprint("s", i)
				s.add(min(i, 1), "a", -1000*float64(i), 5000)
			}
		}, []chain.TreeOption{chain.WithMaxLines(14)}},
		{"few_lines_for_clocks", func(s *script) {
			for i := range 12 {
				s.service = fmt.Sprint("s", i)
				s.add(min(i, 1), "a", -1000*float64(i), 5000)
			}
		}, []chain.TreeOption{chain.WithMaxLines(3)}},
		{"many_kinds", func(s *script) { // all below is alike, whatever its number
			for i := range 4 {
				a := s.add(0, "a", float64(i), float64(i)+1)
				for j := range 24 {
					s.add(a, fmt.Sprint("kind", j%12), float64(i), float64(i))
				}
			}
		}, nil},
		{"instances", func(s *script) {
			s.service = "db"
			for i := range 4 {
				a := s.add(0, "query", float64(i), float64(i)+1)
				s.at(a).Resource = []attribute.KeyValue{attribute.Int("service.instance.id", i/3)}
			}
		}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{service: "x"}
			tt.make(s)
			c := chain.New(s.spans)
			golden(t, "tree/"+tt.name+".txt", tree(t, c, tt.opts...))
		})
	}
}

func TestTreeLines(t *testing.T) {
	t.Parallel()
	s := &script{}
	for i := range 10 {
		s.add(0, fmt.Sprint("s", i), float64(i), float64(i))
	}
	c := chain.New(s.spans)
	for n := 1; n <= 12; n++ {
		lines := strings.Split(strings.TrimSpace(tree(t, c, chain.WithMaxLines(n))), "\n")
		if len(lines) != min(n, 10) {
			t.Errorf("at most %d: got %d lines", n, len(lines))
		}
		last, want := lines[len(lines)-1], fmt.Sprintf("… %d more spans", 11-n)
		if n >= 10 {
			want = "+9µs       s9  0ns"
		}
		if last != want {
			t.Errorf("at most %d: the last line is %q, want %q", n, last, want)
		}
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// A hostile block or handshake claims to be a running goroutine. Its wake or its other
// side is not taken for the rest of that goroutine.
func TestTreeOfFalseGoroutines(t *testing.T) {
	s := &script{}
	op := s.add(0, semconv.SpanWrite, 0, 30)
	block, _ := s.block(op, 10, 20, 30, semconv.ReasonNetWrite, "", semconv.WakeWritable)
	b := s.at(block)
	b.Attributes = append(b.Attributes, semconv.GoroutineStateKey.String(string(semconv.StateRunning)))
	c := chain.New(s.spans)
	for _, span := range c.Spans {
		if rest := span.Rest(); rest != nil {
			t.Errorf("%v: got the rest %v", span, rest)
		}
	}
	if got := c.String(); strings.Count(got, "wake") != 1 {
		t.Errorf("got\n%s", got)
	}
}

func TestTreeReportsTheWritersError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, c := range []*chain.Chain{chain.New(nil), chain.New(seed().spans)} {
		if err := c.WriteTree(brokenWriter{broken}); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
}
