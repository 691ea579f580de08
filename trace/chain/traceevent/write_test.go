package traceevent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/traceevent"
	"github.com/wakechain/wakechain/trace/semconv"
)

// event is a trace event as a viewer reads it.
type event struct {
	Name, Ph, Cat, Bp string
	TS                *float64
	Dur               *float64
	PID, TID          *int
	ID                *int
	Args              map[string]any
}

type file struct {
	TraceEvents     []event
	DisplayTimeUnit string
}

func write(t testing.TB, c *chain.Chain) file {
	t.Helper()
	var b bytes.Buffer
	if err := traceevent.Write(&b, c); err != nil {
		t.Fatal(err)
	}
	var f file
	d := json.NewDecoder(&b)
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		t.Errorf("something follows: %v", err)
	}
	return f
}

type place struct{ pid, tid int }

// check checks the rules of the Trace Event Format, those of its document and those of
// Perfetto's importer:
//
//   - each event has a name, a phase, a time, a process and a thread;
//   - slices (X with a duration of 0 or more, B) come in the order of time, and in one
//     thread each is inside of those that are open;
//   - a flow has one s and one f with the same id, name and category, in the order of
//     time, and each at a moment when a slice of its thread is open; f has bp "e", for
//     the slice around it and not the next one;
//   - each process and thread has one name.
func check(f file) error {
	if f.DisplayTimeUnit != "ns" {
		return fmt.Errorf("displayTimeUnit %q", f.DisplayTimeUnit)
	}
	type span struct{ from, to float64 }
	slicesOf := make(map[place][]span)
	stack := make(map[place][]float64)
	named := make(map[string]int)
	last := math.Inf(-1)
	for i, e := range f.TraceEvents {
		if e.Name == "" && e.Ph != "X" && e.Ph != "B" || e.TS == nil || e.PID == nil || e.TID == nil || *e.PID < 1 {
			return fmt.Errorf("event %d lacks a field: %+v", i, e)
		}
		at := place{*e.PID, *e.TID}
		switch e.Ph {
		case "M":
			named[fmt.Sprint(e.Name, at)]++
			if e.Name == "process_name" || e.Name == "thread_name" {
				if name, ok := e.Args["name"].(string); !ok || name == "" && e.Name == "process_name" {
					return fmt.Errorf("event %d has no name: %+v", i, e)
				}
			} else if _, ok := e.Args["sort_index"].(float64); !ok {
				return fmt.Errorf("event %d has no place: %+v", i, e)
			}
		case "X", "B":
			end := math.Inf(1)
			if e.Ph == "X" {
				if e.Dur == nil || *e.Dur < 0 {
					return fmt.Errorf("event %d has no duration", i)
				}
				end = *e.TS + *e.Dur
			} else if e.Dur != nil {
				return fmt.Errorf("event %d has a duration and no end", i)
			}
			if *e.TS < last || *e.TS < 0 {
				return fmt.Errorf("event %d at %v comes after one at %v", i, *e.TS, last)
			}
			last = *e.TS
			const rounding = 1e-4 // of sums of floating-point numbers
			open := stack[at]
			for len(open) > 0 && open[len(open)-1] <= *e.TS+rounding {
				open = open[:len(open)-1]
			}
			if n := len(open); n > 0 && open[n-1]+rounding < end {
				return fmt.Errorf("event %d (%s) ends at %v, after what it is in (%v)", i, e.Name, end, open[n-1])
			}
			stack[at] = append(open, end)
			slicesOf[at] = append(slicesOf[at], span{*e.TS, end + rounding})
		case "s", "f":
		default:
			return fmt.Errorf("event %d has the phase %q", i, e.Ph)
		}
	}
	for name, n := range named {
		if n != 1 {
			return fmt.Errorf("%s is there %d times", name, n)
		}
	}
	flows := make(map[int][]event)
	for i, e := range f.TraceEvents {
		at := place{*e.PID, *e.TID}
		switch e.Ph {
		case "X", "B":
			if named[fmt.Sprint("thread_name", at)] == 0 || named[fmt.Sprint("process_name", place{at.pid, 0})] == 0 {
				return fmt.Errorf("event %d is in a thread or process without a name", i)
			}
		case "s", "f":
			if e.ID == nil || (e.Bp == "e") != (e.Ph == "f") {
				return fmt.Errorf("event %d is no flow: %+v", i, e)
			}
			flows[*e.ID] = append(flows[*e.ID], e)
			if !slices.ContainsFunc(slicesOf[at], func(s span) bool { return s.from <= *e.TS && *e.TS <= s.to }) {
				return fmt.Errorf("event %d: no slice is open where the flow is", i)
			}
		}
	}
	for id, all := range flows {
		if len(all) != 2 || all[0].Ph != "s" || all[1].Ph != "f" || all[0].Name != all[1].Name || all[0].Cat != all[1].Cat || *all[0].TS > *all[1].TS {
			return fmt.Errorf("flow %d: %+v", id, all)
		}
	}
	return nil
}

func count(f file, phases ...string) (n int) {
	for _, e := range f.TraceEvents {
		if slices.Contains(phases, e.Ph) {
			n++
		}
	}
	return n
}

// Files of what real programs recorded are valid.
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "sequence", "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		spans, _, err := chain.Read(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		c := chain.New(spans)
		f := write(t, c)
		if err := check(f); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		still, links := 0, 0
		for _, s := range c.Spans {
			if _, ok := s.StillBlocked(); ok {
				still++
			}
			for _, l := range s.Links {
				if l.Span != nil {
					links++
				}
			}
		}
		if n := count(f, "X", "B"); n != c.Len()+still {
			t.Errorf("%s: %d slices for %d spans and %d blocks that last", name, n, c.Len(), still)
		}
		if n := count(f, "s"); n > links || links > 0 && n == 0 {
			t.Errorf("%s: %d arrows for %d links", name, n, links)
		}
	}
}

var base = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// span makes a span between two times in milliseconds. A negative end means that it has
// not ended.
func span(id, parent byte, name string, from, to float64, attrs ...attribute.KeyValue) chain.Span {
	at := func(ms float64) time.Time { return base.Add(time.Duration(ms * float64(time.Millisecond))) }
	s := chain.Span{
		TraceID: oteltrace.TraceID{15: 1}, SpanID: oteltrace.SpanID{7: id}, ParentID: oteltrace.SpanID{7: parent}, Name: name, Service: "svc",
		Start: at(from), Attributes: attrs,
	}
	if to >= 0 {
		s.End = at(to)
	}
	return s
}

// lines returns the slices and arrows of a file as text, with the names of their tracks.
func lines(f file) []string {
	tracks := make(map[place]string)
	var all []string
	for _, e := range f.TraceEvents {
		at := place{*e.PID, *e.TID}
		switch e.Ph {
		case "M":
			if e.Name == "thread_name" {
				tracks[at] = e.Args["name"].(string)
			}
		case "X":
			all = append(all, fmt.Sprintf("%s: %s %v+%v", tracks[at], e.Name, *e.TS, *e.Dur))
		case "B":
			all = append(all, fmt.Sprintf("%s: %s %v…", tracks[at], e.Name, *e.TS))
		default:
			all = append(all, fmt.Sprintf("%s: %s %s %v", tracks[at], e.Ph, e.Name, *e.TS))
		}
	}
	return all
}

func TestTracksAndArrows(t *testing.T) {
	t.Parallel()
	id := semconv.GoroutineIDKey.Int(18)
	wake := span(8, 6, semconv.SpanWake, 5, 6)
	wake.Links = []chain.Link{{SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: oteltrace.TraceID{15: 1}, SpanID: oteltrace.SpanID{7: 3}})}}
	c := chain.New([]chain.Span{
		span(1, 0, "main", 0, 10, semconv.GoroutineNameKey.String("main")),
		span(2, 1, "serve", 1, 9, id, semconv.GoroutineNameKey.String("serve"), semconv.GoroutineStateKey.String("finished")),
		span(3, 1, "write", 2, 4.5),
		span(4, 1, "read", 3, 7), // overlaps the one before: it is on another, unknown goroutine
		span(6, 2, "recv", 2, 6, id),
		span(7, 6, semconv.SpanBlock, 3, 5),
		wake,
		span(9, 2, "lock", 7, -1),
	})
	f := write(t, c)
	if err := check(f); err != nil {
		t.Error(err)
	}
	want := []string{
		"main: main 0+10000",
		"serve (goroutine 18): serve 1000+8000",
		"serve (goroutine 18): recv 2000+4000",
		"main: write 2000+2500",
		"main (2): read 3000+4000",
		"serve (goroutine 18): block 3000+2000",
		"serve (goroutine 18): wake 5000+1000",
		"serve (goroutine 18) (2): lock 7000…",
		"main: s wake 4500",
		"serve (goroutine 18): f wake 5000",
	}
	if got := lines(f); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A block in progress is known from its `stalled` alone.
func TestStillBlocked(t *testing.T) {
	t.Parallel()
	c := chain.New([]chain.Span{
		span(1, 0, "serve", 0, 1, semconv.GoroutineNameKey.String("serve")),
		span(2, 1, semconv.SpanStalled, 1000, 1000.1, semconv.StalledAgeKey.Float64(0.75), semconv.StalledOperationKey.String("write"), semconv.BlockReasonKey.String("net.write")),
	})
	f := write(t, c)
	if err := check(f); err != nil {
		t.Error(err)
	}
	if got := lines(f); !slices.Contains(got, "serve: block (write) 250000…") || !slices.Contains(got, "serve: stalled 1e+06+100") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestArguments(t *testing.T) {
	t.Parallel()
	s := span(1, 0, "a\x1b[31m\"<b>", 0, 0.000001,
		attribute.Int64("big", 1<<60), attribute.Int("n", 7), attribute.Float64("nan", math.NaN()), attribute.Float64("f", 0.5), attribute.Bool("b", true),
		attribute.String("s\n", "x\x00"), attribute.StringSlice("list", []string{"x", "y"}), attribute.String("long", strings.Repeat("x", 2000)))
	s.Status = chain.Status{Code: codes.Error, Description: "broken\n"}
	unknown := chain.Span{Name: "when?"}
	f := write(t, chain.New([]chain.Span{s, unknown}))
	if err := check(f); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(f.TraceEvents, func(e event) bool { return e.Ph == "X" })
	if n := count(f, "X", "B"); n != 1 {
		t.Fatalf("%d slices: what has no time is left out", n)
	}
	e := f.TraceEvents[i]
	if *e.Dur != 0.001 || e.Name != `a\x1b[31m"<b>` || e.Cat != "operation,failed" {
		t.Errorf("got %+v", e)
	}
	long, _ := e.Args["long"].(string)
	delete(e.Args, "long")
	want := map[string]any{
		"big": "1152921504606846976", "n": 7.0, "nan": "NaN", "f": 0.5, "b": true, `s\n`: `x\x00`, "list": `["x","y"]`,
		"trace_id": "00000000000000000000000000000001", "span_id": "0000000000000001", "status": `Error broken\n`,
	}
	if fmt.Sprint(e.Args) != fmt.Sprint(want) || len(long) > 1010 {
		t.Errorf("got %v, want %v", e.Args, want)
	}
}

func TestNothingAndErrors(t *testing.T) {
	t.Parallel()
	if f := write(t, nil); len(f.TraceEvents) != 0 || check(f) != nil {
		t.Errorf("got %+v", f)
	}
	broken := errors.New("broken")
	r, w := io.Pipe()
	_ = r.CloseWithError(broken)
	if err := traceevent.Write(w, chain.New([]chain.Span{span(1, 0, "a", 0, 1)})); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// check refuses files that break a rule.
func TestCheck(t *testing.T) {
	t.Parallel()
	good := write(t, chain.New([]chain.Span{span(1, 0, "a", 0, 10), span(2, 1, "b", 1, 2)}))
	for name, spoil := range map[string]func(*file){
		"overlap":       func(f *file) { *f.TraceEvents[len(f.TraceEvents)-1].Dur = 1e6 },
		"no duration":   func(f *file) { f.TraceEvents[len(f.TraceEvents)-1].Dur = nil },
		"no track":      func(f *file) { *f.TraceEvents[len(f.TraceEvents)-1].TID = 99 },
		"a lost flow":   func(f *file) { f.TraceEvents[len(f.TraceEvents)-1].Ph = "s" },
		"phase":         func(f *file) { f.TraceEvents[len(f.TraceEvents)-1].Ph = "Q" },
		"back in time":  func(f *file) { *f.TraceEvents[len(f.TraceEvents)-1].TS = -1 },
		"a second name": func(f *file) { f.TraceEvents = append(f.TraceEvents, f.TraceEvents[0]) },
	} {
		var f file
		b, err := json.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		if spoil(&f); check(f) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

// FuzzWrite checks the files of any spans.
func FuzzWrite(f *testing.F) {
	f.Add([]byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a","startTimeUnixNano":"1","endTimeUnixNano":"5"}]}]}]}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		spans, _, _ := chain.Read(bytes.NewReader(in))
		if err := check(write(t, chain.New(spans))); err != nil {
			t.Error(err)
		}
	})
}
