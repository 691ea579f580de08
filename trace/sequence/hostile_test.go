package sequence_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// named returns a chain in which everything that may have a name has this one.
func named(name string) *chain.Chain {
	var ss spans
	hello, data := ss.connection()
	for i := range ss {
		if ss[i].Service == "socket_get" {
			ss[i].Service = name
		}
	}
	ss[data].Name = name
	step := ss.add(name, name, hello, 2, 3, semconv.URLPathKey.String(name), semconv.ServerAddressKey.String(name))
	ss.fail(step, name)
	w := ss.message("socket_start", semconv.SpanWrite, data, 1, 5, 6)
	wake := ss.pause(w, 5.2, 5.5, semconv.Reason(name), semconv.WakeReason(name))
	ss[wake].Attributes = append(ss[wake].Attributes, semconv.WakeCauseKey.String(name))
	ss.link(wake, step)
	return chain.New(ss)
}

// hostile are names with a meaning in one of the formats or on a terminal.
var hostile = []string{
	"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "]]>", "--> <!--", `"quoted" 'and' \n \\`,
	"a;b", "#quot;", "&lt;", "p0->>p1: x", "end", "note over p0: x", "participant x as y", "title: t", "loop", "wrap: x",
	"@enduml", "!include https://example.invalid", "<img:http://example.invalid>", "[[http://example.invalid]]", "%date()",
	"**bold** __line__ //it// ~~x", "line\nbreak", "carriage\rreturn", "nul\x00", "\x1b[31mred", "\u202eright to left\u2066",
	"invalid \xff\xfe", "日本語の名前", "e\u0301", "🙂", strings.Repeat("x", 10_000), "", " ", "{{.Title}} ${x}", "Note", "over", "a as b",
}

// FuzzName draws any name in all formats. It must not change their structure.
func FuzzName(f *testing.F) {
	for _, name := range hostile {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		d := sequence.New(named(name), sequence.WithTitle(name))
		plain := sequence.New(named("plain"), sequence.WithTitle("plain"))
		for _, format := range sequence.Formats() {
			got := drawn(t, d, format)
			for _, r := range got {
				if r != '\n' && !unicode.IsPrint(r) {
					t.Fatalf("%s has the character %U:\n%s", format, r, got)
				}
			}
			switch format {
			case sequence.Mermaid, sequence.PlantUML, sequence.JS:
				// An empty name, and one that both sides share, has other lines.
				want := drawn(t, plain, format)
				if d := strings.Count(got, "\n") - strings.Count(want, "\n"); strings.TrimSpace(name) != "" && name != "socket_start" && d != 0 {
					t.Fatalf("%s has %d lines more than with a plain name:\n%s", format, d, got)
				}
			case sequence.SVG:
				wellFormed(t, got)
			case sequence.HTML:
				if n := strings.Count(got, "<script"); n != 2 {
					t.Fatalf("%d scripts in the page, want its own 2", n)
				}
			}
		}
	})
}

func wellFormed(t *testing.T, s string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(s))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("the SVG is no XML: %v\n%s", err, s)
		}
		if e, ok := token.(xml.StartElement); ok && !strings.Contains(" svg title style rect g text tspan line path circle ", " "+e.Name.Local+" ") {
			t.Fatalf("the SVG has an element %s", e.Name.Local)
		}
	}
}

// Names are written as the grammar of js-sequence-diagrams accepts them.
func TestJSGrammar(t *testing.T) {
	for _, name := range hostile {
		for line := range strings.Lines(drawn(t, sequence.New(named(name)), sequence.JS)) {
			if strings.Contains(line, `\`) && !strings.Contains(line, "Open arrow") {
				t.Errorf("an escape in %q", line)
			}
			if rest, ok := strings.CutPrefix(line, "participant "); ok {
				rest = strings.TrimSpace(rest)
				bare := strings.Trim(rest, `"`)
				if strings.Contains(bare, `"`) || bare == "" || rest == bare && strings.ContainsAny(rest, `->:,#`) {
					t.Errorf("participant %s", rest)
				}
			}
		}
	}
}

// Chains that no program makes can be drawn.
func TestAnyChain(t *testing.T) {
	for name, make := range map[string]func() spans{
		"empty": func() spans { return nil },
		"orphan": func() spans {
			var ss spans
			ss.add("a", "x", -1, 0, 1)
			ss[0].ParentID = oteltrace.SpanID{9}
			return ss
		},
		"circle of parents and links": func() spans {
			var ss spans
			for range 3 {
				ss.add("a", "x", -1, 0, 1)
			}
			for i := range ss {
				ss[i].ParentID = ss[(i+1)%3].SpanID
				ss.link(i, (i+1)%3)
				ss[i].Service = string(rune('a' + i))
			}
			return ss
		},
		"no services, no times": func() spans {
			var ss spans
			p := ss.add("", "x", -1, 0, 0)
			ss.add("", "", p, 0, 0)
			ss[0].Start, ss[0].End = time.Time{}, time.Time{}
			return ss
		},
		"times far apart": func() spans {
			var ss spans
			p := ss.add("a", "x", -1, 0, 1)
			c := ss.add("b", "y", p, 1, 2)
			ss[c].Start, ss[c].End = time.Unix(1<<40, 0), time.Unix(1<<41, 0)
			return ss
		},
		"an end before the start": func() spans {
			var ss spans
			p := ss.add("a", semconv.SpanWrite, -1, 10, 5)
			ss.pause(p, 8, 2, semconv.ReasonLock, semconv.WakeUnlocked)
			return ss
		},
		"a wake without a block, a block with children": func() spans {
			var ss spans
			p := ss.add("a", "x", -1, 0, 9)
			ss.add("a", semconv.SpanWake, p, 1, 2)
			b := ss.add("a", semconv.SpanBlock, p, 2, 3)
			ss.add("a", "below", b, 2, 3)
			ss.add("a", semconv.SpanBlock, -1, 2, 3)
			return ss
		},
		"deep": func() spans { return deep(4_000) },
		"a wake by itself": func() spans {
			var ss spans
			p := ss.add("a", "x", -1, 0, 9, semconv.GoroutineNameKey.String("x"))
			w := ss.pause(p, 1, 2, semconv.ReasonLock, semconv.WakeUnlocked)
			ss.link(w, w)
			return ss
		},
		"many services": func() spans {
			var ss spans
			for i := range 500 {
				ss.add(strings.Repeat("service", 1+i%9)+string(rune(0x4e00+i)), "x", i-1, float64(i), 1000)
			}
			return ss
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := chain.New(make())
			for _, opts := range [][]sequence.Option{
				nil,
				{sequence.WithoutFolding(), sequence.WithScale(sequence.Linear)},
				{sequence.WithLifelines(sequence.ByService), sequence.WithMaxRows(1), sequence.WithMaxLifelines(1)},
				{sequence.WithLifelines(sequence.ByConnection), sequence.WithBlocked(0), sequence.WithWidth(1), sequence.WithColor()},
			} {
				d := sequence.New(c, opts...)
				for _, f := range sequence.Formats() {
					got := drawn(t, d, f)
					if f == sequence.SVG {
						wellFormed(t, got)
						if strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
							t.Errorf("a place that is none:\n%s", got)
						}
					}
				}
			}
		})
	}
}

// Parts of chains, recorded and random, can be drawn in all formats. What a filter hides,
// the rest does not name.
func TestAnyFilter(t *testing.T) {
	chains := make(map[string]*chain.Chain)
	for _, name := range []string{"stalled", "echo", "lock", "channel", "halfclosed"} {
		chains[name] = recorded(t, name)
	}
	for seed := range uint64(20) {
		chains[fmt.Sprintf("seed %d", seed)] = chain.New(random(rand.New(rand.NewPCG(seed, 1))))
	}
	bad := regexp.MustCompile(`p-1|\?o->> p-|of p-|NaN|Inf`)
	for name, c := range chains {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(c.Len()), 2))
			for range 12 {
				for _, scale := range []sequence.Scale{sequence.Compact, sequence.Linear} {
					opts, said := filters(r, c)
					d := sequence.New(c, append(opts, sequence.WithScale(scale), sequence.WithTitle("title"))...)
					for _, f := range sequence.Formats() {
						got := drawn(t, d, f)
						if f == sequence.SVG {
							wellFormed(t, got)
						}
						if f != sequence.HTML && bad.MatchString(got) {
							t.Fatalf("%s with %s names a lifeline that is none:\n%s", f, said, got)
						}
					}
				}
			}
		})
	}
}

// filters returns some filters of a chain, and their names.
func filters(r *rand.Rand, c *chain.Chain) (opts []sequence.Option, said string) {
	add := func(name string, o sequence.Option) { opts, said = append(opts, o), said+" "+name }
	span := func() *chain.Span { return c.Spans[r.IntN(c.Len())] }
	if r.IntN(2) == 0 {
		// At the times of spans, where mistakes would show.
		from, to := span().Start.Sub(c.Start()), span().End.Sub(c.Start())
		if r.IntN(2) == 0 {
			from = 0
		}
		add(fmt.Sprintf("window %v %v", from, to), sequence.WithWindow(from, to))
	}
	if r.IntN(3) == 0 {
		s := span().Service
		add("service "+s, sequence.WithServices(s))
	}
	if r.IntN(3) == 0 {
		name := span().Name
		add("goroutine "+name, sequence.WithGoroutines(name))
	}
	if r.IntN(4) == 0 {
		id := span().Str(semconv.WebSocketConnectionIDKey)
		add("connection "+id, sequence.WithConnections(id))
	}
	if r.IntN(3) == 0 {
		add("blocked", sequence.WithBlocked(time.Duration(r.IntN(1e7))))
	}
	by := []sequence.By{sequence.ByGoroutine, sequence.ByService, sequence.ByConnection}[r.IntN(3)]
	add(fmt.Sprintf("by %d", by), sequence.WithLifelines(by))
	if r.IntN(3) == 0 {
		add("rows", sequence.WithMaxRows(1+r.IntN(9)))
	}
	if r.IntN(3) == 0 {
		add("lifelines", sequence.WithMaxLifelines(1+r.IntN(3)))
	}
	if r.IntN(3) == 0 {
		add("unfolded", sequence.WithoutFolding())
	}
	return opts, said
}

// random returns spans of two services that write, read, block and wake each other, in any
// order of times and with any links.
func random(r *rand.Rand) spans {
	var ss spans
	hello, data := ss.connection()
	names := []string{semconv.SpanWrite, semconv.SpanRead, semconv.SpanSend, semconv.SpanLock, "x", "work", semconv.SpanHandshake}
	reasons := []semconv.Reason{semconv.ReasonNetWrite, semconv.ReasonNetRead, semconv.ReasonLock}
	wakes := []semconv.WakeReason{semconv.WakePeerRead, semconv.WakePeerReset, semconv.WakeUnlocked, semconv.WakeTimer}
	for range 10 + r.IntN(80) {
		parent, service := hello, "socket_get"
		if r.IntN(2) == 0 {
			parent, service = data, "socket_start"
		}
		at := float64(r.IntN(1000)) / 10
		s := ss.message(service, names[r.IntN(len(names))], parent, r.IntN(20), at, at+float64(r.IntN(500))/10)
		if r.IntN(3) == 0 {
			w := ss.pause(s, at+0.1, at+float64(r.IntN(400))/10, reasons[r.IntN(3)], wakes[r.IntN(4)])
			if r.IntN(2) == 0 {
				ss.link(w, r.IntN(len(ss)))
			}
			if r.IntN(8) == 0 {
				ss[w-1].End = time.Time{}
			}
		}
		if r.IntN(4) == 0 {
			ss.link(s, r.IntN(len(ss)))
		}
		if r.IntN(9) == 0 {
			ss.fail(s, "failed")
		}
	}
	return ss
}
