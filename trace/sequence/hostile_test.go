package sequence_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/sequence"
)

// named returns a chain in which everything that a trace can name has a name.
func named(name string) *chain.Chain {
	var ss spans
	hello, data := ss.connection()
	for i := range ss {
		if ss[i].Service == "socket_get" {
			ss[i].Service = name
		}
	}
	ss[data].Name = trace.SpanGo + name
	step := ss.add(name, name, hello, 2, 3, trace.URLPathKey.String(name), trace.ServerAddressKey.String(name))
	ss.fail(step, name)
	w := ss.message("socket_start", trace.SpanWrite, data, 1, 5, 6)
	wake := ss.pause(w, 5.2, 5.5, trace.Reason(name), trace.WakeReason(name))
	ss[wake].Attributes = append(ss[wake].Attributes, trace.WakeCauseKey.String(name))
	ss.link(wake, step)
	return chain.New(ss)
}

// hostile are names that mean something in one of the formats, or on a terminal.
var hostile = []string{
	"</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "]]>", "--> <!--", `"quoted" 'and' \n \\`,
	"a;b", "#quot;", "&lt;", "p0->>p1: x", "end", "note over p0: x", "participant x as y", "title: t", "loop", "wrap: x",
	"@enduml", "!include https://example.invalid", "<img:http://example.invalid>", "[[http://example.invalid]]", "%date()",
	"**bold** __line__ //it// ~~x", "line\nbreak", "carriage\rreturn", "nul\x00", "\x1b[31mred", "\u202eright to left\u2066",
	"invalid \xff\xfe", "日本語の名前", "e\u0301", "🙂", strings.Repeat("x", 10_000), "", " ", "{{.Title}} ${x}", "Note", "over", "a as b",
}

// FuzzName draws any name in all formats: it must not change their structure.
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
				// A service without a name, or one that both sides share, has other lines.
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

// TestJSGrammar checks what js-sequence-diagrams' grammar takes.
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

// TestAnyChain draws chains that no program makes.
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
			p := ss.add("a", trace.SpanWrite, -1, 10, 5)
			ss.pause(p, 8, 2, trace.ReasonLock, trace.WakeUnlocked)
			return ss
		},
		"a wake without a block, a block with children": func() spans {
			var ss spans
			p := ss.add("a", "x", -1, 0, 9)
			ss.add("a", trace.SpanWake, p, 1, 2)
			b := ss.add("a", trace.SpanBlock, p, 2, 3)
			ss.add("a", "below", b, 2, 3)
			ss.add("a", trace.SpanBlock, -1, 2, 3)
			return ss
		},
		"deep": func() spans {
			var ss spans
			for i := range 4_000 {
				ss.add(string(rune('a'+i%2)), "x", i-1, float64(i), 1e6)
			}
			return ss
		},
		"a wake by itself": func() spans {
			var ss spans
			p := ss.add("a", "go x", -1, 0, 9)
			w := ss.pause(p, 1, 2, trace.ReasonLock, trace.WakeUnlocked)
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
