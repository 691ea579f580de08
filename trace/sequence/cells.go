package sequence

import (
	"strings"

	"github.com/wakechain/wakechain/internal/text"
)

// cell is one column of a line. A zero rune is the right half of a wide one.
type cell struct {
	r     rune
	style style
}

// style is an SGR parameter of a terminal, "" for plain text.
type style string

const (
	plain  style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	orange style = "33"
	cyan   style = "36"
)

// wrap writes text at x, in as many lines as it needs. It calls begin before each line
// except the first.
func (t *terminal) wrap(text string, x, width int, st style, begin func()) {
	for i, line := range broken(text, width) {
		if i > 0 {
			begin()
		} else if t.cells == nil {
			t.blank()
		}
		t.put(x, line, st)
		t.flush()
	}
}

// wrapAfter is wrap, and then begins the next line.
func (t *terminal) wrapAfter(text string, x, width int, st style) {
	t.wrap(text, x, width, st, t.rails)
	t.rails()
}

// broken breaks s into lines: before a detail, else at a space, or else inside a word.
func broken(s string, width int) []string {
	var words []string
	for _, detail := range strings.SplitAfter(s, " · ") {
		detail = strings.TrimSpace(detail)
		if text.Columns(detail) <= width {
			words = append(words, detail)
		} else {
			words = append(words, strings.Fields(detail)...)
		}
	}
	var lines []string
	line := ""
	for _, word := range words {
		for text.Columns(word) > width {
			n := fitting(word, width)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, word[:n]), word[n:]
		}
		switch {
		case line == "":
			line = word
		case text.Columns(line)+1+text.Columns(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// fitting returns how many bytes of s fit into a width, but at least one character.
func fitting(s string, width int) int {
	n := 0
	for i, r := range s {
		if n += text.RuneColumns(r); n > width && i > 0 {
			return i
		}
	}
	return len(s)
}

// blank begins a line.
func (t *terminal) blank() { t.cells = make([]cell, 0, t.cfg.width) }

// rails begins a line with the lifelines that have begun and not ended.
func (t *terminal) rails() {
	t.blank()
	for i, x := range t.x {
		switch {
		case t.row < t.first[i] || t.row > t.last[i]:
		case t.blocked[i] > 0:
			t.put(x, "┃", orange)
		default:
			t.put(x, "│", faint)
		}
	}
}

// put writes s, starting at column x.
func (t *terminal) put(x int, s string, st style) {
	for _, r := range s {
		w := text.RuneColumns(r)
		if w == 0 {
			continue
		}
		for len(t.cells) < x+w {
			t.cells = append(t.cells, cell{r: ' '})
		}
		if x >= 0 && x+w <= t.cfg.width {
			t.cells[x] = cell{r, st}
			if w == 2 {
				t.cells[x+1] = cell{0, st}
			}
		}
		x += w
	}
}

// flush writes the line.
func (t *terminal) flush() {
	n := len(t.cells)
	for n > 0 && t.cells[n-1].r == ' ' {
		n--
	}
	now := plain
	for _, c := range t.cells[:n] {
		if c.r == 0 {
			continue
		}
		if t.cfg.color && c.style != now && (c.r != ' ' || c.style == plain) {
			t.out.WriteString("\x1b[0" + strings.TrimSuffix(";"+string(c.style), ";") + "m")
			now = c.style
		}
		t.out.WriteRune(c.r)
	}
	if now != plain {
		t.out.WriteString("\x1b[0m")
	}
	t.out.WriteByte('\n')
	t.cells = nil
}
