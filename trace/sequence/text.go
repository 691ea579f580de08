package sequence

import "github.com/wakechain/wakechain/internal/text"

// writeText writes the diagram for a terminal. If its lifelines do not fit into the width,
// it is drawn with fewer.
func writeText(p *page) error {
	t := &terminal{page: p}
	for fit := t.lay(); fit < len(p.Lifelines); fit = t.lay() {
		p.redraw(max(fit, 1), p.cfg.rows)
	}
	t.write()
	return nil
}

// terminal writes rows as lines of cells.
type terminal struct {
	*page
	x           []int // of each lifeline
	first, last []int // rows in which a lifeline begins and ends
	blocked     []int // number of blocks in progress on each lifeline
	row         int   // the current row
	cells       []cell
}

const (
	gutter = 11 // columns for the time
	leastX = 10 // columns between two lifelines

	leastRight = 20 // columns at the right of the last
	noteGap    = 2
)

// lay places the lifelines as far apart as their arrows' labels need, if the width allows
// it. It returns how many fit, which is at least one.
func (t *terminal) lay() int {
	n := len(t.Lifelines)
	t.x, t.first, t.last, t.blocked = make([]int, n), make([]int, n), make([]int, n), make([]int, n)
	gaps := make([]int, n)
	for i, l := range t.Lifelines {
		half := (max(text.Columns(l.Service), text.Columns(l.Name)) + 1) / 2
		gaps[i] = max(gaps[i], half+1)
		if i+1 < n {
			gaps[i+1] = max(leastX, half+2)
		}
		t.first[i], t.last[i] = len(t.rows), -1
	}
	for i := 1; i < n; i++ {
		l := t.Lifelines[i]
		gaps[i] = max(gaps[i], (max(text.Columns(t.Lifelines[i-1].Service), text.Columns(t.Lifelines[i-1].Name))+
			max(text.Columns(l.Service), text.Columns(l.Name)))/2+3)
	}
	least := append([]int(nil), gaps...)
	right := leastRight // for notes at the last lifeline
	for i, r := range t.rows {
		for _, l := range []int{r.From, r.To} {
			if l != None {
				t.first[l], t.last[l] = min(t.first[l], i), max(t.last[l], i)
			}
		}
		w := text.Columns(r.Title())
		switch {
		case r.Kind == Omitted:
		case r.Kind.Arrow() && r.From != None && r.To != None:
			if d := r.From - r.To; d == 1 || d == -1 {
				gaps[max(r.From, r.To)] = max(gaps[max(r.From, r.To)], min(w+12, 52))
			}
		case max(r.From, r.To) == n-1:
			right = max(right, min(w+5, 46))
		default:
			gaps[max(r.From, r.To)+1] = max(gaps[max(r.From, r.To)+1], min(w+6, 40))
		}
	}
	room := t.cfg.width - gutter - right
	for sum(gaps) > room && sum(gaps) > sum(least) {
		widest := 0
		for i := range gaps {
			if gaps[i]-least[i] > gaps[widest]-least[widest] {
				widest = i
			}
		}
		gaps[widest]--
	}
	at := gutter
	for i, g := range gaps {
		at += g
		t.x[i] = at
	}
	fit := n
	for fit > 1 && t.x[fit-1]+leastRight > t.cfg.width {
		fit--
	}
	return fit
}

func sum(ns []int) int {
	total := 0
	for _, n := range ns {
		total += n
	}
	return total
}

func (t *terminal) write() {
	if t.Title != "" {
		t.blank()
		t.put(1, t.Title, bold)
		t.flush()
		t.flush()
	}
	for _, n := range t.Notes {
		t.wrap("⚠ "+n, 1, t.cfg.width-1, faint, func() { t.blank() })
	}
	if len(t.rows) == 0 {
		t.blank()
		t.put(1, "no spans", plain)
		t.flush()
		return
	}
	t.header()
	for i, r := range t.rows {
		t.row = i
		t.pause(i)
		t.draw(r)
		if r.Kind == Block && t.ends[r] > i {
			t.blocked[r.To]++
		}
		for _, lane := range t.ending[r] {
			t.blocked[lane]--
		}
	}
	t.row = len(t.rows)
	if l := t.legend(); l != "" {
		t.blank()
		t.flush()
		t.wrap(l, 1, t.cfg.width-1, faint, func() { t.blank() })
	}
}

// header writes the names of the services, and below them those of their goroutines.
func (t *terminal) header() {
	services, names := false, false
	for _, l := range t.Lifelines {
		services, names = services || l.Service != "", names || l.Name != ""
	}
	t.blank()
	for i := 0; i < len(t.Lifelines); {
		n := t.service(i)
		s := t.Lifelines[i].Service
		t.put((t.x[i]+t.x[i+n-1])/2-text.Columns(s)/2, s, bold)
		if n > 1 {
			width := text.Columns(s)
			for x := t.x[i]; x <= t.x[i+n-1]; x++ {
				if d := x - ((t.x[i]+t.x[i+n-1])/2 - width/2); d < -1 || d > width {
					t.put(x, "─", faint)
				}
			}
		}
		i += n
	}
	if services {
		t.flush()
	}
	t.blank()
	for i, l := range t.Lifelines {
		t.put(t.x[i]-text.Columns(l.Name)/2, l.Name, plain)
	}
	if names {
		t.flush()
	}
}

// pause writes empty lines for the time before the row.
func (t *terminal) pause(i int) {
	if i == 0 || t.Length <= 0 {
		return
	}
	n := 0
	switch gap := min(float64(t.rows[i].At-t.rows[i-1].At)/float64(t.Length), 1); {
	case t.cfg.scale == Linear:
		const height = 60 // lines for the whole length
		n = int(height*gap) - 1
	case gap >= 0.25:
		n = 2
	case gap >= 0.05:
		n = 1
	}
	for range n {
		t.rails()
		t.flush()
	}
}

// draw writes the lines of a row.
func (t *terminal) draw(r *Row) {
	t.rails()
	at := moment(r.At)
	if t.row > 0 && at == moment(t.rows[t.row-1].At) {
		at = ""
	}
	t.put(gutter-1-text.Columns(at), at, faint)
	st := rowStyle(r)
	switch {
	case r.Kind == Omitted:
		for i, line := range broken(r.Name, t.cfg.width-gutter-6) {
			if i > 0 {
				t.rails()
			}
			for x := gutter + 1; x < t.cfg.width-1; x += 2 {
				t.put(x, "·", faint)
			}
			t.put((gutter+t.cfg.width-text.Columns(line))/2-1, " "+line+" ", faint)
			t.flush()
		}
	case r.Kind.Arrow() && r.From != None && r.To != None:
		t.arrow(r, st)
	default:
		t.note(r, st)
	}
}

func rowStyle(r *Row) style {
	switch {
	case r.Failed || r.Kind == Failure:
		return red
	case r.Kind == Block:
		return orange
	case r.Kind == Wake:
		return green
	case r.Kind == Return:
		return cyan
	default:
		return plain
	}
}

// arrow draws an arrow with its label in it or, if that is too long, above.
func (t *terminal) arrow(r *Row, st style) {
	from, to := t.x[r.From], t.x[r.To]
	step, head, tail := 1, "▶", "├"
	if to < from {
		step, head, tail = -1, "◀", "┤"
	}
	label := r.Title()
	left, right := min(from, to)+2, max(from, to)-2
	tailless, headless := r.open()
	if tailless && step > 0 || headless && step < 0 {
		left += 2
	}
	if tailless && step < 0 || headless && step > 0 {
		right -= 2
	}
	room := right - left - 3
	if text.Columns(label) > room {
		t.wrapAfter(label, left, t.cfg.width-left, st)
		label = ""
	}
	line := "─"
	if r.Kind == Return {
		line = "╌"
	}
	begin, end := from+step, to-step
	if tailless {
		begin = from + 2*step
	}
	if headless {
		end = to - 3*step
	}
	for x := begin; x != end; x += step {
		t.put(x, line, st)
	}
	t.put(end, head, st)
	switch {
	case tailless:
		t.put(begin, "○", st)
	case headless:
		t.put(from, tail, st)
		t.put(to-2*step, "○", st)
	default:
		t.put(from, tail, st)
	}
	if label != "" {
		t.put(left+(right-left+1-text.Columns(label)-2)/2, " "+label+" ", st)
	}
	t.flush()
}

// note draws a row on one lifeline: a mark on it, and the text to its right or, if there is
// little room, to its left.
func (t *terminal) note(r *Row, st style) {
	lane := r.To
	if lane == None {
		lane = r.From
	}
	x := t.x[lane]
	mark, link := "├", "─"
	switch r.Kind {
	case Block:
		mark, link = "┏", ""
	case Wake, Got:
		link = "◀─"
	case Sent:
		link = "─▶○"
	case End:
		mark = "┴"
	case Failure:
		mark = "✗"
	}
	title := r.Title()
	room := t.cfg.width - x - noteGap - text.Columns(link)
	// The left side is used only if no other lifeline is in the way.
	if text.Columns(title) > room && room < 2*leastX && lane > 0 && x-t.x[lane-1]-noteGap-text.Columns(link) > max(room, text.Columns(title)) {
		switch r.Kind {
		case Block:
			mark, link = "┓", ""
		case Wake, Got:
			link = "─▶"
		case Sent:
			link = "○◀─"
		case End, Failure:
		default:
			mark = "┤"
		}
		t.put(x, mark, st)
		t.put(x-text.Columns(link), link, st)
		t.put(x-text.Columns(link)-1-text.Columns(title), title, st)
		t.flush()
		return
	}
	t.put(x, mark, st)
	t.put(x+1, link, st)
	t.wrap(title, x+noteGap+text.Columns(link), max(room, 12), st, t.rails)
}
