package live

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// maxJSON is how many goroutines, and how many connections, JSON has at most. Its
// counts say how many there are.
const maxJSON = 20_000

// Handler returns a handler that shows what the goroutines and connections of this
// process wait for at the moment of each request: a page for browsers, which refreshes
// itself, and text for terminals. Mount it where only authorised people can see it: it
// shows names and addresses, and asks for no password. It registers itself nowhere, not
// even on [http.DefaultServeMux].
//
//	mux.Handle("/debug/wakechain", live.Handler())
//
// A request may choose by parameters:
//
//   - format: html, text, or json, which is a [View]. Without it the Accept header
//     decides, and */* is text.
//   - min: leave out waits that are shorter, as 1s.
//   - connection: the ID of one end; leave out what has nothing to do with it.
//   - stacks=1: with the stack of each goroutine, for which all of them are stopped,
//     10,000 for 100 ms. A page with stacks does not refresh itself.
//
// All other parameters, and values that are none, are answered with 400 and a line
// that says why. The options are those of each snapshot.
//
// The handler is safe for concurrent use. It takes one snapshot at a time.
func Handler(opts ...Option) http.Handler {
	return newHandler(func(more ...Option) *View {
		return Snapshot(append(opts[:len(opts):len(opts)], more...)...)
	})
}

type handler struct {
	snapshot func(...Option) *View
	turn     chan struct{} // held while a snapshot is taken
}

func newHandler(snapshot func(...Option) *View) *handler {
	return &handler{snapshot: snapshot, turn: make(chan struct{}, 1)}
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	q, err := parseQuery(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	header.Set("Content-Type", q.format.contentType())
	header.Set("Vary", "Accept")
	if q.format == formatHTML {
		header.Set("Content-Security-Policy", pagePolicy)
	}
	if r.Method == http.MethodHead {
		return
	}
	select {
	case h.turn <- struct{}{}:
	case <-r.Context().Done():
		return
	}
	body, err := h.body(q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(body) // the client may be gone
}

// body returns the answer, and ends the caller's turn.
func (h *handler) body(q query) ([]byte, error) {
	defer func() { <-h.turn }() // even if a panic ends the request
	var opts []Option
	if q.stacks {
		opts = append(opts, WithStacks())
	}
	v := h.snapshot(opts...).Filter(Filter{Min: q.min, Connection: q.connection})
	var b bytes.Buffer
	var err error
	switch q.format {
	case formatJSON:
		v := v.limited(maxJSON).copied()
		v.Goroutines, v.Connections, v.Findings = array(v.Goroutines), array(v.Connections), array(v.Findings)
		err = json.NewEncoder(&b).Encode(v)
	case formatHTML:
		err = v.writePage(&b, q)
	default:
		err = v.WriteText(&b)
	}
	return b.Bytes(), err
}

// array returns a slice that JSON has as an array and not as null.
func array[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func (f format) contentType() string {
	switch f {
	case formatHTML:
		return "text/html; charset=utf-8"
	case formatJSON:
		return "application/json"
	default:
		return "text/plain; charset=utf-8"
	}
}
