package explain

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// maxText is the maximum length of a text from the trace in a sentence, in characters.
const maxText = 60

// plain returns a text from the trace for use in a sentence. Everything that is not plain
// text is escaped (control characters, line breaks, invisible and reordering characters,
// invalid UTF-8), and a long text is cut.
func plain(s string) string {
	var b strings.Builder
	n := 0
	for i, r := range s {
		if n++; n > maxText {
			b.WriteString("…")
			break
		}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// duration returns d for a sentence, such as 12 µs, 2.71 s or 1 min 2 s.
func duration(d time.Duration) string {
	switch {
	case d < time.Minute-50*time.Millisecond:
		return text.Duration(d, " ")
	case d < time.Hour-500*time.Millisecond:
		s := d.Round(time.Second)
		return fmt.Sprintf("%d min %d s", s/time.Minute, s%time.Minute/time.Second)
	default:
		h := d / time.Hour // truncated, because rounding up could overflow
		return fmt.Sprintf("%d h %d min", h, d%time.Hour/time.Minute)
	}
}

// offset returns d, a time since the start of the chain, in the form of the chain's tree,
// but never less than 0.
func offset(d time.Duration) string { return text.Offset(max(d, 0)) }

// size returns n bytes in a form such as 1 byte, 4,665 bytes or 4.1 MB.
func size(n int64) string {
	switch {
	case n == 1:
		return "1 byte"
	case n < 10_000:
		return text.Number(n) + " bytes"
	default:
		return text.Bytes(float64(n))
	}
}

// who names the goroutine of the span, by its end of a connection or else its service, and
// by its own name: "socket_start's sen_data". If the trace has none of these, it returns
// otherwise.
func (s *scene) who(sp *chain.Span, e *end, otherwise string) string {
	owner, name := plain(sp.Service), ""
	if e != nil {
		owner = e.name()
	}
	if run := runner(sp); run != nil {
		name = runnerName(run)
	}
	switch {
	case name == "" && owner == "":
		return otherwise
	case name == "":
		return owner
	case owner == "":
		return name
	default:
		return owner + "'s " + name
	}
}

// runner returns the goroutine of a span, which may be the span itself.
func runner(sp *chain.Span) *chain.Span {
	if sp.IsGoroutine() {
		return sp
	}
	return sp.Goroutine()
}

// exactly is who, with the goroutine's number if several have the same name.
func (s *scene) exactly(sp *chain.Span, e *end, otherwise string) string {
	who := s.who(sp, e, otherwise)
	if run := runner(sp); run != nil && s.namesakes[run.Name] > 1 {
		who += " (" + goroutine(run) + ")"
	}
	return who
}

// goroutine identifies a goroutine by the runtime's number or, without one, by its number
// in the chain.
func goroutine(sp *chain.Span) string {
	if id := sp.Int(semconv.GoroutineIDKey); id > 0 {
		return "goroutine " + strconv.FormatInt(id, 10)
	}
	return "#" + strconv.Itoa(sp.Seq)
}

// runnerName returns the name of the goroutine with the span run.
func runnerName(run *chain.Span) string {
	return plain(run.GoroutineName())
}

// ref refers to a span as the chain's tree does, and names its goroutine: "close #44 of
// socket_start's main".
func (s *scene) ref(sp *chain.Span) string {
	name := fmt.Sprintf("%s%s #%d", plain(sp.Name), called(sp), sp.Seq)
	if by := s.who(sp, nil, ""); by != "" {
		name += " of " + by
	}
	return name
}

// called returns the name that the program gave to the operation's lock, channel or the
// like, with a space before it, or "".
func called(op *chain.Span) string {
	if name := op.Str(semconv.SyncNameKey); name != "" {
		return " " + plain(name)
	}
	return ""
}

// name returns the end's service, or its role if both ends have the same service. If
// several clients have the same service, it adds the address.
func (e *end) name() string {
	name := e.First.Service
	if name == "" || e.peer != nil && e.peer.First.Service == name {
		switch {
		case e.Handshake == nil:
			name = "one end"
		case e.Server():
			name = "the server"
		default:
			name = "the client"
		}
	}
	name = plain(name)
	if e.several {
		at := e.First.LocalAddress()
		if at == "" && e.peer != nil {
			at = e.peer.First.PeerAddress()
		}
		if at != "" {
			name += " (" + plain(at) + ")"
		}
	}
	return name
}

// sentence returns s with its first letter in upper case if it begins with a word of our
// own. A name stays as it is.
func sentence(s string) string {
	for _, article := range []string{"the ", "a ", "an ", "its ", "whoever "} {
		if strings.HasPrefix(s, article) {
			return strings.ToUpper(s[:1]) + s[1:]
		}
	}
	return s
}
