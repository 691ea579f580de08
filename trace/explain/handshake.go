package explain

import (
	"net"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// shakes are the handshakes of one finding.
type shakes struct {
	first, longest *chain.Span
	count          int
	total          time.Duration
	with           string // the goroutine that ended with the last one's error, as endedWith returns it
}

func (sh *shakes) add(h *chain.Span) {
	if sh.first == nil {
		sh.first, sh.longest = h, h
	}
	if h.Duration() > sh.longest.Duration() {
		sh.longest = h
	}
	sh.count++
	sh.total = chain.Sum(sh.total, h.Duration())
}

// finding returns the numbers and the spans of a finding.
func (sh *shakes) finding(s *scene) Finding {
	spans := []*chain.Span{sh.longest}
	if other := sh.longest.OtherSide(); other != nil {
		spans = append(spans, other)
	}
	return Finding{Severity: Warning, Spans: spans, At: sh.first.Start.Sub(s.start), Count: sh.count, Total: sh.total}
}

// refusedHandshakes finds the handshakes that failed, and the failed check or step. If both
// sides report a failure, the server's is the reason.
func refusedHandshakes(s *scene) []Finding {
	refused := newGroups[string, shakes]()
	for _, h := range s.handshakes {
		if other := h.OtherSide(); h.Failed() && !(server(h) && other != nil && other.Failed()) {
			sh := refused.of(s.refusal(h))
			sh.add(h)
			s.report(h, other)
			sh.with = s.endedWith(h)
		}
	}
	var found []Finding
	for _, sh := range refused.all {
		f := sh.finding(s)
		f.Rule, f.Headline = HandshakeRefused, headline(s.refusalInShort(sh.longest, sh.count))
		f.Text = sentence(s.refusal(sh.longest)) + sh.with + "."
		switch {
		case sh.count > 1:
			f.Text += " They took " + duration(sh.total) + " in all."
		case strings.TrimSuffix(f.Text, ".") == f.Headline:
			f.Text = "It took " + duration(sh.total) + "."
		}
		f.Advice = s.refusalAdvice(sh.longest)
		found = append(found, f)
	}
	return found
}

// refusal describes who refused which handshake, and why.
func (s *scene) refusal(h *chain.Span) string {
	by := s.refuser(h)
	why := by.Str(semconv.WebSocketHandshakeCheckKey)
	if why != "" {
		why = "the check " + plain(why) + " failed"
		if status := by.Str(semconv.HTTPResponseStatusCodeKey); status != "" {
			why += " (HTTP " + plain(status) + ")"
		}
	}
	switch {
	case server(by):
		said := s.who(by, nil, "the server") + " refused a handshake"
		if h != by {
			said += " of " + s.who(h, nil, "a client")
		}
		if why == "" {
			why = failure(by)
		}
		return said + ": " + why
	case why != "":
		return s.who(h, nil, "a client") + " refused the answer to its handshake" + with(h) + ": " + why
	default:
		return "a handshake of " + s.who(h, nil, "a client") + with(h) + " failed" + failedStep(h) + ": " + failure(h)
	}
}

// refusalInShort is refusal for the headline of count handshakes.
func (s *scene) refusalInShort(h *chain.Span, count int) string {
	by := s.refuser(h)
	why := failure(by)
	if check := by.Str(semconv.WebSocketHandshakeCheckKey); check != "" {
		why = "the check " + plain(check) + " failed"
	}
	what := "a handshake"
	if count > 1 {
		what = text.Counted(count, "handshake")
	}
	switch {
	case server(by):
		return s.who(by, nil, "the server") + " refused " + what + ": " + why
	case by.Str(semconv.WebSocketHandshakeCheckKey) != "":
		return s.who(h, nil, "a client") + " refused the answer to " + what + ": " + why
	default:
		return sentence(what) + " of " + s.who(h, nil, "a client") + " failed" + failedStep(h) + ": " + why
	}
}

// refuser returns the side that refused a failed handshake: the server's if that failed
// too.
func (s *scene) refuser(h *chain.Span) *chain.Span {
	if other := h.OtherSide(); other != nil && server(other) && other.Failed() {
		return other
	}
	return h
}

// failure returns the failure of a span, or a text that it is unknown.
func failure(s *chain.Span) string {
	if why := failureOf(s); why != "" {
		return why
	}
	return "the trace does not say why"
}

// with names the server of a client's handshake.
func with(h *chain.Span) string {
	host, port := h.Str(semconv.ServerAddressKey), h.Str(semconv.ServerPortKey)
	switch {
	case host == "":
		return ""
	case port == "":
		return " with " + plain(host)
	default:
		return " with " + plain(net.JoinHostPort(host, port))
	}
}

// failedStep names the step in which a handshake failed, or else the last step before.
func failedStep(h *chain.Span) string {
	said := ""
	for _, c := range h.Children {
		switch {
		case !steps[c.Name]:
		case c.Failed():
			return " in " + c.Name
		default:
			said = " after " + c.Name
		}
	}
	return said
}

var steps = map[string]bool{
	semconv.StepDNS: true, semconv.StepConnect: true, semconv.StepTLS: true,
	semconv.StepWriteHTTPRequest: true, semconv.StepReadHTTPResponse: true,
	semconv.StepReadHTTPRequest: true, semconv.StepProcessRequest: true, semconv.StepWriteHTTPResponse: true,
}

func (s *scene) refusalAdvice(h *chain.Span) string {
	switch check := s.refuser(h).Str(semconv.WebSocketHandshakeCheckKey); {
	case check == "origin":
		return "Allow the origin, if it is one of yours (AcceptOptions.OriginPatterns)."
	case check == "status":
		return "Look at why the server answered with this status: the path, the authentication, a proxy in between."
	case check == "hijack":
		return "The server's ResponseWriter must be a http.Hijacker, or unwrap to one; HTTP/2 has none."
	case check == "http_version" || check == "connection" || check == "upgrade":
		return "Look at what stands between the two, such as a proxy that does not pass Upgrade on (RFC 6455 §4)."
	case check != "":
		return "Look at who sent it: a WebSocket peer does not make such a handshake (RFC 6455 §4)."
	case server(s.refuser(h)):
		return "Look at why the server could not answer: the text of its error says more."
	default:
		return "Look at whether the server is there and can be reached from the client."
	}
}

// slowHandshakes finds the handshakes that took long, and in which step. If both sides
// report one, the client's counts, because it includes the server's.
func slowHandshakes(s *scene) []Finding {
	type key struct{ of, step string }
	slow := newGroups[key, shakes]()
	for _, h := range s.handshakes {
		if h.Duration() < long || server(h) && h.OtherSide() != nil {
			continue
		}
		k := key{of: s.handshakeOf(h)}
		if step := mainStep(h); step != nil {
			k.step = step.Name
		}
		slow.of(k).add(h)
	}
	var found []Finding
	for _, sh := range slow.all {
		h := sh.longest
		of := s.handshakeOf(h)
		said := "A handshake of %s took " + duration(h.Duration())
		if sh.count > 1 {
			said = text.Counted(sh.count, "handshake") + " of %s took " + duration(sh.total) + ", one " + duration(h.Duration())
		}
		f := sh.finding(s)
		f.Rule, f.Headline, f.Text = HandshakeSlow, headline(said, of), s.slowStep(h)
		f.Advice = "Give the dial a deadline."
		if step := mainStep(h); step != nil {
			f.Advice = "Look at what " + step.Name + " waits for; give the dial a deadline."
			f.Headline = headline(said+", most in "+step.Name, of)
		}
		found = append(found, f)
	}
	return found
}

// handshakeOf names the side that reports the handshake, and its server.
func (s *scene) handshakeOf(h *chain.Span) string {
	if server(h) {
		return s.who(h, nil, "a server")
	}
	return s.who(h, nil, "a client") + with(h)
}

// slowStep describes in which step the time of a handshake was spent: as a sentence, or "".
func (s *scene) slowStep(h *chain.Span) string {
	step := mainStep(h)
	if step == nil {
		return ""
	}
	said := duration(step.Duration()) + " of that were in " + step.Name
	if other := h.OtherSide(); other != nil && other.Duration() >= step.Duration()/2 {
		said += "; there " + s.who(other, nil, "the server") + " took " + duration(other.Duration())
		if its := mainStep(other); its != nil {
			said += ", most in " + its.Name
		}
	}
	return said + "."
}

// mainStep returns the step that took at least half of a handshake, or nil.
func mainStep(h *chain.Span) *chain.Span {
	for _, c := range h.Children {
		if steps[c.Name] && c.Duration() >= h.Duration()/2 {
			return c
		}
	}
	return nil
}
