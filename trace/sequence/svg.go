package sequence

import (
	_ "embed"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/wakechain/wakechain/internal/text"
)

// drawingCSS is shared by SVG and HTML. It has no characters that XML escapes. The
// variables of light and of dark backgrounds come first, then one rule per line.
//
//go:embed style.css
var drawingCSS string

// svgCSS is drawingCSS for renderers that support no variables, and maybe no media queries.
// Its rules have the colors of a light background, and later rules those of a dark one.
var svgCSS = sync.OnceValue(func() string {
	before, dark, _ := strings.Cut(drawingCSS, "@media (prefers-color-scheme: dark) {")
	dark, rules, _ := strings.Cut(dark, "\n}\n")
	light, dim := variables(before), variables(dark)
	var b, d strings.Builder
	for rule := range strings.Lines(rules) {
		b.WriteString(light.Replace(rule))
		selector, declarations, ok := strings.Cut(strings.TrimRight(rule, " }\n"), "{")
		if !ok {
			continue
		}
		var colored []string
		for declaration := range strings.SplitSeq(declarations, ";") {
			if strings.Contains(declaration, "var(") {
				colored = append(colored, strings.TrimSpace(dim.Replace(declaration)))
			}
		}
		if len(colored) > 0 {
			d.WriteString("  " + selector + "{ " + strings.Join(colored, "; ") + "; }\n")
		}
	}
	return b.String() + "@media (prefers-color-scheme: dark) {\n" + d.String() + "}\n"
})

// variables returns a replacer for the uses of the variables that css defines.
func variables(css string) *strings.Replacer {
	var pairs []string
	for definition := range strings.FieldsFuncSeq(css, func(r rune) bool { return strings.ContainsRune("{};", r) }) {
		if name, value, ok := strings.Cut(strings.TrimSpace(definition), ": "); ok {
			pairs = append(pairs, "var("+name+")", value)
		}
	}
	return strings.NewReplacer(pairs...)
}

// writeSVG writes a drawing without a script. Its colors follow the viewer's preference.
func writeSVG(p *page) error {
	l := p.fit(headHeight + 140)
	d := &drawing{page: p, layout: l}
	top := 12.0
	if p.Title != "" {
		top += 30
	}
	keys := p.keys(l.width - 24)
	remarks := p.remarks(l)
	height := top + headHeight + l.height + 12 + 18*float64(len(keys)+len(remarks))
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" class="seq" width="%s" height="%s" viewBox="0 0 %s %s" role="img">`+"\n",
		px(l.width), px(height), px(l.width), px(height))
	p.printf("<title>%s</title>\n", xmlText(p.about()))
	p.printf("<style>\n%s</style>\n", svgCSS())
	p.printf(`<rect class="ground" width="%s" height="%s"/>`+"\n", px(l.width), px(height))
	if p.Title != "" {
		p.printf(`<text class="title" x="12" y="30">%s</text>`+"\n", xmlText(p.Title))
	}
	p.printf(`<g transform="translate(0 %s)">`+"\n", px(top))
	d.head()
	p.printf("</g>\n"+`<g transform="translate(0 %s)">`+"\n", px(top+headHeight))
	d.body()
	d.times()
	p.printf("</g>\n")
	at := height - 18*float64(len(keys)+len(remarks)) + 4
	for _, line := range keys {
		x := 12.0
		for _, k := range line {
			p.printf(`<rect class="%s" x="%s" y="%s" width="10" height="10" rx="2"/>`, k.Class, px(x), px(at-9))
			p.printf(`<text class="remark" x="%s" y="%s">%s</text>`, px(x+15), px(at), k.What)
			x += k.width()
		}
		p.printf("\n")
		at += 18
	}
	for i, line := range remarks {
		p.printf(`<text class="remark" x="12" y="%s">%s</text>`+"\n", px(height-18*float64(len(remarks)-i)+4), xmlText(line))
	}
	p.printf("</svg>\n")
	return nil
}

// about returns the drawing's title for screen readers.
func (p *page) about() string {
	if p.Title != "" {
		return p.Title
	}
	return "Sequence diagram of " + text.Counted(p.chain.Len(), "span")
}

// drawing draws a page with its layout. In the HTML page a script moves the rows: so each
// is a group at its position, and whatever is attached to rows names them.
type drawing struct {
	*page
	*layout
	live bool // the page has a script
}

// head draws the boxes with the names.
func (d *drawing) head() {
	for i := 0; i < len(d.Lifelines); {
		n := d.service(i)
		left, right := d.x[i]-d.half[i], d.x[i+n-1]+d.half[i+n-1]
		service, middle := d.Lifelines[i].Service, (left+right)/2
		class := "box"
		if d.Lifelines[i].Absent {
			class = "box absent"
		}
		d.printf(`<rect class="`+class+`" x="%s" y="2.5" width="%s" height="%s" rx="7"/>`, px(left), px(right-left), px(headHeight-10))
		y := 22.0
		if n == 1 && d.Lifelines[i].Name == "" || service == "" {
			y = 31
		}
		d.printf(`<text class="service" x="%s" y="%s">%s</text>`, px(middle), px(y), xmlText(service))
		for j := i; j < i+n; j++ {
			y, class := 40.0, "name"
			if service == "" {
				y = 31
			}
			name := d.Lifelines[j].Name
			if name == "" && n > 1 {
				name = "–"
			}
			d.printf(`<text class="%s" x="%s" y="%s">%s</text>`, class, px(d.x[j]), px(y), xmlText(name))
			if d.live { // the body is a separate drawing
				d.printf(`<line class="rail" x1="%s" y1="%s" x2="%s" y2="%s"/>`, px(d.x[j]), px(headHeight-7), px(d.x[j]), px(headHeight))
			}
		}
		d.out.WriteByte('\n')
		i += n
	}
}

// body draws everything below the head except the times.
func (d *drawing) body() {
	for i := range d.Lifelines {
		if d.last[i] < 0 {
			continue
		}
		bottom := d.layout.rows[d.last[i]].y() + 10
		if d.page.rows[d.last[i]].Kind == End {
			bottom -= 10
		}
		d.printf(`<line class="rail"%s x1="%s" y1="-8" x2="%s" y2="%s"/>`+"\n", d.on(-1, d.last[i]), px(d.x[i]), px(d.x[i]), px(bottom))
	}
	d.lives()
	for i, r := range d.page.rows {
		if r.Kind != Block {
			continue
		}
		to := d.ends[r]
		many := ""
		if r.Count > 1 {
			many = " many"
		}
		y := d.layout.rows[i].y()
		d.printf(`<rect class="bar %s%s"%s x="%s" y="%s" width="%s" height="%s" rx="3"/>`+"\n", blockColor(r.Reason).class, many,
			d.on(i, to), px(d.x[r.To]+d.bar(r)-barWidth/2), px(y), px(barWidth), px(max(d.layout.rows[to].y()-y, 3)))
	}
	begin, end := d.loops()
	first := 0
	for i, r := range d.page.rows {
		if begin[r] != nil {
			first = i
		}
		if l := end[r]; l != nil {
			top := d.layout.rows[first].top
			bottom := d.layout.rows[i].top + d.layout.rows[i].height
			d.printf(`<rect class="frame"%s x="%s" y="%s" width="%s" height="%s" rx="6"/>`+"\n", d.on(first, i),
				px(timeWidth+4), px(top), px(d.width-timeWidth-12), px(bottom-top))
			d.printf(`<text class="rounds label"%s x="%s" y="%s">loop ×%s</text>`+"\n", d.on(first, first),
				px(d.width-24), px(top+4), text.Number(l.Rounds))
		}
	}
	for i, r := range d.page.rows {
		if d.live || !d.layout.rows[i].crowded {
			d.drawRow(i, r)
		}
	}
}

// on returns the attributes that name the rows to which something is attached, for the
// script.
func (d *drawing) on(from, to int) string {
	if !d.live {
		return ""
	}
	return fmt.Sprintf(` data-from="%d" data-to="%d"`, from, to)
}

// lives draws what was in progress on each lifeline, from row to row. Overlapping
// activities are merged: there may be as many as spans.
func (d *drawing) lives() {
	on := make([][]int, len(d.Lifelines)) // rows of each lifeline
	for i, r := range d.page.rows {
		for _, lane := range []int{r.From, r.To} {
			if lane != None {
				on[lane] = append(on[lane], i)
			}
		}
	}
	type life struct{ from, to int }
	lives := make([][]life, len(d.Lifelines))
	for _, a := range d.Active {
		rows, all := on[a.Lifeline], &lives[a.Lifeline]
		from := sort.Search(len(rows), func(i int) bool { return d.page.rows[rows[i]].At >= a.Start })
		to := sort.Search(len(rows), func(i int) bool { return d.page.rows[rows[i]].At > a.End }) - 1
		if from >= to || rows[from] == rows[to] {
			continue
		}
		l := life{rows[from], rows[to]}
		if n := len(*all); n > 0 && l.from <= (*all)[n-1].to {
			(*all)[n-1].to = max((*all)[n-1].to, l.to)
		} else {
			*all = append(*all, l)
		}
	}
	for lane, all := range lives {
		for _, l := range all {
			y := d.layout.rows[l.from].y()
			d.printf(`<rect class="live"%s x="%s" y="%s" width="6" height="%s" rx="2"/>`+"\n",
				d.on(l.from, l.to), px(d.x[lane]-3), px(y), px(d.layout.rows[l.to].y()-y))
		}
	}
}

// times draws the time of each row, unless it is the same as above.
func (d *drawing) times() {
	last, lastY := "", -fontSize
	for i, r := range d.page.rows {
		at, y := moment(r.At), d.layout.rows[i].y()
		if !d.live && (at == last || d.layout.rows[i].crowded || y-lastY < fontSize) {
			continue
		}
		lastY = y
		shown := at
		if at == last {
			shown = ""
		}
		last = at
		d.printf(`<text class="time" x="%s" y="%s">%s</text>`+"\n", px(timeWidth-8), px(d.layout.rows[i].y()+4), shown)
	}
}

// drawRow draws a row, relative to y = 0 of its group.
func (d *drawing) drawRow(i int, r *Row) {
	class := "row " + r.Kind.String()
	if r.Failed || r.Kind == Failure {
		class += " failed"
	}
	if d.layout.rows[i].crowded {
		class += " crowded"
	}
	at := d.layout.rows[i]
	d.printf(`<g class="%s"`, class)
	if d.live {
		d.printf(` id="r%d" tabindex="0"`, i)
	}
	d.printf(` transform="translate(0 %s)">`, px(at.y()))
	d.printf(`<title>%s</title>`, xmlText(moment(r.At)+"  "+r.Title()))
	if d.live {
		d.printf(`<rect class="hit" y="%s" width="%s" height="%s"/>`, px(-at.anchor), px(d.width), px(at.height))
	}
	switch {
	case r.Kind == Omitted:
		x, _ := d.label(i, r)
		d.printf(`<path class="line" d="M%s 0H%s"/><text class="label middle" x="%s" y="4">%s</text>`,
			px(timeWidth+8), px(d.width-12), px(x), xmlText(r.Name))
	case r.Kind.Arrow() && r.From != None && r.To != None:
		d.arrow(r)
	default:
		d.mark(i, r)
	}
	if r.Kind != Omitted {
		d.text(i, r)
	}
	d.printf("</g>\n")
}

// text writes the label: above an arrow between lifelines, else beside the mark.
func (d *drawing) text(i int, r *Row) {
	x, middle := d.label(i, r)
	y, class := 4.5, "label"
	if middle {
		y, class = -7, "label middle"
	}
	more := ""
	if len(r.Details) > 0 { // dx, because librsvg drops a space there
		more = `<tspan class="more" dx="4"> ` + xmlText(strings.Join(r.Details, " · ")) + `</tspan>`
	}
	fold := ""
	if d.live && len(r.unfolds()) > 1 {
		fold = `<tspan class="fold">▸ </tspan>`
	}
	d.printf(`<text class="%s" x="%s" y="%s">%s<tspan class="what">%s</tspan>%s</text>`, class, px(x), px(y), fold, xmlText(r.Headline()), more)
}

// arrow draws an arrow between two lifelines.
func (d *drawing) arrow(r *Row) {
	from, to := d.x[r.From], d.x[r.To]
	dir := 1.0
	if to < from {
		dir = -1
	}
	tailless, headless := r.open()
	if tailless {
		from += dir * 14
	}
	if headless {
		to -= dir * 14
	} else if r.Kind == Wake {
		to += d.bar(r.block) - dir*barWidth/2
	}
	d.line(from, to, dir)
	if tailless {
		d.ring(from)
	}
	if headless {
		d.ring(to + dir*4)
	}
}

// line draws a line with a head.
func (d *drawing) line(from, to, dir float64) {
	d.printf(`<path class="line" d="M%s 0H%s"/><path class="head" d="M%s 0l%s -4.5v9z"/>`, px(from), px(to-dir*7), px(to), px(-dir*9))
}

func (d *drawing) ring(x float64) { d.printf(`<circle class="lost" cx="%s" cy="0" r="3.5"/>`, px(x)) }

// mark draws a row on one lifeline.
func (d *drawing) mark(i int, r *Row) {
	x := d.x[r.lane()]
	end := x + d.layout.beside(i, r.lane()) + stub // of an arrow
	switch r.Kind {
	case Block:
		d.printf(`<rect class="bar %s" x="%s" y="-1.5" width="%s" height="3" rx="1.5"/>`, blockColor(r.Reason).class,
			px(x+d.bar(r)-barWidth), px(2*barWidth))
	case Sent:
		d.line(x, end, 1)
		d.ring(end + 4)
	case Wake, Got, Call, Message, Spawn, Return:
		if r.block != nil {
			x += d.bar(r.block)
		}
		d.line(end, x+5, -1)
		d.ring(end)
	case Failure:
		d.printf(`<path class="line" d="M%s -5l10 10m0 -10l-10 10"/>`, px(x-5))
	case End:
		d.printf(`<path class="line" d="M%s 0h16"/>`, px(x-8))
	default:
		d.printf(`<circle class="dot" cx="%s" cy="0" r="3"/>`, px(x))
	}
}

// px returns a length rounded to a tenth of a pixel.
func px(f float64) string { return strconv.FormatFloat(math.Round(f*10)/10, 'f', -1, 64) }

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")

// xmlText escapes text for elements and attributes of XML and HTML. A diagram has no
// control characters, which XML forbids.
func xmlText(s string) string { return xmlEscaper.Replace(s) }
