package session

import (
	"time"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// MessageSpans says which reads and writes have spans.
type MessageSpans uint8

// Which reads and writes have spans.
const (
	MessagesAuto MessageSpans = iota
	MessagesAll
	MessagesBlocked
	MessagesNone
)

// The default budget. Both ends of a connection may be in one trace, and the
// page of Jaeger slows down above 2,000 spans.
const (
	DefaultTraceSpans = 1000
	DefaultTraceAge   = 10 * time.Minute
)

// volume is how much of a connection is told, and in how many traces.
type volume struct {
	messages   MessageSpans
	perMessage bool
	spans      int
	age        time.Duration
}

// WithMinBlock is trace.WithMinBlock.
func WithMinBlock(d time.Duration) Option {
	return func(c *Config) { c.trace = append(c.trace, trace.WithMinBlock(d)) }
}

// WithMessageSpans sets which reads and writes have spans.
func WithMessageSpans(x MessageSpans) Option { return func(c *Config) { c.volume.messages = x } }

// WithTracePerMessage makes a trace of each read and write.
func WithTracePerMessage() Option { return func(c *Config) { c.volume.perMessage = true } }

// WithTraceBudget sets what one trace may have of a connection.
func WithTraceBudget(spans int, age time.Duration) Option {
	return func(c *Config) { c.volume.spans, c.volume.age = spans, age }
}

// show is what an operation must come to for a span. Almost every read waits for
// its message to begin; that alone is no reason to show it, and it stalls where
// it must wait in the midst of a message.
func (v *volume) show(name string, busy bool) core.Show {
	blocked := core.ShowBlocked
	if name == semconv.SpanRead {
		blocked = core.ShowFailed // until it stalls
	}
	switch v.messages {
	case MessagesNone:
		return core.ShowNone
	case MessagesBlocked:
		return blocked
	case MessagesAuto:
		if busy {
			return blocked
		}
	}
	return core.ShowAll
}

// stalled says that what op is about to wait for is not the begin of a message.
func stalled(op trace.Op) { core.Ref(op).SetShow(core.ShowBlocked) }
