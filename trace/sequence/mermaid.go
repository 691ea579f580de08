package sequence

import (
	"fmt"
	"strings"
)

// maxMermaid limits the text, in characters. Mermaid refuses texts above its maxTextSize,
// which is 50,000 by default.
const maxMermaid = 48_000

// writeMermaid writes a sequenceDiagram, with fewer rows if the text would be too long.
func writeMermaid(p *page) error {
	for n := len(p.rows); ; n /= 2 {
		p.show(limited(p.rows, max(n, 1)))
		p.out.Reset()
		p.mermaid()
		if n <= 1 || len([]rune(p.out.String())) <= maxMermaid {
			return nil
		}
	}
}

func (p *page) mermaid() {
	p.printf("sequenceDiagram\n")
	if p.Title != "" {
		p.printf("    title %s\n", mermaidText(p.Title))
	}
	p.mermaidParticipants()
	if len(p.Lifelines) == 0 {
		p.printf("    participant p0 as no spans\n")
	}
	all := "p0"
	if last := len(p.Lifelines) - 1; last > 0 {
		all = fmt.Sprintf("p0,p%d", last)
	}
	for _, n := range p.Notes {
		p.printf("    Note over %s: %s\n", all, note(n, mermaidText, "<br/>"))
	}
	begin, end := p.loops()
	for _, r := range p.rows {
		if l := begin[r]; l != nil {
			p.printf("    loop ×%d\n", l.Rounds)
		}
		p.mermaidRow(r, all)
		if end[r] != nil {
			p.printf("    end\n")
		}
	}
	if l := p.legend(); l != "" {
		p.printf("    Note over %s: %s\n", all, note(l, mermaidText, "<br/>"))
	}
}

// mermaidParticipants declares the lifelines. Those of one service are in a box.
func (p *page) mermaidParticipants() {
	for i := 0; i < len(p.Lifelines); {
		n := p.service(i)
		if n > 1 {
			// Mermaid takes the first word of the title for a colour if it is one.
			p.printf("    box transparent %s\n", mermaidText(p.Lifelines[i].Service))
		}
		for j := i; j < i+n; j++ {
			l := p.Lifelines[j]
			var lines []string
			for _, s := range []string{l.Service, l.Name} {
				if s != "" && (n == 1 || s != l.Service || l.Name == "") {
					lines = append(lines, mermaidText(s))
				}
			}
			p.printf("    participant p%d as %s\n", j, strings.Join(lines, "<br/>"))
		}
		if n > 1 {
			p.printf("    end\n")
		}
		i += n
	}
}

// service returns how many lifelines, starting at the i-th, belong to the same service.
func (p *page) service(i int) int {
	n := 1
	for i+n < len(p.Lifelines) && p.Lifelines[i+n].Service == p.Lifelines[i].Service {
		n++
	}
	return n
}

func (p *page) mermaidRow(r *Row, all string) {
	text := mermaidText(r.Title())
	own := r.To
	if own == None {
		own = r.From
	}
	arrow := "->>"
	if tail, head := r.open(); tail || head {
		arrow = "-)"
	}
	switch {
	case r.Kind == Omitted:
		p.printf("    Note over %s: %s\n", all, text)
	case r.Kind.Arrow() && r.From != None && r.To != None && r.Kind == Return:
		p.printf("    p%d-->>p%d: %s\n", r.From, r.To, text)
	case r.Kind.Arrow() && r.From != None && r.To != None:
		p.printf("    p%d%sp%d: %s\n", r.From, arrow, r.To, text)
	default:
		p.printf("    Note right of p%d: %s\n", own, text)
	}
	if r.Kind == Block && p.rows[p.ends[r]] != r {
		p.printf("    activate p%d\n", r.To)
	}
	for _, lane := range p.ending[r] {
		p.printf("    deactivate p%d\n", lane)
	}
}

// mermaidText escapes all characters that could be Mermaid's syntax, HTML or Markdown, as
// Mermaid's character codes (#35;).
func mermaidText(s string) string {
	return escapes(s, func(r rune) bool {
		return alphanumeric(r) || strings.ContainsRune("._-,+/()", r)
	}, func(r rune) string { return fmt.Sprintf("#%d;", r) })
}
