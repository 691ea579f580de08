package chain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wakechain/wakechain/trace/chain/internal/lex"
)

// Format is the format of a source of spans.
type Format string

// The formats that [Read] recognises.
const (
	FormatOTLP   Format = "OTLP/JSON"   // {"resourceSpans":…}, as the collector's file exporter writes it
	FormatJaeger Format = "Jaeger"      // {"data":[{"spans":…}]}, of its API or saved from its UI
	FormatTempo  Format = "Tempo"       // {"batches":…} or {"trace":…}, of its API
	FormatStdout Format = "stdouttrace" // as the SDK's exporter of that name prints it

	// FormatGoTrace is an execution trace of the Go runtime. Read recognises it, and needs
	// [WithDecoder] to read it.
	FormatGoTrace Format = "Go execution trace"
)

// ReadOption configures [Read].
type ReadOption interface{ applyRead(*readConfig) }

type readConfig struct {
	ctx      context.Context
	progress func(Progress)
	decoders map[Format]func(io.Reader) ([]Span, error)
	maxSpans int
}

const defaultMaxSpans = 10_000_000

type readOptionFunc func(*readConfig)

func (f readOptionFunc) applyRead(c *readConfig) { f(c) }

// WithContext ends Read when ctx is done, even while the source blocks. Read then returns
// at once, with the spans so far and the cause of ctx. The call to the source's Read may
// still be running, so the source must not be used again, except to close it.
func WithContext(ctx context.Context) ReadOption {
	return readOptionFunc(func(c *readConfig) { c.ctx = ctx })
}

// Progress is how far Read has come.
type Progress struct {
	Bytes int64 // of the source, before decompression
	Spans int
}

// WithProgress makes Read call f after about each megabyte of decompressed data, on the
// goroutine of its caller.
func WithProgress(f func(Progress)) ReadOption {
	return readOptionFunc(func(c *readConfig) { c.progress = f })
}

// WithMaxSpans sets how many spans are read at most. Those beyond are left out, and the
// report warns of them. The default is 10,000,000, which limits the memory that a hostile
// source can take to some gigabytes. n < 1 is ignored.
func WithMaxSpans(n int) ReadOption {
	return readOptionFunc(func(c *readConfig) {
		if n > 0 {
			c.maxSpans = n
		}
	})
}

// WithDecoder makes Read pass a source of the format f to decode, whole and decompressed.
// Read only does so for a [FormatGoTrace].
func WithDecoder(f Format, decode func(io.Reader) ([]Span, error)) ReadOption {
	return readOptionFunc(func(c *readConfig) {
		if c.decoders == nil {
			c.decoders = make(map[Format]func(io.Reader) ([]Span, error))
		}
		c.decoders[f] = decode
	})
}

// Report describes what [Read] found.
type Report struct {
	Format      Format // of the first span
	Compression string // "", "gzip" or "zstd"
	Bytes       int64  // of the source, before decompression
	Objects     int    // complete top-level objects
	Spans       int

	// Warnings report what was left out, in order. There are at most 11: after ten, one
	// more counts the rest.
	Warnings []Warning
}

// Warning reports a part of a source that was left out, or an error in a server's answer.
type Warning struct {
	// CutOff is set if the source ends in the middle of an object or a list: it was cut
	// off, or is still being written.
	CutOff bool

	Line  int    // of the part, from 1; 0: not known
	Bytes int64  // its size, decompressed; 0: not known
	Text  string // the whole warning in one line, safe on a terminal
}

// String returns the warning as one line of text.
func (w Warning) String() string { return w.Text }

// FormatError is the error for a source whose format Read cannot read.
type FormatError struct {
	Format Format // FormatGoTrace, or "" for every other format
	Looks  string // what it looks like, such as "OTLP in protobuf"
	Advice string // what to do
}

// Error returns one line of text.
func (e *FormatError) Error() string {
	return fmt.Sprintf("chain: this looks like %s: %s", e.Looks, e.Advice)
}

// Read reads the spans of a source and detects its format: OTLP/JSON as lines, as one
// object or as an array; the answers of Jaeger's and Tempo's APIs; the output of the SDK's
// stdouttrace exporter, also between lines of a log. All of them may be compressed by gzip
// or zstd. Unknown fields are ignored, and so are objects of logs and metrics.
//
// Damaged and incomplete parts are left out, and the report warns of them. The error is a
// [*FormatError] if the source is something else, the error of the source's Read, or the
// cause of the context. If there are no spans, it may also be a server's error or the first
// damage. The spans before an error are returned with it. A source without spans is no
// error.
//
// Besides the spans, Read holds one value of the source in memory, some tens of megabytes
// at most. A [Collection] reads several sources, and takes less memory.
func Read(r io.Reader, opts ...ReadOption) ([]Span, Report, error) {
	var c Collection
	report, err := c.Read(r, opts...)
	return c.take(), report, err
}

// Read adds the spans of a source to the collection, like the function [Read].
func (c *Collection) Read(r io.Reader, opts ...ReadOption) (Report, error) {
	cfg := readConfig{maxSpans: defaultMaxSpans}
	for _, o := range opts {
		if o != nil {
			o.applyRead(&cfg)
		}
	}
	in := newInput(r, &cfg)
	defer in.close()
	before := c.Len()
	rd := reading{in: in, cfg: &cfg, into: c, before: before}
	err := rd.run()
	rd.report.Bytes, rd.report.Spans = in.source.n, rd.count()
	if rd.more > 0 {
		rd.report.Warnings = append(rd.report.Warnings, Warning{Text: fmt.Sprintf("%d more parts were left out", rd.more)})
	}
	return rd.report, err
}

// reading is one call of Read.
type reading struct {
	in     *input
	cfg    *readConfig
	d      *decoder
	into   *Collection
	before int // the length of into before the call
	report Report
	more   int   // warnings that are only counted
	first  error // the first damage

	noise, noiseAt int // how many lines are not JSON, and the number of the first one
}

const maxWarnings = 10

// count returns how many spans this call has read.
func (r *reading) count() int { return r.into.Len() - r.before }

func (r *reading) run() error {
	if err := r.in.open(); err != nil {
		return err
	}
	r.report.Compression = r.in.compression
	if isGoTrace(r.in.head) {
		r.report.Format = FormatGoTrace
		decode := r.cfg.decoders[FormatGoTrace]
		if decode == nil {
			return &FormatError{FormatGoTrace, "an execution trace of Go", "go tool trace shows it; package schedread makes spans of it"}
		}
		spans, err := decode(r.in)
		r.into.Add(spans...)
		return err
	}
	if err := foreign(r.in.head); err != nil {
		return err
	}
	l := lex.New(r.in)
	r.d = newDecoder(l, r.into)
	r.d.room = r.cfg.maxSpans
	r.d.faulty = func(line int, err error) {
		r.fault(err)
		r.warn(Warning{Line: line, Text: fmt.Sprintf("line %d: left out: %s", line, says(err.Error()))})
	}
	r.in.spans = r.count
	err := r.documents()
	r.report.Format = r.d.format
	return r.verdict(err)
}

// verdict returns the error of a source that was read to its end, or err.
func (r *reading) verdict(err error) error {
	switch {
	case err != nil:
		return err
	case r.count() > 0:
		if r.d.server != "" {
			r.warn(Warning{Text: "the server says: " + r.d.server})
		}
		if r.noise > 0 {
			r.warn(Warning{Line: r.noiseAt, Text: fmt.Sprintf("%d lines are no JSON and were left out, the first is line %d", r.noise, r.noiseAt)})
		}
		return nil
	case r.d.server != "":
		return fmt.Errorf("chain: the server says: %s", r.d.server)
	case r.first != nil:
		return r.first
	case r.report.Objects == 0 && r.noise > 0:
		return noJSON(r.in.head)
	case !r.d.known && len(r.d.fields) > 0:
		return noSpans(r.d.fields)
	default:
		return nil
	}
}

// documents reads one top-level object after the other. It skips the brackets and commas of
// arrays around them.
func (r *reading) documents() error {
	l := r.d.lex
	open := 0
	for {
		switch c := l.Peek(); c {
		case 0:
			if l.Err() == nil {
				if open > 0 {
					r.warn(Warning{CutOff: true, Line: l.Line(), Text: "cut off, or still being written: the list of objects has no end"})
				}
				return nil
			}
			if done, err := r.broken(l.Line(), l.Offset()); done {
				return err
			}
		case '{':
			line, at := l.Line(), l.Offset()
			r.d.fault, r.d.attrs, r.d.depth = nil, r.d.attrs[:0], 0
			r.d.document(FormatOTLP, false)
			if l.Err() == nil {
				r.report.Objects++
				continue
			}
			if done, err := r.broken(line, at); done {
				return err
			}
			open = 0
		case '[':
			open++
			l.Byte()
		case ']':
			open = max(open-1, 0)
			l.Byte()
		case ',':
			l.Byte()
		default:
			if r.noise++; r.noise == 1 {
				r.noiseAt = l.Line()
			}
			open = 0
			l.SkipLine()
		}
	}
}

// broken handles an object that is damaged or incomplete. It reports whether reading ends
// there, and with which error.
func (r *reading) broken(line int, from int64) (bool, error) {
	l := r.d.lex
	err, at := l.Err(), l.Line()
	if failed := r.in.failed(); failed != nil {
		return true, failed
	}
	if r.d.full {
		r.warn(Warning{Line: at, Text: fmt.Sprintf("there are more than %d spans: those from line %d on were left out", r.cfg.maxSpans, at)})
		return true, nil
	}
	if l.AtEnd() {
		r.cutOff(line, from, err)
		return true, nil
	}
	from = max(from, r.d.whole)
	more := l.Resume()
	r.fault(fmt.Errorf("chain: line %d: %w", at, err))
	lost := l.Offset() - from
	r.warn(Warning{Line: at, Bytes: lost, Text: fmt.Sprintf("line %d is damaged (%s): %d bytes were left out", at, says(err.Error()), lost)})
	if failed := r.in.failed(); failed != nil {
		return true, failed
	}
	return !more, nil
}

// cutOff warns of an object that began at from and is incomplete.
func (r *reading) cutOff(line int, from int64, err error) {
	l := r.d.lex
	kept := r.d.whole > from
	lost := l.Offset() - max(from, r.d.whole)
	r.fault(fmt.Errorf("chain: line %d: cut off, or still being written: %w", line, err))
	text := fmt.Sprintf("it ends in the middle of an object that begins in line %d, of which the last %d bytes were left out", line, lost)
	switch {
	case !errors.Is(err, io.ErrUnexpectedEOF):
		text = fmt.Sprintf("its compression is damaged (%s) in line %d, of which the last %d bytes were left out", says(err.Error()), line, lost)
	case lost == 0:
		text = fmt.Sprintf("its compression ends early, in line %d", line)
	}
	if kept {
		text += "; the whole spans before are used"
	}
	r.warn(Warning{CutOff: true, Line: line, Bytes: lost, Text: "cut off, or still being written: " + text})
}

// fault keeps the first error as the damage to report.
func (r *reading) fault(err error) {
	if r.first == nil {
		if !strings.HasPrefix(err.Error(), "chain: ") {
			err = fmt.Errorf("chain: line %d: %w", r.d.lex.Line(), err)
		}
		r.first = err
	}
}

func (r *reading) warn(w Warning) {
	if len(r.report.Warnings) == maxWarnings {
		r.more++
		return
	}
	r.report.Warnings = append(r.report.Warnings, w)
}
