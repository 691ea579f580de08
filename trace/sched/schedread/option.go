package schedread

import "time"

// Option configures [Read]. The last option of a kind wins.
type Option interface{ apply(*config) }

type optionFunc func(*config)

func (f optionFunc) apply(c *config) { f(c) }

type config struct {
	service   string
	minBlock  time.Duration
	maxBlocks int
	runtime   bool
	progress  func(Progress)
}

// WithService sets the service.name of the spans. The default is "go".
func WithService(name string) Option {
	return optionFunc(func(c *config) { c.service = name })
}

// WithMinBlock leaves out blocks that took less than d. The default is 0. System calls
// that took less than 100 µs are always left out.
func WithMinBlock(d time.Duration) Option {
	return optionFunc(func(c *config) { c.minBlock = d })
}

// WithMaxBlocks sets how many blocks are kept at the most: the longest, each with the
// goroutine that ended it and those that started its goroutine. What is left out is
// counted. The default is 20,000; n < 1 is ignored.
func WithMaxBlocks(n int) Option {
	return optionFunc(func(c *config) {
		if n >= 1 {
			c.maxBlocks = n
		}
	})
}

// WithRuntime keeps the runtime's own goroutines as well.
func WithRuntime() Option { return optionFunc(func(c *config) { c.runtime = true }) }

// WithProgress has f called every 100,000 events, and at the end.
func WithProgress(f func(Progress)) Option { return optionFunc(func(c *config) { c.progress = f }) }

// Progress is how far a trace was read.
type Progress struct {
	Bytes      int64 // that were read, about
	Events     int
	Goroutines int // that are kept
	Blocks     int // that are kept
	Done       bool
}
