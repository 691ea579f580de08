package sequence

import (
	"math"
	"slices"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// Sizes of a drawing, in pixels at its natural scale.
const (
	fontSize   = 13.0
	timeWidth  = 76.0 // for the time at the left
	headHeight = 58.0 // for the boxes with the names
	leastGap   = 90.0 // between two lifelines
	barWidth   = 10.0
	barStep    = 12.0 // from one bar to the next beside it
	stub       = 40.0 // length of an arrow that comes from or goes outside
	labelGap   = 15.0 // from a lifeline to the text beside it
)

// layout is where everything is drawn.
type layout struct {
	page          *page
	mostGap       float64   // the maximum gap between two lifelines for one label
	width, height float64   // of the body, below the head
	x             []float64 // of each lifeline
	half          []float64 // half the width of the box with its name
	rows          []place
	first, last   []int // rows in which a lifeline begins and ends
	linear        float64
	crowded       int // how many rows are crowded
}

// place is the position of a row: it begins at top, and its event is drawn at top+anchor.
type place struct {
	top, height, anchor float64
	pause               float64 // the gap before it, if time is compact
	time                float64 // from 0 to 1
	crowded             bool    // time is linear, and the row has no room
	left, right         float64
}

func (p place) y() float64 { return p.top + p.anchor }

// Maximum sizes of a drawing by default. labelGaps are the values of layout.mostGap, in the
// order in which they are tried.
const (
	fitWidth  = 1_200.0
	fitHeight = 2_000.0
)

var labelGaps = []float64{480, 340, 220, 140}

// layout places the lifelines and the rows. If the width is too large, labels get less
// room.
func (p *page) layout() *layout {
	var l *layout
	for _, gap := range labelGaps {
		l = &layout{page: p, mostGap: gap}
		if l.across(p); l.width <= fitWidth {
			break
		}
	}
	l.down(p)
	return l
}

// fit is layout, but with fewer rows if the height exceeds fitHeight-room, unless the page
// scrolls, time is linear or the limit of rows was set, and with fewer lifelines if the
// width exceeds fitWidth, unless their limit was set.
func (p *page) fit(room float64) *layout {
	limit := p.limit
	for {
		l := p.layout()
		n := len(p.Lifelines)
		switch {
		case !p.fixed && !p.scrolls && p.cfg.scale == Compact && l.height > fitHeight-room && len(p.rows) > 10:
			p.limit = min(int(float64(len(p.rows))*(fitHeight-room)/l.height), len(p.rows)-1)
			p.show(limited(p.Diagram.Rows, p.limit))
		case l.width > fitWidth && n > 2 && !p.cfg.asked:
			p.redraw(min(max(int(float64(n)*fitWidth/l.width), 2), n-1), limit)
		default:
			return l
		}
	}
}

// across places the lifelines so that labels fit between them.
func (l *layout) across(p *page) {
	n := len(p.Lifelines)
	l.x, l.half, l.first, l.last = make([]float64, n), make([]float64, n), make([]int, n), make([]int, n)
	gaps := make([]float64, n+1) // before each lifeline, and after the last
	gaps[n] = 40
	for i, line := range p.Lifelines {
		l.half[i] = max(textWidth(line.Service)*1.08, textWidth(line.Name), 70)/2 + 14
		if p.service(i) > 1 || i > 0 && p.Lifelines[i-1].Service == line.Service {
			l.half[i] = max(textWidth(line.Name), 56)/2 + 12
		}
		l.first[i], l.last[i] = len(p.rows), -1
		gaps[i] = max(gaps[i], l.half[i]+10)
		if i > 0 {
			gaps[i] = max(leastGap, l.half[i-1]+l.half[i]+16)
		}
		gaps[i+1] = max(gaps[i+1], l.half[i]+10)
	}
	for i := 0; i < n; {
		// A service's name must fit over its lifelines.
		k := p.service(i)
		if lack := textWidth(p.Lifelines[i].Service)*1.08 + 28 - l.span(gaps, i, i+k-1) - l.half[i] - l.half[i+k-1]; lack > 0 && k > 1 {
			gaps[i+1] += lack
		}
		i += k
	}
	for i, r := range p.rows {
		for _, lane := range []int{r.From, r.To} {
			if lane != None {
				l.first[lane], l.last[lane] = min(l.first[lane], i), max(l.last[lane], i)
			}
		}
		width := textWidth(r.Title())
		low, high := min(r.From, r.To), max(r.From, r.To)
		switch {
		case r.Kind == Omitted:
		case r.Kind.Arrow() && low != None && low != high:
			if lack := min(width+40+l.beside(i, low), l.mostGap) - l.span(gaps, low, high); lack > 0 {
				gaps[high] += lack
			}
		case high == n-1:
			gaps[n] = max(gaps[n], labelGap+l.beside(i, high)+stub+width+16)
		default:
			w := labelGap + l.beside(i, high) + width + 24
			if r.Kind.Arrow() {
				w += stub
			}
			gaps[high+1] = max(gaps[high+1], min(w, l.mostGap))
		}
	}
	at := timeWidth
	for i := range p.Lifelines {
		at += gaps[i]
		l.x[i] = at
	}
	l.width = max(at+gaps[n], 520)
	for i, r := range p.rows {
		if r.Kind == Omitted {
			l.width = max(l.width, timeWidth+textWidth(r.Name)+60)
		} else if x, middle := l.label(i, r); !middle {
			l.width = max(l.width, x+textWidth(r.Title())+16)
		}
	}
	l.width = math.Ceil(l.width)
}

// span returns the distance between two lifelines.
func (l *layout) span(gaps []float64, low, high int) float64 {
	total := 0.0
	for _, g := range gaps[low+1 : high+1] {
		total += g
	}
	return total
}

// down places the rows.
func (l *layout) down(p *page) {
	l.rows = make([]place, len(p.rows))
	dense := 0.0
	for i, r := range p.rows {
		at := &l.rows[i]
		at.height, at.anchor = 26, 13
		if r.Kind.Arrow() && r.From != None && r.To != None {
			at.height, at.anchor = 36, 27
		}
		if r.Kind == Omitted {
			at.height, at.anchor = 34, 17
		}
		if p.Length > 0 {
			at.time = min(float64(r.At)/float64(p.Length), 1)
			if i > 0 {
				at.pause = pauseHeight(r.At-p.rows[i-1].At, p.Length)
			}
		}
		dense += at.height
		at.left, at.right = l.extent(i, r)
	}
	most := fitHeight - 200
	if p.scrolls {
		most = 8_000
	}
	l.linear = min(max(1.5*dense, 640), most)
	bottom := 10.0
	for i := range l.rows {
		at := &l.rows[i]
		at.top = bottom + at.pause
		if p.cfg.scale == Linear {
			at.top = linearTop + at.time*l.linear - at.anchor
		}
		bottom = max(bottom, at.top+at.height)
	}
	if p.cfg.scale == Linear {
		l.crowd(p)
	}
	l.height = math.Ceil(bottom + 16)
}

// linearTop is where linear time begins; above it is room for the first row.
const linearTop = 40.0

// crowd leaves out the rows that overlap more important ones.
func (l *layout) crowd(p *page) {
	var placed []*place
	for _, i := range byWorth(p.rows) {
		at := &l.rows[i]
		if at.crowded = p.rows[i].Kind == Omitted || slices.ContainsFunc(placed, at.overlaps); at.crowded {
			l.crowded++
		} else {
			placed = append(placed, at)
		}
	}
}

// overlaps reports whether the two rows would overlap in the drawing.
func (p *place) overlaps(q *place) bool {
	return p.left < q.right && q.left < p.right && p.top < q.top+q.height && q.top < p.top+p.height
}

// extent returns the horizontal range of a row.
func (l *layout) extent(i int, r *Row) (left, right float64) {
	x, middle := l.label(i, r)
	width := textWidth(r.Title())
	if middle {
		x -= width / 2
	}
	left, right = x, x+width
	for _, lane := range []int{r.From, r.To} {
		if lane != None {
			left, right = min(left, l.x[lane]-barWidth), max(right, l.x[lane]+barWidth)
		}
	}
	return left, right
}

// pauseHeight returns the gap for a pause if time is compact. Below a fiftieth of the whole
// it is none, and above it grows less than in proportion.
func pauseHeight(d, whole time.Duration) float64 {
	share := min(float64(d)/float64(whole), 1)
	if share < 0.02 {
		return 0
	}
	return math.Round(8 + 42*math.Sqrt(share))
}

// label returns the x of a row's text, and whether that is its middle.
func (l *layout) label(i int, r *Row) (x float64, middle bool) {
	half := textWidth(r.Title()) / 2
	switch {
	case r.Kind == Omitted:
		x = l.clear(i, -1, len(l.x), half)
	case r.Kind.Arrow() && r.From != None && r.To != None:
		x = l.clear(i, min(r.From, r.To), max(r.From, r.To), half)
	default:
		x = l.x[r.lane()] + labelGap + l.beside(i, r.lane())
		if r.Kind.Arrow() {
			x += stub
		}
		return x, false
	}
	return min(max(x, timeWidth+half+4), max(l.width-half-8, timeWidth+half+4)), true
}

// clear returns the place nearest to the middle between two lifelines at which a text
// crosses no lifeline or bar, or else the middle. Before the first lifeline and after the
// last one are the edges of the drawing.
func (l *layout) clear(i, low, high int, half float64) float64 {
	edge := func(lane int) float64 {
		switch {
		case lane < 0:
			return timeWidth
		case lane == len(l.x):
			return l.width
		default:
			return l.x[lane]
		}
	}
	middle := (edge(low) + edge(high)) / 2
	best, found := middle, false
	for lane := low; lane < high; lane++ {
		left, right := edge(lane)+half+barWidth, edge(lane+1)-half-barWidth
		if lane >= 0 {
			left += l.beside(i, lane)
		}
		if left > right {
			continue
		}
		if at := min(max(middle, left), right); !found || math.Abs(at-middle) < math.Abs(best-middle) {
			best, found = at, true
		}
	}
	return best
}

// bar returns the distance of a block's bar from the lifeline, to the right.
func (l *layout) bar(block *Row) float64 { return barStep * float64(l.page.slots[block]) }

// beside returns how far bars extend to the right of a lifeline at the i-th row.
func (l *layout) beside(i, lane int) float64 {
	return barStep * float64(max(l.page.beside[i][lane]-1, 0))
}

// textWidth returns the maximum width of s in pixels, in a sans-serif font of size
// fontSize: no font is known to be wider than DejaVu Sans.
func textWidth(s string) float64 {
	em := 0.0
	for _, r := range s {
		switch {
		case text.RuneColumns(r) == 0:
		case text.RuneColumns(r) == 2:
			em += 1.05
		case r == 'm' || r == 'w' || r == 'M' || r == 'W' || r == '@' || r == '%' || r == '…':
			em += 0.99
		case r == 'i' || r == 'j' || r == 'l' || r == 'I':
			em += 0.3
		case r == ' ' || r == '.' || r == ',' || r == ':' || r == ';' || r == '|' || r == '·' || r == '\'':
			em += 0.34
		case r == 'f' || r == 't' || r == 'r' || r == '/' || r == '(' || r == ')' || r == '-' || r == '[' || r == ']':
			em += 0.42
		case r >= 'A' && r <= 'Z' || r == '+' || r == '=' || r == '×' || r == '✗' || r == '→' || r == '<' || r == '>':
			em += 0.8
		default:
			em += 0.64
		}
	}
	return em * fontSize
}
