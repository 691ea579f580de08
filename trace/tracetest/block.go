package tracetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// AssertBlocked fails the test unless the span has exactly times `block` children with that
// reason and cause, which lasted at least atLeast in total:
//
//	write := tracetest.One(t, c, "write {status=error}")
//	tracetest.AssertBlocked(t, write, semconv.ReasonNetWrite, semconv.CausePeerWindow, 1, time.Second)
//
// An empty reason or cause matches any. times < 0 means one or more. There may also be
// blocks with other reasons or causes.
func AssertBlocked(tb testing.TB, span *chain.Span, reason semconv.Reason, cause semconv.Cause, times int, atLeast time.Duration) {
	tb.Helper()
	if span == nil {
		tb.Fatalf("tracetest: no span that could be blocked")
		return
	}
	n, sum := 0, time.Duration(0)
	for _, s := range span.Children {
		if s.Is(semconv.SpanBlock) && is(s.Str(semconv.BlockReasonKey), string(reason)) && is(s.Str(semconv.BlockCauseKey), string(cause)) {
			n++
			sum += s.Duration()
		}
	}
	if (n == times || times < 0 && n > 0) && sum >= atLeast {
		return
	}
	want := "at least once"
	if times >= 0 {
		want = fmt.Sprintf("×%d", times)
	}
	on := strings.Trim(string(reason)+", "+string(cause), ", ")
	if on != "" {
		on = " on " + on
	}
	tb.Errorf("tracetest: %s was blocked%s ×%d for %v, want %s for at least %v:%s", span, on, n, sum, want, atLeast, tiles(span))
}

func is(got, want string) bool { return want == "" || got == want }

// AssertTiled fails the test unless the `block` and `wake` children of the span tile it:
// they alternate, a block first, each starts exactly when the previous one ended, and the
// last one ends with the span. A span that never blocked has none, and passes.
func AssertTiled(tb testing.TB, span *chain.Span) {
	tb.Helper()
	if span == nil {
		tb.Fatalf("tracetest: no span that could be tiled")
		return
	}
	var last *chain.Span
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, "\n\t"+fmt.Sprintf(format, args...)) }
	for _, s := range span.Children {
		if !s.Is(semconv.SpanBlock) && !s.Is(semconv.SpanWake) {
			continue
		}
		switch {
		case last == nil && s.Is(semconv.SpanWake):
			fault("%s: a wake without a block", s)
		case last == nil && s.Start.Before(span.Start):
			fault("%s: starts %v before the operation", s, span.Start.Sub(s.Start))
		case last == nil:
		case s.Word() == last.Word():
			fault("%s: follows another %s", s, s.Word())
		case s.Start.After(last.End):
			fault("%s: a gap of %v behind %s", s, s.Start.Sub(last.End), last)
		case s.Start.Before(last.End):
			fault("%s: overlaps %s by %v", s, last, last.End.Sub(s.Start))
		}
		last = s
	}
	switch {
	case last == nil:
	case last.End.Before(span.End):
		fault("%s: ends %v before the operation", last, span.End.Sub(last.End))
	case last.End.After(span.End):
		fault("%s: ends %v after the operation", last, last.End.Sub(span.End))
	}
	if len(faults) > 0 {
		tb.Errorf("tracetest: %s is not tiled:%s%s", span, strings.Join(faults, ""), tiles(span))
	}
}

// tiles lists the blocks and wakes of a span, with their times since its start.
func tiles(span *chain.Span) string {
	var b strings.Builder
	n := 0
	for _, s := range span.Children {
		if !s.Is(semconv.SpanBlock) && !s.Is(semconv.SpanWake) {
			continue
		}
		if n++; n > maxShown {
			b.WriteString("\n\t\t…")
			break
		}
		fmt.Fprintf(&b, "\n\t\t%s  %v to %v", s, s.Start.Sub(span.Start), s.End.Sub(span.Start))
		for _, v := range []string{s.Str(semconv.BlockReasonKey), s.Str(semconv.BlockCauseKey), s.Str(semconv.WakeReasonKey)} {
			if v != "" {
				b.WriteString("  " + v)
			}
		}
	}
	if n == 0 {
		b.WriteString("\n\t\tit has neither block nor wake")
	}
	fmt.Fprintf(&b, "\n\t\tthe end of %s  %v", span, span.End.Sub(span.Start))
	return b.String()
}
