package sequence

import (
	"cmp"
	"net"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otelsemconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// targets are the attributes that describe best what a request is for, in order.
var targets = []attribute.Key{
	semconv.URLPathKey, otelsemconv.HTTPRouteKey, otelsemconv.DBOperationNameKey, otelsemconv.RPCMethodKey,
}

// target returns what a request is for, or its address, unless its name contains that.
func target(s *chain.Span) string {
	for _, key := range targets {
		if v := s.Str(key); v != "" && !strings.Contains(s.Name, v) {
			return short(v)
		}
	}
	host := s.Str(semconv.ServerAddressKey)
	if port := s.Str(semconv.ServerPortKey); host != "" && port != "" {
		host = net.JoinHostPort(host, port)
	}
	if host == "" || s.Kind == oteltrace.SpanKindServer {
		return ""
	}
	return "to " + short(host)
}

// failures returns the failed check and the kind of error of a span.
func failures(s *chain.Span) []string {
	var all []string
	if check := s.Str(semconv.WebSocketHandshakeCheckKey); check != "" {
		all = append(all, "refused: "+short(check))
	}
	if f := failure(s); f != "" {
		all = append(all, f)
	}
	return all
}

// failure returns the kind of error of a failed span, else "".
func failure(s *chain.Span) string {
	kind := s.Str(semconv.ErrorTypeKey)
	if s.Status.Code != codes.Error && kind == "" {
		return ""
	}
	return "✗ " + short(cmp.Or(kind, s.Status.Description, "error"))
}

// took returns how long spans took in total.
func took(spans []*chain.Span) string {
	var total time.Duration
	for _, s := range spans {
		if s.End.IsZero() {
			return "not ended"
		}
		total = chain.Sum(total, s.Duration())
	}
	return human(total)
}

// slow returns how long a message took, if that is notable and no block shows it.
func slow(spans []*chain.Span) string {
	for _, s := range spans {
		if s.End.IsZero() {
			return "not ended"
		}
	}
	if len(spans) == 1 && spans[0].Blocked() == 0 && spans[0].Duration() >= notable {
		return human(spans[0].Duration())
	}
	return ""
}

// messageSize returns the size of messages, or the range of their sizes.
func messageSize(spans []*chain.Span) string {
	low, high := int64(-1), int64(-1)
	if s := runSize(spans); s != "" {
		return s
	}
	for _, s := range spans {
		if _, ok := s.Attr(semconv.WebSocketMessageSizeKey); !ok {
			continue
		}
		n := max(s.Int(semconv.WebSocketMessageSizeKey), 0)
		if low < 0 {
			low = n
		}
		low, high = min(low, n), max(high, n)
	}
	switch {
	case low < 0:
		return ""
	case low == high:
		return text.Bytes(float64(low))
	default:
		return text.Bytes(float64(low)) + " – " + text.Bytes(float64(high))
	}
}

// runSize is messageSize for runs: the number of messages and their total size in bytes. It
// returns "" if none of the spans is a run.
func runSize(spans []*chain.Span) string {
	var messages, bytes int64
	runs := false
	for _, s := range spans {
		runs = runs || s.Name == semconv.SpanReads || s.Name == semconv.SpanWrites
		messages += s.Messages()
		bytes += max(s.Int(semconv.WebSocketMessageSizeKey), 0)
	}
	if !runs {
		return ""
	}
	return text.Counted(messages, "message") + ", " + text.Bytes(float64(bytes))
}

// passed is runSize for an arrow. pairs has each reader, followed by the span that it links
// to. It counts the messages that both spans stand for. Their size is known only if one of
// the two spans stands for no other messages.
func passed(pairs []*chain.Span) string {
	var messages, bytes int64
	runs, known, single := false, true, true
	for i := 0; i < len(pairs); i += 2 {
		read, write := pairs[i], pairs[i+1]
		runs = runs || read.Name == semconv.SpanReads || write.Name == semconv.SpanWrites
		single = single && write.Name == semconv.SpanWrite
		n := min(max(read.Messages(), 1), max(write.Messages(), 1))
		from, to := read.Indexes()
		if first, last := write.Indexes(); from > 0 && first > 0 {
			n = max(min(to, last)-max(from, first)+1, 1)
		}
		messages += n
		switch n {
		case max(read.Messages(), 1):
			bytes += max(read.Int(semconv.WebSocketMessageSizeKey), 0)
		case max(write.Messages(), 1):
			bytes += max(write.Int(semconv.WebSocketMessageSizeKey), 0)
		default:
			known = false
		}
	}
	switch {
	case !runs:
		return ""
	case !known:
		return text.Counted(messages, "message")
	case messages == 1 && single:
		return text.Bytes(float64(bytes))
	default:
		return text.Counted(messages, "message") + ", " + text.Bytes(float64(bytes))
	}
}
