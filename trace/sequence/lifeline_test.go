package sequence_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

func TestLifelines(t *testing.T) {
	var ss spans
	for i := range 40 {
		g := ss.add("pool", "worker", -1, float64(i), float64(i)+0.1, semconv.GoroutineNameKey.String("worker"))
		ss[g].Attributes = append(ss[g].Attributes, semconv.GoroutineIDKey.Int(100+i))
		ss.add("pool", "job", g, float64(i)+0.2, float64(i)+0.3)
	}
	ss.add("other", "work", -1, 50, 51)
	names := func(opts ...sequence.Option) string {
		var all []string
		for _, l := range sequence.New(chain.New(ss), opts...).Lifelines {
			all = append(all, strings.TrimSpace(l.Service+" "+l.Name))
		}
		return strings.Join(all, ", ")
	}
	for _, tt := range []struct {
		name string
		opts []sequence.Option
		want string
	}{
		{"goroutines of one name share one where there are too many", nil, "pool worker ×40, other"},
		{"services", []sequence.Option{sequence.WithLifelines(sequence.ByService)}, "pool, other"},
		{"fewer than services", []sequence.Option{sequence.WithMaxLifelines(1)}, "2 services"},
		{"a window", []sequence.Option{sequence.WithWindow(0, time.Millisecond)}, "pool worker #100, pool worker #101"},
		{"a service", []sequence.Option{sequence.WithServices("other")}, "other"},
		{"a goroutine", []sequence.Option{sequence.WithGoroutines("worker")}, "pool worker ×40"},
		{"nothing", []sequence.Option{sequence.WithGoroutines("nobody")}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := names(tt.opts...); got != tt.want {
				t.Errorf("lifelines %q, want %q", got, tt.want)
			}
		})
	}
	if got := len(strings.Split(names(sequence.WithMaxLifelines(100)), ", ")); got != 41 {
		t.Errorf("%d lifelines, want one for each goroutine and the other service", got)
	}
}

func TestConnections(t *testing.T) {
	var ss spans
	for i := range 2 {
		hello, data := ss.connection()
		ss[hello+1].Attributes = append(ss[hello+1].Attributes, semconv.WebSocketConnectionIDKey.String("id"+string(rune('a'+i))))
		ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 6)
	}
	d := sequence.New(chain.New(ss), sequence.WithConnections("ida"), sequence.WithLifelines(sequence.ByConnection))
	if len(d.Lifelines) != 2 || d.Lifelines[0].Name != "connection" {
		t.Errorf("lifelines %v, want the two ends of one connection", d.Lifelines)
	}
	if got := strings.Count(outline(d), "sent"); got != 1 {
		t.Errorf("%d writes, want that of one connection:\n%s", got, outline(d))
	}
	d = sequence.New(chain.New(ss), sequence.WithLifelines(sequence.ByConnection))
	var names []string
	for _, l := range d.Lifelines {
		names = append(names, l.Name)
	}
	if got, want := strings.Join(names, ","), ",connection ida,connection idb,connection (4),connection (5)"; got != want {
		t.Errorf("lifelines %q, want %q", got, want)
	}
}

// A diagram of a part says that it is one, and of what.
func TestFiltersSayWhatTheyHide(t *testing.T) {
	c := chain.New(shop())
	for want, opt := range map[string]sequence.Option{
		"the filters hide 16 of 20 spans":                                                  sequence.WithServices("gateway", "mailer"),
		"the filters hide all of 20 spans, which are of gateway, orders, payments, mailer": sequence.WithServices("nope"),
	} {
		d := sequence.New(c, opt)
		if len(d.Notes) != 1 || d.Notes[0] != want {
			t.Errorf("notes %q, want %q", d.Notes, want)
		}
	}
	if d := sequence.New(c); len(d.Notes) > 0 {
		t.Errorf("notes %q without a filter", d.Notes)
	}
}

// If there is no room for the lifelines that were asked for, the diagram says so.
func TestSharedLifelines(t *testing.T) {
	var ss spans
	for range 8 {
		ss.connection()
	}
	d := sequence.New(chain.New(ss), sequence.WithLifelines(sequence.ByConnection), sequence.WithMaxLifelines(30))
	if got := drawn(t, d, sequence.SVG); strings.Contains(got, "too many") {
		t.Error("a note of shared lifelines where there is room for all")
	}
	got := drawn(t, d, sequence.Text, sequence.WithWidth(80))
	if want := "17 lifelines would be too many: the connections of a process share one"; !strings.Contains(got, want) {
		t.Errorf("want %q in\n%s", want, got)
	}
	d = sequence.New(chain.New(ss), sequence.WithMaxLifelines(1))
	if got := drawn(t, d, sequence.Mermaid); !strings.Contains(got, "all services share one") || !strings.Contains(got, "as 2 services") {
		t.Errorf("want to read whose the one lifeline is:\n%s", got)
	}
}

// If there are too many goroutines, those that were blocked the longest keep their
// lifelines, even if they still are. The others share one.
func TestQuietLifelines(t *testing.T) {
	var ss spans
	for i := range 30 {
		g := ss.add("app", "f"+strconv.Itoa(i), -1, 0, 0, semconv.GoroutineNameKey.String("f"+strconv.Itoa(i)))
		op := ss.add("app", semconv.SpanLock, g, 1, 2+float64(i))
		b := ss.add("app", semconv.SpanBlock, op, 1, 2+float64(i), semconv.BlockReasonKey.String(string(semconv.ReasonLock)))
		if i == 3 {
			ss[op].End, ss[b].End = time.Time{}, time.Time{}
		}
	}
	d := sequence.New(chain.New(ss), sequence.WithMaxLifelines(4))
	var got []string
	for _, l := range d.Lifelines {
		got = append(got, l.Name)
	}
	slices.Sort(got)
	if want := []string{"f28", "f29", "f3", "… 27 more names"}; !slices.Equal(got, want) {
		t.Errorf("got the lifelines %q, want %q", got, want)
	}
	want := "30 lifelines would be too many: goroutines of one name share one, and so do those of the 27 names that were blocked the least"
	if !slices.Contains(d.Notes, want) {
		t.Errorf("got the notes %q, want %q", d.Notes, want)
	}
}

// Of the services that would share the last lifeline, those that were blocked the longest
// have their own, in their order. Waiting for a message does not count.
func TestLastQuiet(t *testing.T) {
	t.Parallel()
	var ss spans
	for i, service := range []string{"reads", "quiet", "sleeps", "idle", "writes"} {
		run := ss.add(service, "client", -1, float64(i), 5000, semconv.GoroutineNameKey.String("client"))
		op := ss.add(service, semconv.SpanWrite, run, float64(10+i), 4000)
		switch service {
		case "reads":
			ss.pause(op, float64(11+i), 3900, semconv.ReasonNetRead, semconv.WakeReadable)
		case "sleeps":
			ss.pause(op, float64(11+i), 3000, semconv.ReasonSleep, semconv.WakeTimer)
		case "writes":
			ss.pause(op, float64(11+i), 2000, semconv.ReasonNetWrite, semconv.WakeWritable)
		}
	}
	d := sequence.New(chain.New(ss), sequence.WithMaxLifelines(3))
	var got []string
	for _, l := range d.Lifelines {
		got = append(got, l.Service+l.Name)
	}
	if want := []string{"sleeps", "writes", "… 3 more services"}; !slices.Equal(got, want) {
		t.Errorf("got the lifelines %q, want %q", got, want)
	}
}
