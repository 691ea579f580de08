package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/wakechain/wakechain/wsconn"
)

// plan is everything that is decided about a play before it begins. Only the seed and the
// index determine it.
type plan struct {
	seed  uint64
	index int

	library  *library
	bare     bool // the library without wakechain, for comparison
	runs     bool // there are so many messages that some are in runs
	makes    string
	ratio    float64 // the share of connections that are sampled
	volume   *volume
	minBlock time.Duration
	public   bool // WithPublicEndpoint

	tls, listener bool // listener: the server uses wsconn.NewListener
	handler       bool // the server uses Handler instead of Accept
	compress      bool
	streams       [2]bool // Reader and Writer instead of Read and Write

	fault *fault
	sizes [2][][]int // of the client's messages and the server's, by writer
	pings [2]int
}

// volume is a setting of how many spans a connection has.
type volume struct {
	name     string
	options  []wsconn.Option
	messages bool // every read and write has its span, or is in a run
	blocks   bool // every block has its span
	runs     bool // there are runs
	none     bool // no message has a span, not even a failed one
}

var volumes = []volume{
	{name: "all", messages: true, blocks: true, options: []wsconn.Option{
		wsconn.WithMessageSpans(wsconn.MessagesAll), wsconn.WithTraceBudget(0, 0),
	}},
	{name: "trace per message", messages: true, blocks: true, options: []wsconn.Option{
		wsconn.WithMessageSpans(wsconn.MessagesAll), wsconn.WithTraceBudget(0, 0), wsconn.WithTracePerMessage(),
	}},
	{name: "all, in traces of 30", messages: true, options: []wsconn.Option{
		wsconn.WithMessageSpans(wsconn.MessagesAll), wsconn.WithTraceBudget(30, 0),
	}},
	{name: "default", messages: true, runs: true},
	{name: "auto, in traces of 10", runs: true, options: []wsconn.Option{wsconn.WithTraceBudget(10, 0)}},
	{name: "blocked", options: []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesBlocked)}},
	{name: "none", none: true, options: []wsconn.Option{wsconn.WithMessageSpans(wsconn.MessagesNone)}},
}

// makers are the names of what makes and exports the spans.
var makers = []string{"sdk", "lean", "lean, at once"}

// newPlan returns the plan with this index. One plan in four is bare, by chance.
func newPlan(seed uint64, index int) plan {
	p := plan{seed: seed, index: index}
	rng := p.rng(0)
	p.library = &libraries[rng.IntN(len(libraries))]
	p.bare = rng.IntN(4) == 0
	p.makes = makers[rng.IntN(len(makers))]
	p.ratio = []float64{1, 1, 1, 0.1, 0}[rng.IntN(5)]
	p.volume = &volumes[rng.IntN(len(volumes))]
	if rng.IntN(2) == 0 {
		p.volume = &volumes[0]
	}
	if rng.IntN(6) == 0 {
		p.minBlock = time.Duration(rng.IntN(2000)) * time.Microsecond
	}
	p.public = rng.IntN(6) == 0
	p.tls, p.listener = rng.IntN(3) == 0, rng.IntN(2) == 0
	p.handler = rng.IntN(2) == 0
	p.compress = rng.IntN(3) == 0
	p.streams = [2]bool{rng.IntN(3) == 0, rng.IntN(3) == 0}
	p.fault = &faults[rng.IntN(len(faults))]
	if p.fault.plain {
		p.tls = false
	}
	if !p.closesBetweenMessages() {
		p.compress = false
	}
	for k := range p.sizes {
		for range 1 + rng.IntN(2) {
			sizes := make([]int, 1+rng.IntN(8))
			for i := range sizes {
				sizes[i] = rng.IntN([]int{300, 300, 300, 300, 300, 300, 300, 5_000, 5_000, 5_000, 60_000, 300_000}[rng.IntN(12)])
			}
			p.sizes[k] = append(p.sizes[k], sizes)
		}
		p.pings[k] = max(0, rng.IntN(6)-3)
	}
	if p.runs = rng.IntN(5) == 0; p.runs {
		for k := range p.sizes {
			for i := range p.sizes[k] {
				for range 40 {
					p.sizes[k][i] = append(p.sizes[k][i], rng.IntN(300))
				}
			}
		}
	}
	if p.fault.lossless {
		p.pings[1] = 0 // see "pings between the frames"
	}
	if p.library.whole {
		p.compress, p.streams = false, [2]bool{}
		if p.fault.streams {
			p.fault = &faults[0]
		}
	}
	if p.library.loose && p.fault.lossless {
		p.pings = [2]int{}
	}
	return p
}

// garbles reports whether received messages may differ from those written.
func (p *plan) garbles() bool { return p.fault.garbles || p.library.loose && !p.fault.lossless }

// closesBetweenMessages reports whether no close frame is received inside a message. With
// compression the libraries do not survive that: they release a buffer while they read
// from it, and another connection then reads from it, too.
func (p *plan) closesBetweenMessages() bool {
	return p.fault.lossless || p.fault.cable != nil && !p.fault.garbles && !p.handler
}

// rng returns the play's random source with number k.
func (p *plan) rng(k uint64) *rand.Rand {
	return rand.New(rand.NewPCG(p.seed, uint64(p.index)<<8|k))
}

// messages returns the number of messages that end k writes; 0 is the client.
func (p *plan) messages(k int) (n int) {
	for _, s := range p.sizes[k] {
		n += len(s)
	}
	return n
}

func (p *plan) String() string {
	how := "bare"
	if !p.bare {
		how = fmt.Sprintf("%s, %g %% sampled, %s", p.makes, 100*p.ratio, p.volume.name)
		if p.minBlock > 0 {
			how += fmt.Sprintf(", blocks from %v", p.minBlock)
		}
		if p.public {
			how += ", public"
		}
	}
	for _, word := range []struct {
		on   bool
		name string
	}{{p.tls, "TLS"}, {p.listener, "listener"}, {p.handler, "handler"}, {p.compress, "compressed"}, {p.runs, "many messages"}, {p.streams[0], "client streams"}, {p.streams[1], "server streams"}} {
		if word.on {
			how += ", " + word.name
		}
	}
	return fmt.Sprintf("%s: %s (%s)", p.fault.name, p.library.name, how)
}
