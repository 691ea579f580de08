package sequence

import (
	"slices"
	"time"
)

// Option configures [New], the writers of a [Diagram], and [NewExporter].
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	title     string
	by        By
	scale     Scale
	lifelines int
	asked     bool // lifelines was set by an option
	rows      int  // 0: the format's default
	unfolded  bool
	blocked   bool
	atLeast   time.Duration

	services, goroutines, connections []string
	from, to                          time.Duration
	windowed                          bool

	width int // of text, in columns
	color bool
	spans int // that an exporter keeps at most
	notes []string
}

const (
	defaultLifelines = 12
	defaultWidth     = 100
	defaultSpans     = 200_000
)

func newConfig(opts []Option) config {
	c := config{lifelines: defaultLifelines, width: defaultWidth, spans: defaultSpans}
	return c.with(opts)
}

func (c config) with(opts []Option) config {
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	return c
}

// By is the kind of thing that has a lifeline of its own.
type By int

// Kinds of lifelines. Goroutines are those that package trace started; spans outside of
// these are on the lifeline of their service.
const (
	ByGoroutine By = iota
	ByService
	ByConnection // each end of a WebSocket connection
)

// Scale is how time runs downwards.
type Scale int

// Scales.
const (
	Compact Scale = iota // row by row, with a wider gap for a long pause
	Linear               // in proportion; rows without room are left out ([Text]: they take more)
)

// WithTitle sets the title. The default is none.
func WithTitle(title string) Option {
	return optionFunc(func(c *config) { c.title = title })
}

// WithLifelines sets which things have lifelines. The default is [ByGoroutine].
func WithLifelines(by By) Option { return optionFunc(func(c *config) { c.by = by }) }

// WithMaxLifelines sets the maximum number of lifelines. The default is 12, and in [SVG]
// and [HTML] no more than fit into a width of 1,200 pixels. If there would be more,
// goroutines of one name share one. (In an execution trace, the name is where they were
// started.) If that is not enough, the least blocked ones share one in each process. Else
// all of a process share one, and the last one is for the least blocked services. A note
// describes this. An n < 1 is ignored.
func WithMaxLifelines(n int) Option {
	return optionFunc(func(c *config) {
		if n >= 1 {
			c.lifelines, c.asked = n, true
		}
	})
}

// WithScale sets how time runs downwards. The default is [Compact].
func WithScale(s Scale) Option { return optionFunc(func(c *config) { c.scale = s }) }

// WithMaxRows sets the maximum number of rows, including those that count what is left out.
// The least important rows are left out. The default, also for n < 1, depends on the
// format: 150 for [Mermaid], which refuses long texts, 200 for [JS] and [PlantUML], 200 for
// [SVG] but no more than fit into a height of 2,000 pixels, 400 for [Text], and 2,000 for
// [HTML].
func WithMaxRows(n int) Option { return optionFunc(func(c *config) { c.rows = max(n, 0) }) }

// WithoutFolding gives each span rows of its own.
func WithoutFolding() Option { return optionFunc(func(c *config) { c.unfolded = true }) }

// WithBlocked shows only operations that were blocked for at least d at a time, or whose
// block is not over, with their context: the operation, what woke it, and what came before
// and after on its lifeline. In a run of blocks the longest counts.
func WithBlocked(d time.Duration) Option {
	return optionFunc(func(c *config) { c.blocked, c.atLeast = true, d })
}

// WithServices shows only spans of these services. Different filters must all match; of
// several values for one filter, one must match. A note counts the spans that are hidden.
func WithServices(names ...string) Option {
	return optionFunc(func(c *config) { c.services = slices.Concat(c.services, names) })
}

// WithGoroutines shows only the spans of goroutines with these names.
func WithGoroutines(names ...string) Option {
	return optionFunc(func(c *config) { c.goroutines = slices.Concat(c.goroutines, names) })
}

// WithConnections shows only the spans of the connections with these ids
// (websocket.connection.id, of either end), including their handshakes.
func WithConnections(ids ...string) Option {
	return optionFunc(func(c *config) { c.connections = slices.Concat(c.connections, ids) })
}

// WithWindow shows only spans that were in progress between from and to, as times since the
// start of the chain. If to is 0 or less, there is no end.
func WithWindow(from, to time.Duration) Option {
	return optionFunc(func(c *config) { c.from, c.to, c.windowed = from, to, true })
}

// WithWidth sets the width of [Text] in columns. The default is 100, the minimum 40.
func WithWidth(n int) Option { return optionFunc(func(c *config) { c.width = max(n, 40) }) }

// WithColor makes [Text] use a terminal's colors.
func WithColor() Option { return optionFunc(func(c *config) { c.color = true }) }

// WithMaxSpans sets how many spans an exporter keeps. The default is 200,000. Later spans
// are counted, and a note shows their number. An n < 1 is ignored.
func WithMaxSpans(n int) Option {
	return optionFunc(func(c *config) {
		if n >= 1 {
			c.spans = n
		}
	})
}

// withNote adds a note to the diagram.
func withNote(note string) Option {
	return optionFunc(func(c *config) { c.notes = append(c.notes[:len(c.notes):len(c.notes)], note) })
}
