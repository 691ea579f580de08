package main

import (
	"regexp"
	"sync"
	"sync/atomic"
	"time"
)

// control compares the errors of the traced libraries with those of the bare libraries,
// which one play in four uses. An error is a fault of wakechain if it would have occurred
// in bare plays by now and never did.
type control struct {
	mu   sync.Mutex
	seen map[call]map[string]*outcome
	of   map[kindOfPlay]*[2]int   // plays, traced and bare
	took map[string]time.Duration // by fault, the total duration of its plays

	slow atomic.Int64 // plays whose losses were not judged, since they took too long
}

type kindOfPlay struct{ fault, library string }

// call identifies calls whose errors are compared.
type call struct{ fault, library, name string }

// outcome is an error, with the number of plays in which it occurred.
type outcome struct {
	traced, bare int
	last         int64 // the serial of the last play in which it occurred
	example      int   // the index of a traced play; -1: none
}

func newControl() *control {
	return &control{seen: map[call]map[string]*outcome{}, of: map[kindOfPlay]*[2]int{}, took: map[string]time.Duration{}}
}

// varying matches the parts of an error's text that differ from play to play.
var varying = regexp.MustCompile(`0x[0-9a-f]+|\[[0-9a-f:]+\]|[0-9]+(\.[0-9]+)*|"[^"]*"|'[^']*'`)

func (c *control) begin(p *play) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := kindOfPlay{p.fault.name, p.library.name}
	if c.of[key] == nil {
		c.of[key] = new([2]int)
	}
	c.of[key][btoi(p.bare)]++
}

func (c *control) end(p *play, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[p.fault.name] += took
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *control) note(p *play, name string, err error) {
	if p.fault.meddles { // no bare play has a meddler
		return
	}
	text := varying.ReplaceAllString(err.Error(), "N")
	c.mu.Lock()
	defer c.mu.Unlock()
	k := call{p.fault.name, p.library.name, name}
	if c.seen[k] == nil {
		c.seen[k] = map[string]*outcome{}
	}
	o := c.seen[k][text]
	if o == nil {
		o = &outcome{example: -1}
		c.seen[k][text] = o
	}
	if o.last == p.serial {
		return // it has been counted for this play
	}
	if o.last = p.serial; p.bare {
		o.bare++
	} else {
		o.traced++
		o.example = p.index
	}
}

// doubt is the probability of chance below which an error is a finding.
const doubt = 1e-6

// check reports errors that occur only in traced plays, unless that may be chance.
func (c *control) check(report func(index int, format string, args ...any)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, texts := range c.seen {
		n := c.of[kindOfPlay{k.fault, k.library}]
		for text, o := range texts {
			if o.bare > 0 || o.traced == 0 {
				continue
			}
			// If tracing makes no difference, the plays with this error are traced or bare by chance.
			chance := 1.0
			for i := range o.traced {
				chance *= float64(n[0]-i) / float64(n[0]+n[1]-i)
			}
			if chance < doubt {
				report(o.example, "%s, %s: the %s came to this %d times in %d plays, and never in %d bare ones: %s",
					k.fault, k.library, k.name, o.traced, n[0], n[1], text)
			}
		}
	}
}

// plays returns the numbers of traced and of bare plays with a fault, and the mean
// duration of one.
func (c *control) plays(fault string) (traced, bare int, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, n := range c.of {
		if key.fault == fault {
			traced, bare = traced+n[0], bare+n[1]
		}
	}
	if traced+bare > 0 {
		took = c.took[fault] / time.Duration(traced+bare)
	}
	return traced, bare, took
}
