package live

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// maxJSON is the maximum number of goroutines, and of connections, in JSON. The counts
// include those left out.
const maxJSON = 20_000

// Handler returns a handler that shows what the goroutines and connections of this process
// wait for at the time of each request: as a page for browsers, which refreshes itself, or
// as text for terminals. It shows names and addresses and asks for no password, so mount it
// where only authorised people have access. It does not register itself anywhere, such as
// on [http.DefaultServeMux].
//
//	mux.Handle("/debug/wakechain", live.Handler())
//
// A request may have these parameters:
//
//   - format: html, text, or json, which is a [View]. Without it the Accept header
//     decides, and */* means text.
//   - min: leaves out shorter waits, such as 1s.
//   - connection: the ID of one end; leaves out everything unrelated to it.
//   - stacks=1: adds the stack of each goroutine. That stops all of them, 10,000 for
//     100 ms. A page with stacks does not refresh itself.
//
// Other parameters and invalid values are answered with status 400 and a line with the
// reason. The options apply to each snapshot.
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
	_, _ = w.Write(body) // an error means that the client is gone
}

// body returns the response body, and ends the caller's turn.
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

// array returns a slice that is encoded as an array, not as null.
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
