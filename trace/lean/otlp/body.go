package otlp

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"sync"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/lean/internal/encode"
)

// A payload is the body of a request. Its memory is reused when the exporter has
// released it and all its readers are closed: a transport may read a body for longer
// than the request takes.
type payload struct {
	request encode.Request
	raw     []byte
	zipped  bytes.Buffer
	zip     *gzip.Writer // nil: not used yet
	body    []byte
	refs    atomic.Int32
}

var payloads = sync.Pool{New: func() any { return new(payload) }}

// maxKept is the maximum size of a pooled payload, in bytes.
const maxKept = 4 << 20

// encode returns the body of a request; nil if it would be too large.
func (e *Exporter) encode(spans []sdktrace.ReadOnlySpan) (*payload, error) {
	p := payloads.Get().(*payload)
	p.refs.Store(1)
	p.request.Reset()
	for _, s := range spans {
		p.request.Add(s)
		if p.request.Size() > e.maxRequest {
			p.release()
			return nil, nil
		}
	}
	p.raw = p.request.AppendTo(p.raw[:0])
	p.body = p.raw
	if len(p.raw) > e.maxRequest {
		p.release()
		return nil, nil
	}
	if e.gzip && len(p.raw) > 0 {
		if err := p.compress(); err != nil {
			p.release()
			return nil, err
		}
	}
	return p, nil
}

func (p *payload) compress() error {
	p.zipped.Reset()
	if p.zip == nil {
		p.zip = gzip.NewWriter(&p.zipped)
	} else {
		p.zip.Reset(&p.zipped)
	}
	if _, err := p.zip.Write(p.raw); err != nil {
		return err
	}
	if err := p.zip.Close(); err != nil {
		return err
	}
	p.body = p.zipped.Bytes()
	return nil
}

// release frees the memory once it has no other user.
func (p *payload) release() {
	if p.refs.Add(-1) > 0 {
		return
	}
	p.body = nil
	p.request.Reset() // do not keep the spans' shared data alive
	if p.request.Cap()+cap(p.raw)+p.zipped.Cap() <= maxKept {
		payloads.Put(p)
	}
}

// reader returns a reader of the body.
func (p *payload) reader() io.ReadCloser {
	p.refs.Add(1)
	return &reader{p: p, left: p.body}
}

// reader may be closed during a Read.
type reader struct {
	mu   sync.Mutex
	p    *payload // nil: closed
	left []byte
}

func (r *reader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.p == nil:
		return 0, os.ErrClosed
	case len(r.left) == 0:
		return 0, io.EOF
	}
	n := copy(b, r.left)
	r.left = r.left[n:]
	return n, nil
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.p != nil {
		r.p.release()
		r.p, r.left = nil, nil
	}
	return nil
}
