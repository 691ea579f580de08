package chain

import (
	"context"
	"fmt"
	"io"
)

// Format is what a source of spans turned out to be.
type Format string

// The formats that [Read] knows.
const (
	FormatOTLP   Format = "OTLP/JSON"   // {"resourceSpans":…}, as the collector's file exporter writes it
	FormatJaeger Format = "Jaeger"      // {"data":[{"spans":…}]}, of its API or saved from its UI
	FormatTempo  Format = "Tempo"       // {"batches":…} or {"trace":…}, of its API
	FormatStdout Format = "stdouttrace" // what the SDK's exporter of that name prints

	// FormatGoTrace is an execution trace of the Go runtime. Read recognises it, and
	// leaves it to [WithDecoder].
	FormatGoTrace Format = "Go execution trace"
)

// ReadOption configures [Read].
type ReadOption interface{ applyRead(*readConfig) }

type readConfig struct {
	ctx      context.Context
	progress func(Progress)
	decoders map[Format]func(io.Reader) ([]Span, error)
}

type readOptionFunc func(*readConfig)

func (f readOptionFunc) applyRead(c *readConfig) { f(c) }

// WithContext ends Read once ctx is done, even while the source is silent. Read
// returns at once then, with the spans so far and the cause of ctx; the call to
// the source's Read may go on, so that the source must not be used again but to
// close it.
func WithContext(ctx context.Context) ReadOption {
	return readOptionFunc(func(c *readConfig) { c.ctx = ctx })
}

// Progress is how far Read has come.
type Progress struct {
	Bytes int64 // of the source, as they are there: compressed
	Spans int
}

// WithProgress has Read call f after about each megabyte of spans, on the
// goroutine of its caller.
func WithProgress(f func(Progress)) ReadOption {
	return readOptionFunc(func(c *readConfig) { c.progress = f })
}

// WithDecoder has decode read sources of the format f, which it is given whole and
// not compressed. It is how a command reads a [FormatGoTrace].
func WithDecoder(f Format, decode func(io.Reader) ([]Span, error)) ReadOption {
	return readOptionFunc(func(c *readConfig) {
		if c.decoders == nil {
			c.decoders = make(map[Format]func(io.Reader) ([]Span, error))
		}
		c.decoders[f] = decode
	})
}

// Report says what [Read] found.
type Report struct {
	Format      Format // of the first object with spans
	Compression string // "", "gzip" or "zstd"
	Bytes       int64  // of the source, as they are there: compressed
	Objects     int    // top-level objects that were whole
	Spans       int

	// Warnings say what was left out, in order. There are at most a few: the last
	// one counts the others.
	Warnings []Warning
}

// Warning says that a part of a source was left out.
type Warning struct {
	// CutOff says that the source ends in the middle of an object: it was cut off,
	// or is still being written.
	CutOff bool

	Line  int    // where the part begins, from 1; 0 is not known
	Bytes int64  // of it, not compressed; 0 is not known
	Text  string // one line, which says all: safe on a terminal
}

// String returns the warning as one line of text.
func (w Warning) String() string { return w.Text }

// FormatError says that a source is none that Read can read.
type FormatError struct {
	Format Format // FormatGoTrace, or "": not one of ours
	Looks  string // what it looks like, such as "OTLP in protobuf"
	Advice string // what to do
}

// Error returns one line of text.
func (e *FormatError) Error() string {
	return fmt.Sprintf("chain: this looks like %s: %s", e.Looks, e.Advice)
}

// Read reads the spans of a source and finds out by itself what it is: OTLP/JSON as
// lines, as one object or as an array; what Jaeger's and Tempo's APIs answer; what
// the SDK's stdouttrace exporter prints; each of them also compressed by gzip or
// zstd. Unknown fields are ignored, and so are objects of logs and metrics.
//
// What is damaged or cut off is left out, and the report warns of it. The error is
// a [*FormatError] where the source is something else, what the source's Read
// returned, or the cause of the context; the spans before come with it. A source
// without spans is no error.
//
// It holds one span in memory besides those that it returns.
func Read(r io.Reader, opts ...ReadOption) ([]Span, Report, error) {
	var cfg readConfig
	for _, o := range opts {
		if o != nil {
			o.applyRead(&cfg)
		}
	}
	spans, err := ReadJaeger(r)
	return spans, Report{Format: FormatOTLP, Spans: len(spans)}, err
}
