package chain

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// input reads a source, and removes its compression.
type input struct {
	source      *counted
	progress    func(Progress)
	spans       func() int
	compression string
	head        []byte // the first bytes, decompressed

	r      io.Reader
	since  int // bytes since the last call of progress
	closed func()
}

const (
	progressEvery = 1 << 20   // bytes of spans
	maxLayers     = 3         // of compression, one in another
	maxWindow     = 128 << 20 // of zstd, in bytes: that of its option --long
)

func newInput(r io.Reader, cfg *readConfig) *input {
	in := &input{source: &counted{r: r}, progress: cfg.progress, spans: func() int { return 0 }, closed: func() {}}
	if cfg.ctx != nil && cfg.ctx.Done() != nil {
		in.source.r = newPump(cfg.ctx, r)
	}
	return in
}

// open detects how the source is compressed, and reads its head.
func (in *input) open() error {
	var r io.Reader = in.source
	for layer := 0; ; layer++ {
		b := bufio.NewReaderSize(r, 64<<10)
		head, err := b.Peek(headSize)
		if failed := in.failed(); failed != nil {
			return failed
		}
		if err != nil && !errors.Is(err, io.EOF) && len(head) == 0 {
			return fmt.Errorf("chain: %s: cut off, or damaged: %w", in.compression, err)
		}
		c := compression(head)
		if c == "" {
			in.r, in.head = b, append([]byte(nil), head...)
			return nil
		}
		if layer == maxLayers {
			return &FormatError{Looks: fmt.Sprintf("data compressed more than %d times", maxLayers), Advice: "decompress it first"}
		}
		in.compression = c
		if r, err = in.decompress(c, b); err != nil {
			if failed := in.failed(); failed != nil {
				return failed
			}
			return fmt.Errorf("chain: %s: cut off, or damaged: %w", c, err)
		}
	}
}

func (in *input) decompress(how string, r io.Reader) (io.Reader, error) {
	if how == "gzip" {
		return gzip.NewReader(r)
	}
	// With a concurrency of 1 it decodes on the caller's goroutine, and starts no other.
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	before := in.closed
	in.closed = func() { z.Close(); before() }
	return z, nil
}

// Read reads decompressed bytes, and reports the progress.
func (in *input) Read(p []byte) (int, error) {
	n, err := in.r.Read(p)
	if in.since += n; in.progress != nil && in.since >= progressEvery {
		in.since = 0
		in.progress(Progress{Bytes: in.source.n, Spans: in.spans()})
	}
	return n, err
}

// failed returns the error of the source itself, not of its decompression.
func (in *input) failed() error { return in.source.err }

func (in *input) close() {
	in.closed()
	if p, ok := in.source.r.(*pump); ok {
		p.stop()
	}
}

// counted counts the bytes that are read, and keeps the error.
type counted struct {
	r   io.Reader
	n   int64
	err error // other than io.EOF
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// pump reads a source on a goroutine of its own, so that a context can end a Read that
// waits for the source.
type pump struct {
	ctx   context.Context
	full  chan piece
	empty chan []byte
	done  chan struct{}
	now   piece // the unread part of the current piece
	whole []byte
}

type piece struct {
	b   []byte
	err error
}

func newPump(ctx context.Context, r io.Reader) *pump {
	p := &pump{ctx: ctx, full: make(chan piece), empty: make(chan []byte, 2), done: make(chan struct{})}
	for range cap(p.empty) {
		p.empty <- make([]byte, 256<<10)
	}
	go p.run(r)
	return p
}

func (p *pump) run(r io.Reader) {
	for {
		var b []byte
		select {
		case b = <-p.empty:
		case <-p.done:
			return
		}
		n, err := r.Read(b)
		select {
		case p.full <- piece{b[:n], err}:
		case <-p.done:
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *pump) stop() { close(p.done) }

// Read returns what the goroutine has read, or the cause of the context.
func (p *pump) Read(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, context.Cause(p.ctx)
	}
	if len(p.now.b) == 0 && p.now.err == nil {
		if p.whole != nil {
			p.empty <- p.whole[:cap(p.whole)]
			p.whole = nil
		}
		select {
		case p.now = <-p.full:
			p.whole = p.now.b
		case <-p.ctx.Done():
			return 0, context.Cause(p.ctx)
		}
	}
	n := copy(b, p.now.b)
	p.now.b = p.now.b[n:]
	if len(p.now.b) == 0 {
		return n, p.now.err
	}
	return n, nil
}
