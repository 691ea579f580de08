package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/examples/internal/debugpage"
	"github.com/wakechain/wakechain/examples/internal/telemetry"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/live"
	"github.com/wakechain/wakechain/trace/sequence"
)

const (
	maxSpans = 200_000 // that are kept to be printed
	maxLines = 120     // of the chain
)

// run runs the sides that the flags select, and prints their chain and its explanation.
func (c *config) run(ctx context.Context, stdout io.Writer) error {
	out := &telemetry.LockedWriter{W: stdout}
	log := &progress{w: out, start: time.Now()}
	otel.SetErrorHandler(log.warner())

	t, err := telemetry.New(maxSpans, c.spans)
	if err != nil {
		return err
	}
	var drawing *os.File
	if c.diagram != "" {
		if drawing, err = os.Create(c.diagram); err != nil {
			return err
		}
		defer drawing.Close()
	}

	var page *debugpage.Page
	if c.debug != "" {
		if page, err = debugpage.Start(ctx, c.debug); err != nil {
			return err
		}
		log.printf("what is stuck right now: %s", page.URL)
	}
	unwatch := func() {}
	if c.watch {
		unwatch = live.Watch(ctx)
	}
	ran := errors.Join(c.sides(ctx, t, log), page.Close())
	unwatch()
	t.Shutdown(ctx)
	spans, dropped := t.Memory.Spans()
	if len(spans) > 0 {
		if err := report(out, spans, dropped); err != nil {
			return err
		}
	}
	if drawing != nil {
		if err := draw(drawing, spans, dropped); err != nil {
			return err
		}
	}
	return ran
}

// sides runs the server alone, the client alone, or both until the client has
// ended and the server has noticed.
func (c *config) sides(ctx context.Context, t *telemetry.Tracers, log *progress) error {
	if c.connect != "" {
		return c.client(ctx, c.connect, t, log)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	tracer, err := t.Tracer(ctx, "socket_start")
	if err != nil {
		return err
	}
	s := &server{tracer: tracer, small: c.buffers == "small", hold: c.hold, log: log, message: []byte(`{"value":1}`)}
	if c.serve != "" && s.small {
		s.message = append(s.message, bytes.Repeat([]byte(" "), fill-len(s.message))...)
	}
	l, err := s.listen(ctx, c.serve)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.serve(ctx, l) }()
	if c.serve == "" {
		err = c.client(ctx, "ws://"+l.Addr().String(), t, log)
		s.settle()
		stop()
	}
	return errors.Join(err, <-served)
}

func (c *config) client(ctx context.Context, url string, t *telemetry.Tracers, log *progress) error {
	tracer, err := t.Tracer(ctx, "socket_get")
	if err != nil {
		return err
	}
	cl := &client{
		tracer: tracer, small: c.buffers == "small", log: log,
		messages: c.messages, work: c.work, idle: c.idle,
	}
	if c.hold {
		cl.idle = math.MaxInt64 // until ctx ends
	}
	if err := cl.run(ctx, url); ctx.Err() == nil { // else interrupted
		return err
	}
	return nil
}

// draw draws the spans in the format of the file's extension.
func draw(f *os.File, spans []sdktrace.ReadOnlySpan, dropped int) error {
	format, err := sequence.FormatOf(f.Name())
	if err != nil {
		return err
	}
	title := "Why the sender is stuck, and what wakes it"
	if dropped > 0 {
		title += fmt.Sprintf(" (%d spans were not kept)", dropped)
	}
	d := sequence.New(chain.New(chain.FromSpans(spans)), sequence.WithTitle(title))
	if err := d.Write(f, format); err != nil {
		return err
	}
	return f.Close()
}

// report prints the call chain and the findings.
func report(w io.Writer, spans []sdktrace.ReadOnlySpan, dropped int) error {
	c := chain.New(chain.FromSpans(spans))
	fmt.Fprintf(w, "\nThe call chain, from %d spans", len(spans))
	if dropped > 0 {
		fmt.Fprintf(w, " (%d more were not kept)", dropped)
	}
	fmt.Fprint(w, ":\n\n")
	if err := c.WriteTree(w, chain.WithMaxLines(maxLines)); err != nil {
		return err
	}
	findings := explain.Explain(c)
	if len(findings) == 0 {
		_, err := fmt.Fprintf(w, "\nNothing found in %d spans.\n", len(spans))
		return err
	}
	title := "What the trace says"
	for _, f := range findings {
		if f.Rule == explain.SenderStalled {
			title = "Why was the sender stuck, and what woke it?"
		}
	}
	fmt.Fprintf(w, "\n%s\n\n", title)
	return explain.Print(w, c, findings)
}

// progress prints what happens, with the time since the start.
type progress struct {
	w     io.Writer
	start time.Time
}

func (p *progress) printf(format string, args ...any) {
	fmt.Fprintf(p.w, "%5.2fs  %s\n", time.Since(p.start).Seconds(), fmt.Sprintf(format, args...))
}

// answer prints v, which is what is stuck right now.
func (p *progress) answer(v *live.View) {
	var b strings.Builder
	_ = v.WriteText(&b) // a Builder has no errors
	p.printf("this is stuck right now:\n\n%s", b.String())
	p.printf("it is ready to be looked at, and stuck until interrupted")
}

// warner prints the first error of the telemetry; the others are similar.
func (p *progress) warner() otel.ErrorHandler {
	var once sync.Once
	return otel.ErrorHandlerFunc(func(err error) {
		once.Do(func() { p.printf("warning: the spans: %v", err) })
	})
}
