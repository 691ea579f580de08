package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/wakechain/wakechain/trace/live"
)

// board is the state of top's page, which views and keys change. One goroutine uses it.
type board struct {
	view  *live.View
	err   error // of the latest request
	every time.Duration

	order    string // sortAge, …
	reverse  bool
	filter   string
	typing   bool // keys are text for the filter
	busyOnly bool
	paused   bool
	helping  bool
	all      bool            // all rows are expanded
	open     map[string]bool // rows that are expanded or, with all, collapsed
	chosen   string          // key of the row
	first    int             // row at the top of the list
	page     int             // number of rows in the latest list

	rows []boardRow
}

// boardRow is a goroutine and what it waits for.
type boardRow struct {
	key     string
	g       *live.Goroutine
	w       *live.Wait // nil: it does not wait
	process string
}

// Sort orders of rows.
const (
	sortAge     = "age"
	sortName    = "name"
	sortWaits   = "what is waited for"
	sortProcess = "process"
)

func newBoard(every time.Duration) *board {
	return &board{every: every, order: sortAge, open: map[string]bool{}}
}

// show sets the latest view. If the processes did not answer, the old one stays.
func (b *board) show(got sight) {
	b.err = got.err
	if got.view != nil && !b.paused {
		b.view = got.view
	}
	b.arrange()
}

// key handles a key, and reports whether it ends the program.
func (b *board) key(k string) (quit bool) {
	if k == keyQuit {
		return true
	}
	if b.typing {
		b.typed(k)
		return false
	}
	switch k {
	case "q":
		return true
	case "?":
		b.helping = !b.helping
	case "a", "n", "w", "o":
		order := map[string]string{"a": sortAge, "n": sortName, "w": sortWaits, "o": sortProcess}[k]
		b.reverse = b.order == order && !b.reverse
		b.order = order
	case "r":
		b.reverse = !b.reverse
	case "i":
		b.busyOnly = !b.busyOnly
	case " ":
		b.paused = !b.paused
	case "e":
		b.all = !b.all
		b.open = map[string]bool{}
	case "/":
		b.typing = true
	case keyEscape:
		b.filter, b.helping = "", false
	case keyEnter:
		b.open[b.chosen] = !b.open[b.chosen]
	case keyUp, "k":
		b.move(-1)
	case keyDown, "j":
		b.move(1)
	case keyPageUp:
		b.move(-max(b.page-1, 1))
	case keyPageDn:
		b.move(max(b.page-1, 1))
	case keyHome, "g":
		b.move(-len(b.rows))
	case keyEnd, "G":
		b.move(len(b.rows))
	}
	b.arrange()
	return false
}

// maxFilter is the maximum size of a filter in bytes.
const maxFilter = 100

// typed handles a key of the filter.
func (b *board) typed(k string) {
	switch k {
	case keyEnter:
		b.typing = false
	case keyEscape:
		b.typing, b.filter = false, ""
	case keyDelete:
		_, n := utf8.DecodeLastRuneInString(b.filter)
		b.filter = b.filter[:len(b.filter)-n]
	default:
		if utf8.RuneCountInString(k) == 1 && len(b.filter) < maxFilter {
			b.filter += k
		}
	}
	b.arrange()
}

// move moves the choice by n rows.
func (b *board) move(n int) {
	if len(b.rows) == 0 {
		return
	}
	at := min(max(b.at()+n, 0), len(b.rows)-1)
	b.chosen = b.rows[at].key
}

// at returns the index of the chosen row, or 0 if there is none.
func (b *board) at() int {
	return max(slices.IndexFunc(b.rows, func(r boardRow) bool { return r.key == b.chosen }), 0)
}

// expanded reports whether a row is shown with all details.
func (b *board) expanded(r *boardRow) bool { return b.all != b.open[r.key] }

// arrange sets the rows to those that match the filter, in order.
func (b *board) arrange() {
	b.rows = b.rows[:0]
	if b.view == nil {
		return
	}
	filter := strings.ToLower(b.filter)
	for i := range b.view.Goroutines {
		g := &b.view.Goroutines[i]
		process := ""
		if len(b.view.Processes) > 1 {
			process = b.view.Processes[g.Process].Name
		}
		rows := []boardRow{{key: g.Key, g: g, process: process}}
		if len(g.Waits) > 0 {
			rows = rows[:0]
			for j := range g.Waits {
				rows = append(rows, boardRow{key: g.Key + "/" + strconv.Itoa(j), g: g, w: &g.Waits[j], process: process})
			}
		}
		for _, r := range rows {
			if b.busyOnly && (r.w == nil || r.w.Idle) {
				continue
			}
			if filter != "" && !strings.Contains(strings.ToLower(r.words()), filter) {
				continue
			}
			b.rows = append(b.rows, r)
		}
	}
	slices.SortStableFunc(b.rows, func(x, y boardRow) int {
		c := b.compare(&x, &y)
		if b.reverse {
			c = -c
		}
		return cmp.Or(c, cmp.Compare(x.key, y.key))
	})
	if b.chosen == "" && len(b.rows) > 0 {
		b.chosen = b.rows[0].key
	}
}

// compare orders rows by the sort order, and then by age: blocked ones first, then those
// that run, then idle ones.
func (b *board) compare(x, y *boardRow) int {
	byAge := cmp.Or(cmp.Compare(x.rank(), y.rank()), cmp.Compare(y.age(b.view), x.age(b.view)))
	switch b.order {
	case sortName:
		return cmp.Or(cmp.Compare(x.g.Name, y.g.Name), byAge)
	case sortWaits:
		return cmp.Or(cmp.Compare(x.waits(), y.waits()), byAge)
	case sortProcess:
		return cmp.Or(cmp.Compare(x.g.Process, y.g.Process), byAge)
	default:
		return byAge
	}
}

// rank returns 0 for a blocked row, 1 for one that runs, and 2 for an idle one.
func (r *boardRow) rank() int {
	switch {
	case r.w == nil:
		return 1
	case r.w.Idle:
		return 2
	default:
		return 0
	}
}

// age returns how long the row has been in its state.
func (r *boardRow) age(v *live.View) time.Duration {
	if r.w != nil {
		return r.w.Age
	}
	return max(v.At.Sub(r.g.Since), 0)
}

// name returns the name of the goroutine, and that of the innermost task in it.
func (r *boardRow) name() string {
	name := r.g.Name
	if name == "" {
		name = "(no name)"
	}
	if n := len(r.g.Inner); n > 0 {
		name += " › " + r.g.Inner[n-1]
	}
	if r.process != "" {
		name = r.process + "'s " + name
	}
	return name
}

// waits returns the operation, its reason and its cause.
func (r *boardRow) waits() string {
	switch {
	case r.w == nil:
		return r.g.State
	case r.w.Idle:
		return r.w.Operation + ", idle"
	}
	s := r.w.Operation
	if r.w.Reason != s {
		s += " " + r.w.Reason
	}
	if r.w.Cause != "" {
		s += " " + r.w.Cause
	}
	return s
}

// on returns what it waits on, and the holders.
func (r *boardRow) on() string {
	if r.w == nil {
		return r.g.Site
	}
	var parts []string
	if on := r.w.On; on != nil && on.Name != "" {
		parts = append(parts, on.Kind+" "+on.Name)
	}
	for _, h := range r.w.Holders {
		if h.Name != "" {
			parts = append(parts, "for "+h.Name+", which "+h.What)
		}
	}
	if r.w.Connection != "" {
		parts = append(parts, "on "+r.w.Connection)
	}
	return strings.Join(parts, " ")
}

func (r *boardRow) words() string {
	return r.name() + " " + r.waits() + " " + r.on() + " g" + strconv.FormatInt(r.g.ID, 10)
}
