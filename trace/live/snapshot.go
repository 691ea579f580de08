package live

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Snapshot returns what the goroutines and connections of this process wait for now. It is
// safe for concurrent use. It waits for no lock that a parked call or an exporter holds. It
// does not stop the world, except with [WithStacks].
func Snapshot(opts ...Option) *View {
	c := config{silent: time.Minute}
	for _, o := range opts {
		if o != nil {
			o(&c)
		}
	}
	b := newBuilder()
	defer b.release()
	v := b.build()
	if c.stacks {
		addStacks(v)
	}
	link(v)
	v.Findings = nil
	v.judge(c.silent, b.holds)
	v.Took = time.Since(v.At)
	return v
}

// Option configures a [Snapshot]. The last option of a kind wins.
type Option func(*config)

type config struct {
	silent time.Duration
	stacks bool
}

// WithSilence sets how long a peer that answers pings must have sent no message to be
// reported as [KindSilent]. The default is a minute.
func WithSilence(d time.Duration) Option { return func(c *config) { c.silent = d } }

// WithStacks adds the stacks of goroutines and their lines. It stops the world, for about
// 100 ms if there are 10,000 goroutines.
func WithStacks() Option { return func(c *config) { c.stacks = true } }

var self = sync.OnceValue(func() Process {
	host, _ := os.Hostname()
	return Process{PID: os.Getpid(), Name: filepath.Base(os.Args[0]), Host: host}
})

// Join combines the views of several processes, and does not change them. It matches the
// ends of their connections: by crosswise addresses and ports or, if a middlebox ends the
// TCP connection, by the connection's id. Findings are those of the whole. The views should
// be from about the same time. A deadlock across processes is certain only if all are on
// one host, and so have one clock.
func Join(views ...*View) *View {
	j := &View{Version: Version, Processes: []Process{}, Goroutines: []Goroutine{}, Connections: []Connection{}}
	for _, v := range views {
		if v == nil {
			continue
		}
		if j.At.IsZero() || v.At.Before(j.At) {
			j.At = v.At
		}
		j.Took += v.Took
		first := len(j.Processes)
		j.Processes = append(j.Processes, v.Processes...)
		for _, g := range v.Goroutines {
			g.Process += first
			g.Waits = slices.Clone(g.Waits)
			j.Goroutines = append(j.Goroutines, g)
		}
		for _, c := range v.Connections {
			c.Process += first
			c.Peer, c.Between = "", false
			j.Connections = append(j.Connections, c)
		}
		for _, f := range v.Findings {
			if f.Kind == KindSilent { // the other views do not change it
				j.Findings = append(j.Findings, f)
			}
		}
	}
	link(j)
	j.judge(-1, nil)
	return j
}

// count sets the counts.
func (v *View) count() {
	left := v.Counts.FindingsLeftOut
	v.Counts = Counts{Goroutines: len(v.Goroutines), Connections: len(v.Connections), FindingsLeftOut: left}
	for i := range v.Goroutines {
		g := &v.Goroutines[i]
		idle := true
		for j := range g.Waits {
			w := &g.Waits[j]
			idle = idle && w.Idle
			c := v.Counts.of(w)
			c.N++
			c.Oldest = max(c.Oldest, w.Age)
		}
		switch {
		case len(g.Waits) == 0:
		case idle:
			v.Counts.Idle++
		default:
			v.Counts.Blocked++
		}
	}
	slices.SortFunc(v.Counts.Waits, func(a, b Count) int {
		return cmp.Or(b.N-a.N, cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Cause, b.Cause))
	})
}

// of returns the count of waits like w. There are few kinds.
func (n *Counts) of(w *Wait) *Count {
	for i := range n.Waits {
		if c := &n.Waits[i]; c.Reason == w.Reason && c.Cause == w.Cause && c.Idle == w.Idle {
			return c
		}
	}
	n.Waits = append(n.Waits, Count{Reason: w.Reason, Cause: w.Cause, Idle: w.Idle})
	return &n.Waits[len(n.Waits)-1]
}
