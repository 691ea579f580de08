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
	asked     bool // for that many
	rows      int  // 0: as the format has it
	unfolded  bool
	blocked   bool
	atLeast   time.Duration

	services, goroutines, connections []string
	from, to                          time.Duration
	windowed                          bool

	width int // of text, in columns
	color bool
	spans int // that an exporter keeps
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

// By says what has a lifeline of its own.
type By int

// What has a lifeline of its own. A goroutine is one that the package trace
// started; what ran outside of those is on its service's.
const (
	ByGoroutine By = iota
	ByService
	ByConnection // each end of a WebSocket connection
)

// Scale says how time runs downwards.
type Scale int

// How time runs downwards.
const (
	Compact Scale = iota // row by row, a long pause as a wider gap
	Linear               // in proportion: rows for which there is no room are left out ([Text]: take more)
)

// WithTitle sets the title. The default is none.
func WithTitle(title string) Option {
	return optionFunc(func(c *config) { c.title = title })
}

// WithLifelines sets what has a lifeline of its own, [ByGoroutine] by default.
func WithLifelines(by By) Option { return optionFunc(func(c *config) { c.by = by }) }

// WithMaxLifelines sets how many lifelines there are at the most: by default 12, and in
// [SVG] and [HTML] only as many as fit into a width of 1,200 pixels.
// If there would be more, goroutines of one name share one, which is where they were
// started in an execution trace; then those that were blocked the least share one in
// each process; and then all of a process, and the last one is for the services that
// were blocked the least. A note says so. An n < 1 is ignored.
func WithMaxLifelines(n int) Option {
	return optionFunc(func(c *config) {
		if n >= 1 {
			c.lifelines, c.asked = n, true
		}
	})
}

// WithScale sets how time runs downwards, [Compact] by default.
func WithScale(s Scale) Option { return optionFunc(func(c *config) { c.scale = s }) }

// WithMaxRows sets how many rows are written at the most. What is left out is
// the least telling; the rows that say how much it is count as well. The default,
// also for n < 1, is the format's: 150 for [Mermaid], which refuses long texts,
// 200 for [JS] and [PlantUML], as many as fit into a height of 2,000 pixels for [SVG],
// 400 for [Text], 2,000 for [HTML].
func WithMaxRows(n int) Option { return optionFunc(func(c *config) { c.rows = max(n, 0) }) }

// WithoutFolding gives each span rows of its own.
func WithoutFolding() Option { return optionFunc(func(c *config) { c.unfolded = true }) }

// WithBlocked shows only what blocked for at least d at a stretch, or is not over,
// with its context: the operation, what woke it, what was before and after on its
// lifeline. Of a run of blocks the longest counts.
func WithBlocked(d time.Duration) Option {
	return optionFunc(func(c *config) { c.blocked, c.atLeast = true, d })
}

// WithServices shows only spans of these services. This and the other filters
// narrow one another; more than one of a kind adds up. A note says how many spans
// they hide.
func WithServices(names ...string) Option {
	return optionFunc(func(c *config) { c.services = slices.Concat(c.services, names) })
}

// WithGoroutines shows only what goroutines of these names did.
func WithGoroutines(names ...string) Option {
	return optionFunc(func(c *config) { c.goroutines = slices.Concat(c.goroutines, names) })
}

// WithConnections shows only what was done on the connections with these ids
// (websocket.connection.id, of either end), their handshakes included.
func WithConnections(ids ...string) Option {
	return optionFunc(func(c *config) { c.connections = slices.Concat(c.connections, ids) })
}

// WithWindow shows only spans that were in progress between from and to, as
// times since the start of the chain. A to of 0 is its end.
func WithWindow(from, to time.Duration) Option {
	return optionFunc(func(c *config) { c.from, c.to, c.windowed = from, to, true })
}

// WithWidth sets the width of [Text] in columns, 100 by default. Less than 40 is
// 40.
func WithWidth(n int) Option { return optionFunc(func(c *config) { c.width = max(n, 40) }) }

// WithColor colors [Text] for a terminal.
func WithColor() Option { return optionFunc(func(c *config) { c.color = true }) }

// WithMaxSpans sets how many spans an exporter keeps, 200,000 by default; those
// that come later are counted, and the diagram says so. An n < 1 is ignored.
func WithMaxSpans(n int) Option {
	return optionFunc(func(c *config) {
		if n >= 1 {
			c.spans = n
		}
	})
}

// withNote adds a note to the diagram's.
func withNote(note string) Option {
	return optionFunc(func(c *config) { c.notes = append(c.notes[:len(c.notes):len(c.notes)], note) })
}
