package chain

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/semconv"
)

// maxText is the most characters that a line shows of one attribute.
const maxText = 60

// fixed returns the details of a span that do not vary from one call to the next, as times
// and sizes do. Its name is not among them. Spans with equal details fold.
func (p *printer) fixed(s *Span) []string {
	var d details
	d.escape = p.escape
	switch s.Word() {
	case semconv.SpanBlock:
		d.unsaid(s, semconv.BlockReasonKey)
		d.unsaid(s, semconv.BlockCauseKey)
		if s.Str(semconv.BlockSourceKey) != string(semconv.SourcePoll) {
			d.attr(s, semconv.BlockSourceKey, "")
		}
	case semconv.SpanWake:
		d.unsaid(s, semconv.WakeReasonKey)
	case semconv.SpanStalled:
		p.stalled(&d, s)
	case semconv.SpanHistory:
		d.attr(s, semconv.WebSocketRoleKey, "")
		d.history(s)
	case semconv.SpanRead, semconv.SpanWrite, semconv.SpanReads, semconv.SpanWrites, semconv.SpanPing, semconv.SpanClose:
	default:
		d.attr(s, semconv.WebSocketRoleKey, "")
		d.address(s)
		if !strings.HasSuffix(s.Name, " "+s.Str(semconv.URLPathKey)) { // otherwise the name has it
			d.attr(s, semconv.URLPathKey, "")
		}
	}
	d.attr(s, semconv.SyncNameKey, "")
	d.attr(s, semconv.SelectCaseNameKey, "chose ")
	if site := s.Site(); site != "" {
		d.add("at " + d.cut(site))
	}
	d.attr(s, semconv.HTTPResponseStatusCodeKey, "")
	d.attr(s, semconv.WebSocketSubprotocolKey, "")
	d.attr(s, semconv.WebSocketExtensionsKey, "")
	code := "close "
	if s.Name == semconv.SpanClose {
		code = ""
	}
	d.attr(s, semconv.WebSocketCloseCodeKey, code)
	d.attr(s, semconv.WebSocketHandshakeCheckKey, "refused: ")
	rest := s.Rest()
	if rest == nil {
		d.attr(s, semconv.GoroutineStateKey, "")
	} else {
		d.attr(rest, semconv.GoroutineStateKey, "")
	}
	for _, key := range p.cfg.keys {
		d.attr(s, key, string(key)+"=")
		if rest != nil {
			d.attr(rest, key, string(key)+"=")
		}
	}
	d.failure(s)
	if rest != nil {
		d.failure(rest)
	}
	if s.Orphan() {
		d.add("(parent " + s.ParentID.String() + " is missing)")
	}
	return d.parts
}

type details struct {
	parts  []string
	escape func(string) string
}

func (d *details) add(text string) {
	if text != "" {
		d.parts = append(d.parts, text)
	}
}

// cut returns what a line shows of a text from the trace: escaped, and shortened to
// maxText.
func (d *details) cut(s string) string {
	return text.Shorten(d.escape(text.Shorten(s, maxText)), maxText)
}

func (d *details) attr(s *Span, key attribute.Key, label string) {
	if v := s.Str(key); v != "" {
		d.add(d.escape(label) + d.cut(v))
	}
}

// unsaid adds an attribute of a block or a wake, unless it is part of the name.
func (d *details) unsaid(s *Span, key attribute.Key) {
	if v := s.Str(key); v != "" && s.Name != s.Word()+" "+v {
		d.attr(s, key, "")
	}
}

// address adds the address of the other end. A client's port is left out: its system
// chooses a different one each time.
func (d *details) address(s *Span) {
	server := s.Kind == oteltrace.SpanKindServer
	for _, a := range []struct {
		address, port attribute.Key
		server        bool
	}{
		{semconv.ServerAddressKey, semconv.ServerPortKey, false},
		{semconv.ClientAddressKey, "", true},
		{semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey, false},
		{semconv.NetworkPeerAddressKey, "", true},
	} {
		host := s.Str(a.address)
		if host == "" || a.server != server {
			continue
		}
		if port := s.Str(a.port); port != "" {
			host = net.JoinHostPort(host, port)
		}
		arrow := "→ "
		if server {
			arrow = "from "
		}
		d.add(arrow + d.cut(host))
		return
	}
}

func (d *details) failure(s *Span) {
	kind := s.Str(semconv.ErrorTypeKey)
	if kind == "" && !s.Failed() {
		return
	}
	why := kind
	switch {
	case why == "":
		why = s.Status.Description
	case s.Failed() && s.Status.Description != "" && s.Status.Description != kind:
		why += ": " + s.Status.Description
	}
	if why == "" {
		why = "error"
	}
	d.add("✗ " + d.cut(why))
}

// label appends to b what must be equal for spans to fold.
func (p *printer) label(b []byte, s *Span) []byte {
	part := func(text string) { b = append(append(b, text...), 0) }
	number := func(n int32) { b = append(strconv.AppendInt(b, int64(n), 10), 0) }
	part(s.Name)
	number(s.proc)
	number(int32(s.Status.Code))
	part(strconv.FormatBool(s.End.IsZero()))
	for _, text := range p.fixed(s) {
		part(text)
	}
	for i, l := range s.Links {
		if i == maxLinks || s.ofGoroutine() {
			break
		}
		if l.Span == nil {
			part("?")
		} else {
			part(l.Span.Name)
			number(l.Span.proc)
		}
	}
	return b
}

// times returns how long one or several spans took.
func times(spans []*Span) []string {
	first := spans[0]
	_, stalled := first.Stalled()
	switch {
	case stalled:
		return stalledTimes(spans)
	case len(spans) == 1 && first.IsGoroutine():
		return goTimes(first)
	}
	if first.End.IsZero() {
		return []string{"not ended"}
	}
	var total, longest time.Duration
	for _, s := range spans {
		d := weight(s)
		total, longest = Sum(total, d), max(longest, d)
	}
	if len(spans) == 1 {
		return []string{text.Duration(total, "")}
	}
	if total == 0 {
		return nil
	}
	return []string{"total " + text.Duration(total, ""), "max " + text.Duration(longest, "")}
}

// goTimes returns how long a goroutine lived and, if it was at least 1ms, how late it
// started.
func goTimes(s *Span) []string {
	rest := s.Rest()
	if rest == nil {
		rest = s
	}
	if rest.End.IsZero() {
		return []string{"not ended"}
	}
	parts := []string{text.Duration(s.Lived(), "")}
	if rest == s && s.Life() == nil {
		parts[0] = "after " + parts[0]
	}
	if late := s.Seconds(semconv.GoroutineStartDelayKey); late >= time.Millisecond {
		parts = append(parts, "started in "+text.Duration(late, ""))
	}
	return parts
}

// messages returns how many messages runs have, and their indexes.
func messages(spans []*Span) []string {
	if !spans[0].isRun() {
		return nil
	}
	var n int64
	for _, s := range spans {
		n += s.Messages()
	}
	first, _ := spans[0].Indexes()
	_, last := spans[len(spans)-1].Indexes()
	switch {
	case n == 1:
		return []string{"1 message"}
	case first == 0 || last-first+1 != n: // not known, or not consecutive
		return []string{text.Number(n) + " messages"}
	default:
		return []string{fmt.Sprintf("%s messages, %s to %s", text.Number(n), text.Number(first), text.Number(last))}
	}
}

// longest returns how long the longest message of runs took, and for how long no message
// was under way.
func longest(spans []*Span) []string {
	if !spans[0].isRun() {
		return nil
	}
	var most, idle time.Duration
	for _, s := range spans {
		most = max(most, s.Seconds(semconv.WebSocketRunLongestKey))
		idle = Sum(idle, s.Seconds(semconv.WebSocketRunIdleKey))
	}
	return []string{"longest " + text.Duration(most, ""), "idle " + text.Duration(idle, "")}
}

// sizes returns the sizes of the spans' messages: one size or a range. For runs it returns
// the sum.
func sizes(spans []*Span) []string {
	if spans[0].isRun() {
		var total int64
		for _, s := range spans {
			total += max(s.Int(semconv.WebSocketMessageSizeKey), 0)
		}
		return []string{text.Bytes(float64(total))}
	}
	var low, high int64
	var seen bool
	for _, s := range spans {
		v, ok := s.Attr(semconv.WebSocketMessageSizeKey)
		if !ok || v.Type() != attribute.INT64 {
			continue
		}
		n := max(v.AsInt64(), 0)
		if !seen {
			low, high, seen = n, n, true
		}
		low, high = min(low, n), max(high, n)
	}
	switch {
	case !seen:
		return nil
	case low == high:
		return []string{text.Bytes(float64(low))}
	default:
		return []string{text.Bytes(float64(low)) + " – " + text.Bytes(float64(high))}
	}
}

// blocked returns how long spans were blocked according to their attributes. It returns nil
// if blocks below a span show it.
func blocked(spans []*Span) []string {
	if spans[0].Name == semconv.SpanReads { // the line shows idle instead
		return nil
	}
	var total time.Duration
	var count int64
	for _, s := range spans {
		if hasBlocks(s) {
			return nil
		}
		for _, from := range []*Span{s, s.Rest()} {
			if from != nil && from.Float(semconv.BlockDurationKey) > 0 {
				total = Sum(total, from.Seconds(semconv.BlockDurationKey))
				count += max(from.Int(semconv.BlockCountKey), 1)
			}
		}
	}
	switch {
	case total == 0:
		return nil
	case count > 1:
		return []string{fmt.Sprintf("blocked %s in %d", text.Duration(total, ""), count)}
	default:
		return []string{"blocked " + text.Duration(total, "")}
	}
}

func hasBlocks(s *Span) bool {
	for _, c := range s.Children {
		if c.Is(semconv.SpanBlock) {
			return true
		}
	}
	return false
}

// maxLinks is how many links of one span a line shows.
const maxLinks = 2

// links returns the targets of the spans' links, as the line shows them.
func (p *printer) links(spans []*Span) []string {
	by := "← "
	if spans[0].Is(semconv.SpanWake) {
		by = "← woken by "
	}
	if spans[0].ofGoroutine() {
		return nil // they lead to spans below it
	}
	var out []string
	for i, l := range spans[0].Links {
		switch {
		case i == maxLinks:
			return append(out, fmt.Sprintf("(+%d links)", len(spans[0].Links)-maxLinks))
		case l.Span == nil && spans[0].Name == semconv.SpanStalled:
			// It links to the blocked operation, which the line names.
		case l.Span == nil:
			out = append(out, by+"a span that is not here")
		case len(spans) > 1:
			out = append(out, by+p.escape(l.Span.Name)+p.tally(targets(spans, i))+p.of(l.Span, spans[0]))
		default:
			out = append(out, fmt.Sprintf("%s%s #%d%s", by, p.escape(l.Span.Name), l.Span.Seq, p.of(l.Span, spans[0])))
		}
	}
	return out
}

// targets returns the distinct targets of the i-th links of spans.
func targets(spans []*Span, i int) []*Span {
	seen := make(map[*Span]bool, len(spans))
	var out []*Span
	for _, s := range spans {
		if i < len(s.Links) && s.Links[i].Span != nil && !seen[s.Links[i].Span] {
			seen[s.Links[i].Span] = true
			out = append(out, s.Links[i].Span)
		}
	}
	return out
}

// of returns the service of a link's target, or "" if it is in the process of from.
func (p *printer) of(target, from *Span) string {
	if target.proc == from.proc {
		return ""
	}
	return " (" + p.service(target) + ")"
}

// tally returns ×n if there are several spans and, if other lines refer to some of them,
// the range of their numbers in the chain.
func (p *printer) tally(spans []*Span) string {
	var out string
	if len(spans) > 1 {
		out = " ×" + strconv.Itoa(len(spans))
	}
	low, high := -1, -1
	for _, s := range spans {
		if !s.Cited() && !p.cited[s] {
			continue
		}
		if low < 0 {
			low, high = s.Seq, s.Seq
		}
		low, high = min(low, s.Seq), max(high, s.Seq)
	}
	switch {
	case low < 0:
		return out
	case low == high:
		return fmt.Sprintf("%s #%d", out, low)
	default:
		return fmt.Sprintf("%s #%d–%d", out, low, high)
	}
}
