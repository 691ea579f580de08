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

// WithMinBlock leaves out blocks shorter than d. The default is 0. System calls shorter
// than 100 µs are always left out.
func WithMinBlock(d time.Duration) Option {
	return optionFunc(func(c *config) { c.minBlock = d })
}

// WithMaxBlocks sets the maximum number of blocks. The longest are kept, each with the
// goroutine that ended it and those that started its goroutine. Others are counted. The
// default is 20,000; n < 1 is ignored.
func WithMaxBlocks(n int) Option {
	return optionFunc(func(c *config) {
		if n >= 1 {
			c.maxBlocks = n
		}
	})
}

// WithRuntime also keeps the runtime's own goroutines.
func WithRuntime() Option { return optionFunc(func(c *config) { c.runtime = true }) }

// WithProgress sets a function that is called every 100,000 events, and at the end.
func WithProgress(f func(Progress)) Option { return optionFunc(func(c *config) { c.progress = f }) }

// Progress is how much of a trace has been read.
type Progress struct {
	Bytes      int64 // read so far, approximately
	Events     int
	Goroutines int // kept
	Blocks     int // kept
	Done       bool
}
