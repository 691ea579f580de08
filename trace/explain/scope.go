package explain

import (
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

// scope is where connections are made and used: a goroutine, what a process
// does for one request, or what stands below a handshake.
//
// An operation is a child of the span in its context, which need not be the
// connection's handshake. It is on the one connection that is open where it
// stands; where there are several, it could be on any, and is on none.
type scope struct {
	outer  *scope      // nil: what is outside does not matter here
	runner *chain.Span // the `go NAME` that it is in
	client *chain.Span // the client's handshake that is the nearest above
	made   []*end      // here, less some that are closed
	below  *end        // all is below its handshake: unless made here, no other comes into question
}

// maxScopes bounds the search for a connection: the depth of a trace is up to a
// stranger.
const maxScopes = 64

// enter returns the scope that the span is in.
func enter(s *chain.Span, scopes []*scope) *scope {
	if s.Parent == nil {
		return &scope{}
	}
	outer := scopes[s.Parent.Seq]
	served := s.Kind == oteltrace.SpanKindServer && s.Parent.Kind == oteltrace.SpanKindClient
	if served || s.Process() != s.Parent.Process() {
		return &scope{client: outer.client}
	}
	return outer
}

// end returns the connection that an operation in the scope is on, nil if that
// is not known.
func (sc *scope) end() *end {
	var only *end
	for n := 0; sc != nil && n < maxScopes; n++ {
		here := sc.open()
		if sc.below != nil {
			here = append(here, sc.below)
		}
		for _, e := range here {
			if only != nil && only != e {
				return nil
			}
			only = e
		}
		if sc.below != nil {
			break
		}
		sc = sc.outer
	}
	return only
}

// open returns the connections that were made here and are open, at most two:
// more would not tell more. A closed one is looked at once.
func (sc *scope) open() []*end {
	i := 0
	for i < len(sc.made) && i < 2 {
		if !sc.made[i].closed {
			i++
			continue
		}
		last := len(sc.made) - 1
		sc.made[i] = sc.made[last]
		sc.made = sc.made[:last]
	}
	return sc.made[:i:i]
}
