package sequence_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// chat makes a server with n clients that are not in the trace. For each client the server
// has a reader and a writer, and a room passes messages on.
func chat(n int) spans {
	var ss spans
	finished := semconv.GoroutineStateKey.String(string(semconv.StateFinished))
	ss.add("chat", "room", -1, 0, 9000, semconv.GoroutineNameKey.String("room"), finished)
	for i := range n {
		at := float64(i)
		h := ss.add("chat", semconv.SpanHandshake, -1, at, at+1, semconv.HTTPResponseStatusCodeKey.Int(101),
			semconv.WebSocketConnectionIDKey.String(fmt.Sprint("c", i)),
			semconv.NetworkPeerAddressKey.String("127.0.0.1"), semconv.NetworkPeerPortKey.Int(40_000+i))
		ss[h].Kind = oteltrace.SpanKindServer
		for _, name := range []string{"reader", "writer"} {
			run := ss.add("chat", name, h, at+1, at+5000, semconv.GoroutineNameKey.String(name), finished)
			op := map[string]string{"reader": semconv.SpanRead, "writer": semconv.SpanWrite}[name]
			for k := range 20 {
				m := ss.message("chat", op, run, 1+k, at+2+float64(100*k), at+90+float64(100*k))
				ss[m].Attributes = append(ss[m].Attributes, semconv.WebSocketConnectionIDKey.String(fmt.Sprint("c", i)))
				reason := semconv.ReasonNetRead
				if name == "writer" {
					reason = semconv.ReasonNetWrite
				}
				ss.pause(m, at+2+float64(100*k), at+float64(3+(i*7+k*13)%80+100*k), reason, semconv.WakeReadable)
			}
		}
	}
	return ss
}

var sizes = regexp.MustCompile(`width="([0-9.]+)" height="([0-9.]+)" viewBox`)

// A drawing fits on a page, unless more is asked for.
func TestFits(t *testing.T) {
	t.Parallel()
	c := chain.New(chat(40))
	size := func(svg string) (width, height float64) {
		found := sizes.FindStringSubmatch(svg)
		width, _ = strconv.ParseFloat(found[1], 64)
		height, _ = strconv.ParseFloat(found[2], 64)
		return width, height
	}
	for _, d := range []*sequence.Diagram{sequence.New(c), sequence.New(c, sequence.WithoutFolding())} {
		svg := drawn(t, d, sequence.SVG)
		if width, height := size(svg); width > 1200 || height > 2000 {
			t.Errorf("got %v x %v, want 1,200 x 2,000 at most", width, height)
		}
		for _, want := range []string{"reader ×40", "writer ×40"} {
			if !strings.Contains(svg, want) {
				t.Errorf("no lifeline %q", want)
			}
		}
	}
	asked := []sequence.Option{sequence.WithoutFolding(), sequence.WithMaxRows(300), sequence.WithMaxLifelines(100)}
	if width, height := size(drawn(t, sequence.New(c, asked...), sequence.SVG)); width <= 1200 || height <= 2000 {
		t.Errorf("got %v x %v where more was asked for", width, height)
	}
}

// With a linear scale, rows are at the places of their times. Rows without room are
// counted.
func TestLinearIsLinear(t *testing.T) {
	t.Parallel()
	svg := drawn(t, sequence.New(recorded(t, "stalled"), sequence.WithScale(sequence.Linear)), sequence.SVG)
	rows := regexp.MustCompile(`class="row [^"]*" transform="translate\(0 ([0-9.]+)\)"><title>\+([0-9.]+) (µs|ms|s) `).FindAllStringSubmatch(svg, -1)
	if len(rows) < 5 {
		t.Fatalf("got %d rows of\n%s", len(rows), svg)
	}
	var y, at []float64
	for _, m := range rows {
		pos, _ := strconv.ParseFloat(m[1], 64)
		v, _ := strconv.ParseFloat(m[2], 64)
		y, at = append(y, pos), append(at, v*map[string]float64{"µs": 1e-6, "ms": 1e-3, "s": 1}[m[3]])
	}
	last := len(y) - 1
	for i := range y {
		want := y[0] + (at[i]-at[0])/(at[last]-at[0])*(y[last]-y[0])
		if y[i] < want-3 || y[i] > want+3 {
			t.Errorf("a row at %v s is at %v, want about %v", at[i], y[i], want)
		}
	}
	if !strings.Contains(svg, "rows left out, for which there is no room") {
		t.Error("what is left out is not counted")
	}
}

// No two rows are further apart than 100 pixels.
func TestNoGaps(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"stalled", "slowly", "channel"} {
		svg := drawn(t, sequence.New(recorded(t, name)), sequence.SVG)
		last := 0.0
		for _, m := range regexp.MustCompile(`class="row [^"]*" transform="translate\(0 ([0-9.]+)\)"`).FindAllStringSubmatch(svg, -1) {
			y, _ := strconv.ParseFloat(m[1], 64)
			if last > 0 && y-last >= 100 {
				t.Errorf("%s: a gap of %v at %v", name, y-last, y)
			}
			last = y
		}
	}
}

// A peer that is not in the trace has a lifeline with its address, at which arrows end.
func TestAbsentPeer(t *testing.T) {
	t.Parallel()
	one := outline(sequence.New(chain.New(chat(1))))
	for _, want := range []string{"sent chat writer > peer 127.0.0.1:40000", "chat reader"} {
		if !strings.Contains(one, want) {
			t.Errorf("no %q in\n%s", want, one)
		}
	}
	d := sequence.New(chain.New(chat(5)), sequence.WithMaxLifelines(20))
	last := d.Lifelines[len(d.Lifelines)-1]
	if want := (sequence.Lifeline{Service: "peers", Name: "5 that are not in the trace", Absent: true}); last != want {
		t.Errorf("got %+v, want %+v", last, want)
	}
	for _, l := range sequence.New(recorded(t, "stalled")).Lifelines {
		if l.Absent {
			t.Errorf("%+v, where both ends are in the trace", l)
		}
	}
	for _, f := range sequence.Formats() {
		if got := drawn(t, sequence.New(chain.New(chat(1))), f); !strings.Contains(strings.ReplaceAll(got, "#58;", ":"), "127.0.0.1:40000") {
			t.Errorf("%s does not name the peer:\n%.2000s", f, got)
		}
	}
}

// The key explains the colors that are used, and no others.
func TestColorKey(t *testing.T) {
	t.Parallel()
	for _, f := range []sequence.Format{sequence.SVG, sequence.HTML} {
		got := drawn(t, sequence.New(recorded(t, "stalled")), f)
		for what, want := range map[string]bool{"waits to write or dial": true, "sleeps": true, "failed": true, "waits for another goroutine": false} {
			if strings.Contains(got, what+"<") != want {
				t.Errorf("%s explains %q: got %v", f, what, !want)
			}
		}
	}
}

// Long names do not make a page grow.
func TestPageOfLongNames(t *testing.T) {
	t.Parallel()
	var ss spans
	for i := range 200 {
		ss.add(fmt.Sprint(i, strings.Repeat("service", 20_000)), fmt.Sprint(i, strings.Repeat("name", 50_000)), -1, float64(i), float64(i+1))
	}
	c := chain.New(ss)
	for _, f := range sequence.Formats() {
		if got := len(drawn(t, sequence.New(c), f)); got > 500_000 {
			t.Errorf("%s: %d bytes of 200 spans", f, got)
		}
	}
}
