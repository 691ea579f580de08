package sequence

import "strings"

// writeJS writes the notation of js-sequence-diagrams. It has notes and four arrows, and no
// escapes: characters of the syntax are replaced.
func writeJS(p *page) error {
	if p.Title != "" {
		p.printf("Title: %s\n", jsText(p.Title))
	}
	names := p.jsNames()
	if len(names) == 0 {
		names = []string{"no spans"}
	}
	for _, n := range names {
		p.printf("participant %s\n", n)
	}
	all := names[0]
	if len(names) > 1 {
		all += "," + names[len(names)-1]
	}
	for _, n := range p.Notes {
		p.printf("Note over %s: %s\n", all, note(n, jsText, `\n`))
	}
	for _, r := range p.rows {
		p.jsRow(r, names, all)
	}
	if l := p.legend(); l != "" {
		p.printf("Note over %s: %s\n", all, note(l, jsText, `\n`))
	}
	return nil
}

func (p *page) jsRow(r *Row, names []string, all string) {
	text := jsText(r.Title())
	arrow := "->"
	if tail, head := r.open(); tail || head {
		arrow = "->>"
	} else if r.Kind == Return {
		arrow = "-->"
	}
	switch {
	case r.Kind == Omitted:
		p.printf("Note over %s: %s\n", all, text)
	case r.Kind.Arrow() && r.From != None && r.To != None:
		p.printf("%s%s%s: %s\n", names[r.From], arrow, names[r.To], text)
	case r.To == None:
		p.printf("Note right of %s: %s\n", names[r.From], text)
	default:
		p.printf("Note right of %s: %s\n", names[r.To], text)
	}
}

// jsNames returns a unique name for each lifeline.
func (p *page) jsNames() []string {
	services := make(map[string]int)
	for _, l := range p.Lifelines {
		services[l.Service]++
	}
	used := make(map[string]bool)
	var names []string
	for _, l := range p.Lifelines {
		name := l.Service
		if name == "" || l.Absent || services[l.Service] > 1 && l.Name != "" {
			name = strings.TrimSpace(l.Service + " " + l.Name)
		}
		name = jsName(name)
		for used[name] {
			name += "'"
		}
		used[name] = true
		names = append(names, name)
	}
	return names
}

// jsName returns the name of an actor. An actor's name ends at an arrow, a colon or a
// comma, and must not begin like a keyword, unless it is in quotes. An alias is recognised
// even in quotes, so the word "as" must not stand alone.
func jsName(s string) string {
	s = strings.Map(func(r rune) rune {
		switch r {
		case '"', '\\':
			return '\''
		default:
			return r
		}
	}, strings.TrimSpace(s))
	words := strings.Fields(s)
	for i, w := range words {
		if strings.EqualFold(w, "as") && i > 0 && i < len(words)-1 {
			words[i] = "_" + w
		}
	}
	if s = strings.Join(words, " "); s == "" {
		s = "_"
	}
	for _, keyword := range []string{"participant", "left of", "right of", "over", "note", "title", "#"} {
		if strings.HasPrefix(strings.ToLower(s), keyword) {
			return `"` + s + `"`
		}
	}
	if strings.ContainsAny(s, "->:,") {
		return `"` + s + `"`
	}
	return s
}

// jsText returns the text of a message or a note. A backslash would begin an escape.
func jsText(s string) string {
	return strings.ReplaceAll(strings.TrimSpace(s), `\`, "/")
}
