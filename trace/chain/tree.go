package chain

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/internal/text"
)

// TreeOption configures [Chain.WriteTree].
type TreeOption interface{ applyTree(*treeConfig) }

type treeConfig struct {
	width, lines, depth int
	ascii, unfolded     bool
	untimed             bool
	keys                []attribute.Key
	only                func(*Span) bool
}

type treeFunc func(*treeConfig)

func (f treeFunc) applyTree(c *treeConfig) { f(c) }

// WithWidth cuts lines to n columns. By default, and for n <= 0, they are not cut.
func WithWidth(n int) TreeOption { return treeFunc(func(c *treeConfig) { c.width = n }) }

// WithMaxLines prints at most n lines. If there are more, the last one has the number of
// spans that are missing. By default, and for n <= 0, all are printed.
func WithMaxLines(n int) TreeOption { return treeFunc(func(c *treeConfig) { c.lines = n }) }

// WithMaxDepth prints at most n levels, up to 1,000, and the number of spans below them.
// The default, also for n <= 0, is 64. Each level takes three columns.
func WithMaxDepth(n int) TreeOption {
	return treeFunc(func(c *treeConfig) { c.depth = min(n, deepest) })
}

// WithASCII draws with ASCII only and escapes everything else.
func WithASCII() TreeOption { return treeFunc(func(c *treeConfig) { c.ascii = true }) }

// WithoutFolding gives each span a line of its own.
func WithoutFolding() TreeOption { return treeFunc(func(c *treeConfig) { c.unfolded = true }) }

// WithoutTimes leaves out the first column, the time since the start of the
// chain.
func WithoutTimes() TreeOption { return treeFunc(func(c *treeConfig) { c.untimed = true }) }

// WithKeys also shows the attributes with these keys, as key=value. Spans that differ in
// one do not fold. Several such options add up.
func WithKeys(keys ...attribute.Key) TreeOption {
	return treeFunc(func(c *treeConfig) { c.keys = append(c.keys, keys...) })
}

// WithOnly shows only the spans that match reports true for, and their ancestors. Times and
// numbers are those in the whole chain. The default is all spans; the last such option
// wins.
func WithOnly(match func(*Span) bool) TreeOption {
	return treeFunc(func(c *treeConfig) { c.only = match })
}

const (
	defaultDepth = 64
	deepest      = 1_000
	maxSkews     = 8 // that have a line
)

// WriteTree writes the chain as a tree of text, a line per span: when it started, its name,
// how long it took, its details, [its service] if it is not in its parent's process, and
// the targets of its links, with the number that the other line shows. The two spans of a
// goroutine that lived long are one line.
//
// At least three neighbours that would read the same are folded into one line with their
// number (×311), total and longest duration. The lines below them are folded too, and so
// are sequences that repeat (↻). A span stands alone if it failed unlike its neighbours, or
// if it took 10ms or longer and more than ten times the median of similar ones.
//
// All text from the trace is escaped. The error wraps the writer's. The cost is O(n log n)
// for n spans.
func (c *Chain) WriteTree(w io.Writer, opts ...TreeOption) error {
	p := &printer{chain: c, out: bufio.NewWriter(w), start: c.Start(), escape: text.Printable}
	for _, o := range opts {
		if o != nil {
			o.applyTree(&p.cfg)
		}
	}
	if p.cfg.depth <= 0 {
		p.cfg.depth = defaultDepth
	}
	if p.cfg.ascii {
		p.escape = text.ASCII
	}
	p.print()
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("chain: write tree: %w", err)
	}
	return nil
}

// String returns the tree that [Chain.WriteTree] writes by default.
func (c *Chain) String() string {
	var b strings.Builder
	_ = c.WriteTree(&b) // a Builder has no errors
	return b.String()
}

type printer struct {
	chain  *Chain
	cfg    treeConfig
	out    *bufio.Writer
	start  time.Time
	escape func(string) string
	shapes *shapes
	twins  map[string]bool // services of several processes
	cited  map[*Span]bool  // spans that notes refer to

	lines int    // written, or held back
	held  string // the last allowed line, until it is certain that no other follows
	total int    // spans in the lines before held
}

// errFull ends the printing when all allowed lines are written.
var errFull = errors.New("no lines left")

func (p *printer) print() {
	if len(p.chain.Spans) == 0 {
		_ = p.line("no spans", 0)
		p.flush()
		return
	}
	p.findTwins()
	p.shapes = newShapes(p.chain, p.label, p.cfg.only)
	err := p.notes()
	if err == nil {
		err = p.items(p.fold(p.shapes.visible(p.chain.Roots)), "", 0, nil)
	}
	if err == nil {
		p.flush()
		return
	}
	fmt.Fprintln(p.out, p.finish(fmt.Sprintf("… %d more spans", p.shapes.total-p.total)))
}

func (p *printer) flush() {
	if p.held != "" {
		p.out.WriteString(p.held)
	}
}

// line writes a line that shows n spans. It returns errFull if there are too many lines.
func (p *printer) line(text string, n int) error {
	text = p.finish(text) + "\n"
	if p.cfg.lines > 0 {
		switch p.lines++; {
		case p.lines == p.cfg.lines:
			p.held = text
			return nil
		case p.lines > p.cfg.lines:
			return errFull
		}
	}
	p.total += n
	_, err := p.out.WriteString(text)
	return err
}

var asASCII = strings.NewReplacer(
	"├─ ", "|- ", "└─ ", "`- ", "│  ", "|  ", "×", "x", "µ", "u", "…", "...", "→", "->", "←", "<-",
	"✗", "!", "⚠", "!", "↻", "loop", "–", "-")

// finish makes a line ASCII if it must be, and cuts it to the width.
func (p *printer) finish(line string) string {
	line = strings.TrimRight(line, " ")
	ellipsis := "…"
	if p.cfg.ascii {
		line, ellipsis = asASCII.Replace(line), "..."
	}
	if p.cfg.width > 0 {
		line = text.Clip(line, p.cfg.width, ellipsis)
	}
	return line
}

// notes writes lines about clocks and repeated spans.
func (p *printer) notes() error {
	p.cited = make(map[*Span]bool)
	for i, s := range p.chain.Skews {
		if i == maxSkews {
			if err := p.line(fmt.Sprintf("⚠ and %d more clocks", len(p.chain.Skews)-i), 0); err != nil {
				return err
			}
			break
		}
		p.cited[s.Before], p.cited[s.After] = true, true
		if err := p.line("⚠ "+s.String(), 0); err != nil {
			return err
		}
	}
	if n := p.chain.Repeats; n > 0 {
		return p.line(fmt.Sprintf("⚠ %d spans came more than once and are shown once", n), 0)
	}
	return nil
}

// findTwins finds services of several processes.
func (p *printer) findTwins() {
	p.twins = make(map[string]bool)
	first := make(map[string]int32)
	for _, s := range p.chain.Spans {
		if n, ok := first[s.Service]; !ok {
			first[s.Service] = s.proc
		} else if n != s.proc {
			p.twins[s.Service] = true
		}
	}
}

func (p *printer) service(s *Span) string {
	if p.twins[s.Service] {
		return p.escape(s.Process())
	}
	return p.escape(s.Service)
}

func (p *printer) fold(siblings []*Span) []*item {
	if !p.cfg.unfolded {
		return p.shapes.fold(siblings)
	}
	items := make([]*item, len(siblings))
	for i := range siblings {
		items[i] = &item{spans: siblings[i : i+1]}
	}
	return items
}

func (p *printer) below(it *item) []*item {
	if p.cfg.unfolded {
		return p.fold(p.shapes.shown(it.spans[0]))
	}
	return p.shapes.below(it)
}

// items prints siblings and the lines below them. Its recursion ends at the maximum depth.
func (p *printer) items(items []*item, prefix string, depth int, parent *Span) error {
	for i, it := range items {
		branch, rest := "├─ ", "│  "
		switch {
		case depth == 0:
			branch, rest = "", ""
		case i == len(items)-1:
			branch, rest = "└─ ", "   "
		}
		below := p.below(it)
		if err := p.line(p.column(it)+prefix+branch+p.text(it, parent), p.weight(it)); err != nil {
			return err
		}
		if len(below) == 0 {
			continue
		}
		of := it.spans[0]
		if it.rounds > 0 {
			of = parent
		}
		if depth+1 < p.cfg.depth {
			if err := p.items(below, prefix+rest, depth+1, of); err != nil {
				return err
			}
			continue
		}
		n := 0
		for _, b := range below {
			for _, s := range b.spans {
				n += p.shapes.size[s.Seq]
			}
		}
		if err := p.line(p.blank()+prefix+rest+fmt.Sprintf("└─ … %d spans below", n), n); err != nil {
			return err
		}
	}
	return nil
}

// weight returns how many spans the line of an item shows.
func (p *printer) weight(it *item) int {
	if it.rounds > 0 {
		return 0 // its body shows them
	}
	n := len(it.spans)
	for _, s := range it.spans {
		if s.Rest() != nil {
			n++
		}
	}
	return n
}

const columnWidth = 11

func (p *printer) blank() string {
	if p.cfg.untimed {
		return ""
	}
	return strings.Repeat(" ", columnWidth)
}

// column returns the first column: when the item started.
func (p *printer) column(it *item) string {
	if p.cfg.untimed {
		return ""
	}
	at := "?" // the start is not known
	if start := it.spans[0].Start; !start.IsZero() {
		at = text.Offset(start.Sub(p.start))
	}
	return at + strings.Repeat(" ", max(columnWidth-text.Columns(at), 1))
}

// text returns the line of an item, without its place in the tree.
func (p *printer) text(it *item, parent *Span) string {
	first := it.spans[0]
	if it.rounds > 0 {
		span := it.spans[len(it.spans)-1].End.Sub(first.Start)
		return fmt.Sprintf("↻ ×%d  %s", it.rounds, text.Duration(max(span, 0), ""))
	}
	parts := []string{text.Shorten(p.escape(text.Shorten(first.Name, 2*maxText)), 2*maxText) + p.tally(it.spans)}
	parts = append(parts, messages(it.spans)...)
	parts = append(parts, sizes(it.spans)...)
	parts = append(parts, times(it.spans)...)
	parts = append(parts, longest(it.spans)...)
	parts = append(parts, p.fixed(first)...)
	parts = append(parts, blocked(it.spans)...)
	if name := p.service(first); name != "" && (parent == nil || parent.proc != first.proc) {
		parts = append(parts, "["+name+"]")
	}
	parts = append(parts, p.links(it.spans)...)
	return strings.Join(parts, "  ")
}
