package draw_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

func TestHTMLInBrowser(t *testing.T) {
	b := browser.New(t)
	file := drawFile(t, "stalled.html", scenario("stalled"))
	b.OpenFile(t, file)
	if got := browser.Eval[string](t, b, `document.documentElement.dataset.ready`); got != "yes" {
		t.Fatalf("the script has not run: ready = %q", got)
	}
	text := browser.Eval[string](t, b, `document.body.innerText + document.querySelector('#body').textContent`)
	for _, want := range []string{"sender-stalled", "peer_window", "peer_reset", "write ×27"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if got := browser.Eval[int](t, b, `document.querySelectorAll('#body .bar.net').length`); got < 2 {
		t.Errorf("%d bars of a blocked write, want at least 2", got)
	}

	rows := `document.querySelectorAll('#body .row').length`
	before := browser.Eval[int](t, b, rows)
	b.Click(t, ".row .fold")
	if got, want := browser.Eval[int](t, b, rows), before+27; got != want {
		t.Errorf("%d rows when write ×27 is unfolded, want %d", got, want)
	}
	b.Click(t, ".row .fold")
	if got := browser.Eval[int](t, b, rows); got != before {
		t.Errorf("%d rows when it is folded again, want %d", got, before)
	}

	browser.Eval[bool](t, b, `([...document.querySelectorAll('.finding')].find((e) => e.textContent.includes('sender-stalled')).click(), true)`)
	if got := browser.Eval[string](t, b, `document.querySelector('.row.here .what').textContent`); !strings.Contains(got, "blocked") {
		t.Errorf("the finding jumps to %q, want the block", got)
	}
	if got := browser.Eval[string](t, b, `document.querySelector('#details').innerText`); !strings.Contains(got, "tcp.peer_window") {
		t.Errorf("the details of the block are\n%s\nwant its attributes", got)
	}

	if got := browser.Eval[string](t, b, `(() => {
		const e = document.querySelector('.row.block');
		e.dispatchEvent(new PointerEvent('pointerenter'));
		return e.querySelector('title').textContent;
	})()`); !strings.Contains(got, "block.reason: ") {
		t.Errorf("the pointer on a block shows %q, want its attributes", got)
	}

	browser.Eval[bool](t, b, `(() => {
		const e = document.querySelector('#search');
		e.value = 'peer_reset';
		return e.dispatchEvent(new Event('input'));
	})()`)
	if got := browser.Eval[int](t, b, `document.querySelectorAll('.row.found').length`); got != 1 {
		t.Errorf("%d rows found with peer_reset, want 1", got)
	}

	height := `document.querySelector('#body').viewBox.baseVal.height`
	compact := browser.Eval[float64](t, b, height)
	browser.Eval[bool](t, b, `(document.querySelector('#linear').click(), true)`)
	b.Click(t, "#in")
	if got := browser.Eval[float64](t, b, height); got == compact {
		t.Errorf("linear time changes nothing")
	}
	if got := browser.Eval[string](t, b, `document.querySelector('#fit').textContent`); got != "125 %" {
		t.Errorf("zoom %q, want 125 %%", got)
	}
	b.Clean(t, "/"+filepath.Base(file))
}

// On a telephone the first answer is there at once, and what did not block closes.
func TestNarrowInBrowser(t *testing.T) {
	b := browser.New(t)
	b.OpenFile(t, drawFile(t, "stalled.html", scenario("stalled")))
	b.Look(t, 390, 844, true)
	if got := browser.Eval[bool](t, b, `(() => {
		const box = document.querySelector('.finding').getBoundingClientRect();
		const at = document.elementFromPoint(box.left + box.width / 2, box.top + 20);
		return box.left >= 0 && box.right <= 390 && box.top < 400 && !!at.closest('.finding');
	})()`); !got {
		t.Error("the first answer cannot be seen")
	}
	height, rows := `document.querySelector('#body').viewBox.baseVal.height`, `[...document.querySelectorAll('#body .row')].filter((e) => getComputedStyle(e).display !== 'none').length`
	tall, all := browser.Eval[float64](t, b, height), browser.Eval[int](t, b, rows)
	b.Click(t, "#focus")
	if got := browser.Eval[int](t, b, rows); got >= all || got < 6 {
		t.Errorf("got %d rows of what blocked, of %d", got, all)
	}
	if got := browser.Eval[float64](t, b, height); got > tall*0.8 {
		t.Errorf("they are %v high where all are %v: the others have not closed", got, tall)
	}
	b.Click(t, "#focus")
	if got := browser.Eval[int](t, b, rows); got != all {
		t.Errorf("got %d rows again, want %d", got, all)
	}
}

// TestRulerInBrowser: the page has ticks at round times where its rows put them,
// and labels that stand free.
func TestRulerInBrowser(t *testing.T) {
	b := browser.New(t)
	for name, args := range map[string][]string{
		"compact": {scenario("stalled")}, "linear": {"-time", "linear", scenario("stalled")}, "slowly": {"-time", "linear", scenario("slowly")},
	} {
		t.Run(name, func(t *testing.T) {
			file := drawFile(t, "ruler.html", args...)
			b.OpenFile(t, file)
			if got := browser.Eval[int](t, b, `document.querySelectorAll('#ruler .tick').length`); got < 4 {
				t.Errorf("%d ticks, want some", got)
			}
			if got := browser.Eval[string](t, b, `(() => {
				const units = {s: 1e9, ms: 1e6, 'µs': 1e3, ns: 1}, bad = [];
				const of = (selector) => [...document.querySelectorAll(selector)].filter((e) => e.textContent && getComputedStyle(e).display !== 'none').map((e) => {
					const [n, unit] = e.textContent.slice(1).split(' ');
					return {y: +e.getAttribute('y'), t: e.textContent === '0' ? 0 : n * units[unit], text: e.textContent};
				});
				const rows = of('#times > text'), ticks = of('#ruler text');
				if (!ticks.length) bad.push('no labels');
				for (const tick of ticks) {
					for (const other of [...rows, ...ticks]) {
						if (other !== tick && Math.abs(other.y - tick.y) < 12) bad.push(tick.text + ' is on ' + other.text);
					}
					// The times of rows are rounded to three digits.
					for (const row of rows) {
						if (row.y < tick.y ? row.t > tick.t * 1.01 : row.t < tick.t * 0.99) bad.push(tick.text + ' is on the wrong side of ' + row.text);
					}
				}
				return bad.join('\n');
			})()`); got != "" {
				t.Error(got)
			}
			if got := browser.Eval[string](t, b, `(() => {
				const r = document.querySelector('#body').getBoundingClientRect();
				document.querySelector('#view').dispatchEvent(new PointerEvent('pointermove', {pointerType: 'mouse', clientY: r.top + r.height / 2}));
				return document.querySelector('#cursor').textContent;
			})()`); !strings.HasPrefix(got, "+") {
				t.Errorf("the pointer is at %q, want a time", got)
			}
			b.Clean(t, "/"+filepath.Base(file))
		})
	}
}

// TestSearchSaysWhatItSees: a page holds some of the spans.
func TestSearchSaysWhatItSees(t *testing.T) {
	b := browser.New(t)
	file := drawFile(t, "echo.html", "-rows", "8", scenario("echo"))
	b.OpenFile(t, file)
	search := func(q string) string {
		return browser.Eval[string](t, b, fmt.Sprintf(`(() => {
			const e = document.querySelector('#search');
			e.value = %q;
			e.dispatchEvent(new Event('input'));
			return document.querySelector('#hits').textContent;
		})()`, q))
	}
	for q, want := range map[string]string{"": `^searches \d+ of \d+ spans$`, "handshake": `^\d+ found, searches \d+ of \d+ spans$`} {
		if got := search(q); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("a search for %q says %q, want %s", q, got, want)
		}
	}
	b.OpenFile(t, drawFile(t, "refused.html", scenario("refused")))
	if got := search(""); got != "" {
		t.Errorf("where the page holds all, the search says %q", got)
	}
	b.Clean(t, "/refused.html")
}

// TestSVGInBrowser looks for what is cut off or on one another.
func TestSVGInBrowser(t *testing.T) {
	b := browser.New(t)
	parsed(t, ".svg", func(t *testing.T, file string) {
		b.OpenFile(t, file)
		if got := browser.Eval[int](t, b, `document.querySelectorAll('svg .row').length`); got == 0 && !strings.Contains(t.Name(), "blocked") {
			t.Error("no rows, want a diagram")
		}
		if got := browser.Eval[string](t, b, `(() => {
			const svg = document.documentElement.viewBox.baseVal, bad = [], seen = [];
			for (const e of document.querySelectorAll('text')) {
				const r = e.getBoundingClientRect();
				if (r.left < 0 || r.right > svg.width || r.bottom > svg.height) bad.push('cut off: ' + e.textContent);
				if (!r.width) continue;
				for (const [s, text] of seen) {
					if (r.left < s.right - 1 && s.left < r.right - 1 && r.top < s.bottom - 3 && s.top < r.bottom - 3) {
						bad.push('on one another: ' + text + ' and ' + e.textContent);
					}
				}
				seen.push([r, e.textContent]);
			}
			const bars = [...document.querySelectorAll('.bar')].map((e) => e.getBoundingClientRect()).filter((r) => r.height > 4);
			for (const [i, r] of bars.entries()) {
				for (const s of bars.slice(0, i)) {
					if (r.left < s.right - 1 && s.left < r.right - 1 && r.top < s.bottom - 1 && s.top < r.bottom - 1) {
						bad.push('bars on one another at ' + r.top);
					}
				}
			}
			return bad.join('\n');
		})()`); got != "" {
			t.Error(got)
		}
		b.Clean(t, "/"+filepath.Base(file))
	})
}

// TestHostileNamesInBrowser draws names that try to leave their place.
func TestHostileNamesInBrowser(t *testing.T) {
	b := browser.New(t)
	file := drawFile(t, "hostile.html", hostile)
	b.OpenFile(t, file)
	if got := browser.Eval[bool](t, b, `typeof window.pwned !== 'undefined'`); got {
		t.Error("a name ran as a script")
	}
	if got := browser.Eval[int](t, b, `document.querySelectorAll('img, iframe, object, link, script:not([id]) ~ script').length`); got != 0 {
		t.Errorf("%d elements come from names", got)
	}
	if got := browser.Eval[string](t, b, `document.querySelector('#body').textContent`); !strings.Contains(got, "</script><script>") {
		t.Errorf("the names are not shown as they are:\n%s", got)
	}
	svg := drawFile(t, "hostile.svg", hostile)
	b.Clean(t, "/"+filepath.Base(file))
	b.OpenFile(t, svg)
	if got := browser.Eval[int](t, b, `document.querySelectorAll('script, image, foreignObject, a').length`); got != 0 {
		t.Errorf("%d elements of the SVG come from names", got)
	}
	b.Clean(t, "/"+filepath.Base(svg))
}

func TestPageIsComplete(t *testing.T) {
	b, err := os.ReadFile(drawFile(t, "stalled.html", scenario("stalled")))
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"http://", "https://", " src=", "@import", "ZgotmplZ"} {
		if bytes.Contains(b, []byte(not)) {
			t.Errorf("the page has %q", not)
		}
	}
	if !bytes.Contains(b, []byte("default-src 'none'")) {
		t.Error("the page has no policy that forbids to fetch")
	}
}
