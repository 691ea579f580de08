package sequence

import (
	"strings"

	"github.com/wakechain/wakechain/internal/text"
)

// key is what a color means.
type key struct{ Class, What string }

func (k key) width() float64 { return 15 + textWidth(k.What)*12/fontSize + 18 }

// colors returns the meanings of the colors in the rows.
func (p *page) colors() (all []key) {
	has := make(map[string]bool)
	for _, r := range p.rows {
		switch {
		case r.Kind == Block:
			has["bar "+blockColor(r.Reason).class] = true
		case r.Kind == Wake:
			has["bar wakes"] = true
		}
		if r.Failed || r.Kind == Failure {
			has["bar fails"] = true
		}
	}
	for _, k := range []key{
		{"bar net", "waits to write or dial"},
		{"bar in", "waits to read, to accept or for a pong"},
		{"bar sync", "waits for another goroutine"},
		{"bar idle", "sleeps"},
		{"bar wakes", "was woken"},
		{"bar fails", "failed"},
	} {
		if has[k.Class] {
			all = append(all, k)
		}
	}
	return all
}

// keys returns the colors in lines that fit into a width.
func (p *page) keys(width float64) (lines [][]key) {
	room := 0.0
	for _, k := range p.colors() {
		if room -= k.width(); room < 0 {
			lines, room = append(lines, nil), width-k.width()
		}
		lines[len(lines)-1] = append(lines[len(lines)-1], k)
	}
	return lines
}

// remarks returns the notes and the legend, in lines that fit.
func (p *page) remarks(l *layout) []string {
	width := l.width - 24
	var lines []string
	if l.crowded > 0 {
		lines = append(lines, broken("⚠ "+noRoom(l.crowded), int(width/7))...)
	}
	for _, n := range p.Notes {
		lines = append(lines, broken("⚠ "+n, int(width/7))...)
	}
	if l := p.legend(); l != "" {
		lines = append(lines, broken(l, int(width/7))...)
	}
	return lines
}

// noRoom describes how many rows are left out if time is linear.
func noRoom(n int) string {
	return text.Counted(n, "row") + " left out, for which there is no room where time is linear"
}

// legend explains the open arrows. It returns "" if there are none.
func (p *page) legend() string {
	var message, woken bool
	for _, r := range p.rows {
		if tail, head := r.open(); (tail || head) && r.From != None && r.To != None {
			message = message || r.Kind != Wake
			woken = woken || r.Kind == Wake
		}
	}
	var parts []string
	if message {
		parts = append(parts, "a message whose other end is not known, or is a row much earlier or later")
	}
	if woken {
		parts = append(parts, "a wake by the peer, by which of its spans is not known")
	}
	if len(parts) == 0 {
		return ""
	}
	return "Open arrow: " + strings.Join(parts, "; ") + "."
}
