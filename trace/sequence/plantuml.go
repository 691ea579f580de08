package sequence

import (
	"fmt"
	"strings"
)

// writePlantUML writes a PlantUML sequence diagram.
func writePlantUML(p *page) error {
	p.printf("@startuml\n")
	p.printf("hide footbox\n")
	if p.Title != "" {
		p.printf("title %s\n", umlText(p.Title))
	}
	p.umlParticipants()
	if len(p.Lifelines) == 0 {
		p.printf("participant \"no spans\"\n")
	}
	for _, n := range p.Notes {
		p.printf("note across: %s\n", note(n, umlText, `\n`))
	}
	begin, end := p.loops()
	bars := map[int]bool{None: true}
	for _, r := range p.rows {
		if l := begin[r]; l != nil {
			p.printf("loop ×%d\n", l.Rounds)
			bars[None] = true
		}
		p.umlRow(r)
		p.umlBars(r, bars)
		if end[r] != nil {
			p.printf("end\n")
			bars[None] = true
		}
	}
	if l := p.legend(); l != "" {
		p.printf("note across: %s\n", note(l, umlText, `\n`))
	}
	p.printf("@enduml\n")
	return nil
}

func (p *page) umlParticipants() {
	for i := 0; i < len(p.Lifelines); {
		n := p.service(i)
		if n > 1 {
			p.printf("box \"%s\"\n", umlText(p.Lifelines[i].Service))
		}
		for j := i; j < i+n; j++ {
			l := p.Lifelines[j]
			name := umlText(l.Name)
			switch {
			case l.Name == "":
				name = umlText(l.Service)
			case l.Service != "" && n == 1:
				name = umlText(l.Service) + `\n` + name
			}
			p.printf("participant \"%s\" as p%d\n", name, j)
		}
		if n > 1 {
			p.printf("end box\n")
		}
		i += n
	}
}

func (p *page) umlRow(r *Row) {
	text := umlText(r.Title())
	tail, head := r.open()
	both := r.From != None && r.To != None
	switch {
	case r.Kind == Omitted:
		p.printf("...%s...\n", text)
	case r.Kind == Return && both:
		p.printf("p%d --> p%d : %s\n", r.From, r.To, text)
	case r.Kind.Arrow() && both && tail:
		p.printf("p%d o->> p%d : %s\n", r.From, r.To, text)
	case r.Kind.Arrow() && both && head:
		p.printf("p%d ->>o p%d : %s\n", r.From, r.To, text)
	case r.Kind.Arrow() && both:
		p.printf("p%d -> p%d : %s\n", r.From, r.To, text)
	case r.Kind == Sent:
		p.printf("p%d ->>o? : %s\n", r.From, text)
	case r.Kind == Got || r.Kind == Wake:
		p.printf("?o->> p%d : %s\n", r.To, text)
	default:
		p.printf("note right of p%d : %s\n", r.To, text)
	}
}

// umlBars begins and ends the bars at a row. PlantUML attaches them to the arrow before,
// and allows one on each lifeline. changed has the lifelines with one at this arrow, and
// None if there is no such arrow. If another arrow is needed, it is hidden.
func (p *page) umlBars(r *Row, changed map[int]bool) {
	if r.Kind.Arrow() {
		clear(changed)
	} else if r.Kind == Omitted {
		changed[None] = true
	}
	change := func(lane int) {
		if changed[lane] || changed[None] {
			p.printf("p%d -[hidden]> p%d\n", lane, lane)
			clear(changed)
		}
		changed[lane] = true
	}
	if r.Kind == Block && p.rows[p.ends[r]] != r {
		change(r.To)
		p.printf("activate p%d %s\n", r.To, blockColor(r.Reason).light)
	}
	for _, lane := range p.ending[r] {
		change(lane)
		p.printf("deactivate p%d\n", lane)
	}
}

// umlText escapes all characters that could be a directive, Creole or HTML, as PlantUML's
// Unicode escapes. Creole's marks are pairs, so single ones stay.
func umlText(s string) string {
	var last rune
	return escapes(s, func(r rune) bool {
		single := strings.ContainsRune("_-/:", r) && r != last
		last = r
		return single || alphanumeric(r) || strings.ContainsRune(".,+()", r)
	}, func(r rune) string { return fmt.Sprintf("<U+%04X>", r) })
}
