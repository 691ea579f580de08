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

// targets are the attributes that say best what a request is for, in order.
var targets = []attribute.Key{
	semconv.URLPathKey, otelsemconv.HTTPRouteKey, otelsemconv.DBOperationNameKey, otelsemconv.RPCMethodKey,
}

// target says what a request is for or where it goes, unless its name does.
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

// failures returns what went wrong, and at which check.
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

// failure returns the kind of error that a span ended with, "" if it did not.
func failure(s *chain.Span) string {
	kind := s.Str(semconv.ErrorTypeKey)
	if s.Status.Code != codes.Error && kind == "" {
		return ""
	}
	return "✗ " + short(cmp.Or(kind, s.Status.Description, "error"))
}

// took returns how long spans took.
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

// slow says how long messages took, if that is notable and no block shows it.
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

// messageSize returns the size of messages, one or a range.
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

// runSize is messageSize where some of the spans are runs: how many messages there are,
// and their bytes in all.
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

// passed is runSize of an arrow: pairs has each reader and what it links to. What both
// stand for has passed; how many bytes that is says the one that stands for nothing else.
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
