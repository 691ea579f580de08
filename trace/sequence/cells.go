package sequence

import (
	"strings"
	"unicode"
)

// cell is one column of a line; a zero rune is the right half of a wide one.
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

// wrap writes text at x, in as many lines as it needs, each but the first on a
// line that begin prepares.
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

// wrapAfter is wrap, and begins the next line.
func (t *terminal) wrapAfter(text string, x, width int, st style) {
	t.wrap(text, x, width, st, t.rails)
	t.rails()
}

// broken breaks text into lines: before a detail, else at a space, or where it
// must.
func broken(text string, width int) []string {
	var words []string
	for _, detail := range strings.SplitAfter(text, " · ") {
		detail = strings.TrimSpace(detail)
		if columns(detail) <= width {
			words = append(words, detail)
		} else {
			words = append(words, strings.Fields(detail)...)
		}
	}
	var lines []string
	line := ""
	for _, word := range words {
		for columns(word) > width {
			n := fitting(word, width)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, word[:n]), word[n:]
		}
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) > width:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	return append(lines, line)
}

// fitting returns how many bytes of s fit into a width, at least one character.
func fitting(s string, width int) int {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > width && i > 0 {
			return i
		}
	}
	return len(s)
}

// blank begins a line.
func (t *terminal) blank() { t.cells = make([]cell, 0, t.cfg.width) }

// rails begins a line with the lifelines in progress.
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

// put writes s from the column x on.
func (t *terminal) put(x int, s string, st style) {
	for _, r := range s {
		w := runeColumns(r)
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

// columns returns the width of s on a terminal.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case unicode.Is(unicode.Mn, r):
		return 0
	case r >= 0x1100 && (r <= 0x115F || r >= 0x2E80 && r <= 0xA4CF || r >= 0xAC00 && r <= 0xD7A3 ||
		r >= 0xF900 && r <= 0xFAFF || r >= 0xFE30 && r <= 0xFE6F || r >= 0xFF00 && r <= 0xFF60 ||
		r >= 0xFFE0 && r <= 0xFFE6 || r >= 0x1F300 && r <= 0x1FAFF || r >= 0x20000 && r <= 0x3FFFD):
		return 2
	default:
		return 1
	}
}
