// Package live is the list of the current goroutines and connections, and the types
// with which they describe what they wait for. Package trace and the WebSocket sessions
// register; trace/live queries.
package live

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// Source is a registered goroutine or connection. Describe describes what it is and what
// it does now. It may take only locks that no parked call and no exporter holds.
type Source interface{ Describe(*Report) }

// Report is what sources describe. A Source appends to it. A reused Report allocates
// nothing.
type Report struct {
	Tasks       []Task
	Connections []Connection

	calls   Slab[Call]
	waits   Slab[Wait]
	sockets Slab[Socket]
}

// Grow makes room for more tasks and connections.
func (r *Report) Grow(tasks, connections int) {
	r.Tasks, r.Connections = slices.Grow(r.Tasks, tasks), slices.Grow(r.Connections, connections)
}

// NewCall returns a Call in the report's memory.
func (r *Report) NewCall() *Call { return r.calls.New() }

// NewWaits returns n Waits in the report's memory.
func (r *Report) NewWaits(n int) []Wait { return r.waits.Take(n) }

// NewSocket returns a Socket in the report's memory.
func (r *Report) NewSocket() *Socket { return r.sockets.New() }

// Reset empties the report, and keeps its memory.
func (r *Report) Reset() {
	clear(r.Tasks)
	clear(r.Connections)
	r.Tasks, r.Connections = r.Tasks[:0], r.Connections[:0]
	r.calls.Reset()
	r.waits.Reset()
	r.sockets.Reset()
}

// Task is a goroutine's function that package trace runs. Several tasks can be one
// goroutine: Outer is the task in which Handle was called.
//
// Key, Outer and Parent are pointers that serve as identities.
type Task struct {
	Key    any
	Outer  any // nil: none
	Parent any // started it; nil: unknown
	Name   string
	ID     int64 // the runtime's; 0: unknown
	Ended  bool
	Began  time.Time
	Ran    time.Time // when its latest block ended; zero: never
	Waits  []Wait
	Span   oteltrace.SpanContext // its first span; invalid: not sampled
}

// Wait is a block in progress.
type Wait struct {
	Op        any // identifies the operation
	Operation string
	Reason    string
	Since     time.Time
	Span      oteltrace.SpanContext // of the operation; invalid: none yet
	On        any                   // what it waits for or belongs to: a Waitable, a task or a connection; nil: unknown
}

// Waitable is something that a goroutine can wait for, such as a lock.
type Waitable interface {
	// DescribeWait describes what is waited for. It may take only locks that no parked
	// call holds.
	DescribeWait() On
}

// On is what a wait waits for.
type On struct {
	Kind             string // such as "mutex"
	Name             string // given by the program; "": none
	Length, Capacity int    // of a channel
	Held, Size       int64  // of a lock or a semaphore; Held is also the counter of a wait group
	Waiting          int    // waiting goroutines

	// Holder is the task of the only holder. Known is true if there is exactly one
	// holder; its task may still be nil.
	Holder any
	Known  bool

	// LastSender and LastReceiver are the tasks of a channel's last value.
	LastSender, LastReceiver any
}

// Connection is one end of a connection.
type Connection struct {
	Key    any
	ID     string // "": not sampled
	Serial int64  // from 1, in this process
	PeerID string // the ID that the other end gave; "": none
	Role   string
	Local  string // address; "": none
	Remote string

	Sampled bool
	Began   time.Time

	Handshake oteltrace.SpanContext // its span, which has ended; invalid: not sampled

	MessagesRead, MessagesWritten int
	BytesRead, BytesWritten       int64
	LastRead, LastWrite, LastPong time.Time // end of the last whole message or pong; zero: none

	// PartRead is true if bytes were received since LastRead.
	PartRead bool

	Reader, Writer *Call  // inside the library now
	Reading        bool   // the program or the library waits for bytes
	CloseRead      bool   // the library reads and discards
	EverRead       bool   // the program has read
	LastReader     any    // the task of the last read; nil: unknown
	Pings          []Call // waiting for their pong
	WritesWaiting  int    // for Turn
	Turn           *Call  // holds the write lock
	Frame          *Call  // its frame is being written
	Socket         *Socket
}

// Call is an operation in progress.
type Call struct {
	Op        any
	Task      any // nil: unknown
	Operation string
	Began     time.Time
	Wait      *Wait // nil: it runs
	InMessage bool  // a read has received a part of its message
}

// Socket is the kernel's view of a write that is parked now.
type Socket struct {
	Since   time.Time // the park
	Written int64     // bytes handed to the kernel until the park
	Known   bool      // the following fields are set
	Cause   string

	Queue, NotSent, Window, Unacked int // bytes, segments
	RTT                             time.Duration

	// Growth since the park.
	Busy, RwndLimited, SndbufLimited time.Duration
	Retransmits                      int
}

// AppendTo appends the socket's attributes.
func (s *Socket) AppendTo(attrs []attribute.KeyValue) []attribute.KeyValue {
	attrs = append(attrs, semconv.TCPWrittenKey.Int64(s.Written))
	if !s.Known {
		return attrs
	}
	return append(attrs,
		semconv.BlockCauseKey.String(s.Cause),
		semconv.TCPSendQueueKey.Int(s.Queue),
		semconv.TCPNotSentKey.Int(s.NotSent),
		semconv.TCPUnackedKey.Int(s.Unacked),
		semconv.TCPPeerWindowKey.Int(s.Window),
		semconv.TCPRTTKey.Float64(s.RTT.Seconds()),
		semconv.TCPBusyKey.Float64(s.Busy.Seconds()),
		semconv.TCPRwndLimitedKey.Float64(s.RwndLimited.Seconds()),
		semconv.TCPSndbufLimitedKey.Float64(s.SndbufLimited.Seconds()),
		semconv.TCPRetransmitsKey.Int(s.Retransmits))
}
