// Package live is the list of the goroutines and connections that there are now,
// and the words in which they say what they wait for. Package trace and the
// WebSocket sessions register; trace/live asks.
package live

import (
	"slices"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"
)

// Source is a goroutine or a connection that is registered. Describe says what it
// is and does now. It may take only locks that no parked call and no exporter
// holds.
type Source interface{ Describe(*Report) }

// Report is what sources say. A Source appends to it. It can be used again, and then
// allocates nothing.
type Report struct {
	Tasks       []Task
	Connections []Connection

	calls   Slab[Call]
	waits   Slab[Wait]
	sockets Slab[Socket]
}

// Grow makes room for so many more tasks and connections.
func (r *Report) Grow(tasks, connections int) {
	r.Tasks, r.Connections = slices.Grow(r.Tasks, tasks), slices.Grow(r.Connections, connections)
}

// NewCall returns a Call that is the report's.
func (r *Report) NewCall() *Call { return r.calls.New() }

// NewWaits returns n of these, which are the report's.
func (r *Report) NewWaits(n int) []Wait { return r.waits.Take(n) }

// NewSocket returns a Socket that is the report's.
func (r *Report) NewSocket() *Socket { return r.sockets.New() }

// Reset lets go of all that was said, but for its memory.
func (r *Report) Reset() {
	clear(r.Tasks)
	clear(r.Connections)
	r.Tasks, r.Connections = r.Tasks[:0], r.Connections[:0]
	r.calls.Reset()
	r.waits.Reset()
	r.sockets.Reset()
}

// Task is a goroutine's function, as package trace runs it. Several tasks can be
// one goroutine: Outer is the task in which Handle was called.
//
// Key, Outer and Parent are pointers, for their identity.
type Task struct {
	Key    any
	Outer  any // nil: none
	Parent any // that started it; nil: none that is known
	Name   string
	ID     int64 // the runtime's; 0: not known
	Ended  bool
	Began  time.Time
	Ran    time.Time // when its latest block ended; zero: never
	Waits  []Wait
	Span   oteltrace.SpanContext // of its first span; invalid: it is not sampled
}

// Wait is a block in progress.
type Wait struct {
	Op        any // the operation, for its identity
	Operation string
	Reason    string
	Since     time.Time
	Span      oteltrace.SpanContext // of the operation; invalid: none yet
	On        any                   // what it waits for or is a part of: a Waitable, a task or a connection; nil: not known
}

// Waitable is something that a wait can be on, as a lock.
type Waitable interface {
	// DescribeWait says what n, of that many units, waits for. It may take only
	// locks that no parked call holds.
	DescribeWait() On
}

// On is what a wait is on.
type On struct {
	Kind             string // such as "mutex"
	Name             string // that the program gave it; "": none
	Length, Capacity int    // of a channel
	Held, Size       int64  // of a lock or a semaphore; what a wait group waits for is Held
	Waiting          int    // how many wait for it

	// Holder is the task of the only holder. Known says that there is one holder
	// and no other; its task may still be nil.
	Holder any
	Known  bool

	// LastSender and LastReceiver are the tasks of a channel's last value.
	LastSender, LastReceiver any
}

// Connection is one end of a connection.
type Connection struct {
	Key    any
	ID     string // "": it is not sampled, and has none
	Serial int64  // from 1, in this process
	PeerID string // that the other end gave for its own; "": none
	Role   string
	Local  string // address; "": it has none
	Remote string

	Sampled bool
	Began   time.Time

	Handshake oteltrace.SpanContext // which has ended; invalid: it is not sampled

	MessagesRead, MessagesWritten int
	BytesRead, BytesWritten       int64
	LastRead, LastWrite, LastPong time.Time // of whole messages; zero: none

	// PartRead says that bytes were read since LastRead.
	PartRead bool

	Reader, Writer *Call  // with which the program is in the library now
	Reading        bool   // somebody waits for bytes, be it the library
	CloseRead      bool   // the library reads by itself, and discards
	EverRead       bool   // the program has read
	LastReader     any    // the task of the read that was last; nil: not known
	Pings          []Call // that wait for their pong
	WritesWaiting  int    // for their turn
	Turn           *Call  // whose turn it is to write a message
	Frame          *Call  // whose frame is being written
	Socket         *Socket
}

// Call is an operation that is in progress.
type Call struct {
	Op        any
	Task      any // nil: not known
	Operation string
	Began     time.Time
	Wait      *Wait // nil: it runs
	InMessage bool  // a read has got a part of its message
}

// Socket is what the kernel says of a write that is parked now.
type Socket struct {
	Since   time.Time // of the park
	Written int64     // bytes handed to the kernel until the park
	Known   bool      // the kernel said something, and so what follows holds
	Cause   string

	Queue, NotSent, Window, Unacked int // bytes, segments
	RTT                             time.Duration

	// Growth since the park.
	Busy, RwndLimited, SndbufLimited time.Duration
	Retransmits                      int
}
