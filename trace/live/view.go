package live

import "time"

// Version is the version of View in JSON. It increases if a field is removed or changes its
// meaning, but not if one is added.
const Version = 1

// View is what the goroutines and connections of one or more processes wait for at one
// moment. Each part was true at some time between At and At + Took, and a certain deadlock
// all that time.
//
// A View belongs to the caller; nothing changes it afterwards.
type View struct {
	Version     int           `json:"version"`
	At          time.Time     `json:"at"`
	Took        time.Duration `json:"took_ns"`
	Processes   []Process     `json:"processes"` // one, or more after [Join]
	Goroutines  []Goroutine   `json:"goroutines"`
	Connections []Connection  `json:"connections"`
	Findings    []Finding     `json:"findings"` // the gravest first
	Counts      Counts        `json:"counts"`

	found indices
}

// Process is a process with goroutines and connections.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"` // base name of the executable
	Host string `json:"host,omitempty"`
}

// States of a [Goroutine].
const (
	StateRunning = "running" // it is in no operation that waits; it may be runnable, or wait in code that is not traced
	StateBlocked = "blocked"
)

// Goroutine is a goroutine that package trace started or handles (Go, Handle, Group,
// wsconn.Handler), or one that is only known from a call on a connection. The latter has no
// ID.
type Goroutine struct {
	Key     string    `json:"key"`     // unique in the view
	Process int       `json:"process"` // index in Processes
	ID      int64     `json:"id,omitempty"`
	Name    string    `json:"name,omitempty"`
	Inner   []string  `json:"inner,omitempty"`  // names of the tasks that Handle runs in it now, the innermost last
	Parent  string    `json:"parent,omitempty"` // key of the goroutine that started it, if that is in the view
	State   string    `json:"state"`
	Since   time.Time `json:"since"` // when the state began
	Began   time.Time `json:"began"`

	// Waits are its blocks in progress, the longest first. There are several if goroutines
	// that package trace did not start use its context.
	Waits []Wait `json:"waits,omitempty"`

	// Site is the current line of the program, such as "main.go:41", and Stack its frames.
	// They are empty without [WithStacks].
	Site  string `json:"site,omitempty"`
	Stack string `json:"stack,omitempty"`
}

// Wait is a block in progress.
type Wait struct {
	Operation string        `json:"operation"`       // name of the operation: a constant Span… of package trace, or the program's own
	Reason    string        `json:"reason"`          // a constant Reason… of package trace
	Cause     string        `json:"cause,omitempty"` // of a parked write, so far: a constant Cause… of package trace
	Since     time.Time     `json:"since"`
	Age       time.Duration `json:"age_ns"`

	Connection string `json:"connection,omitempty"` // ID
	Message    int    `json:"message,omitempty"`    // index, from 1, in its direction

	// Idle is true if it waits for the next message or for a connection's end, and so
	// delays nothing.
	Idle bool `json:"idle,omitempty"`

	WakeHint string   `json:"wake_hint,omitempty"` // what ends it
	TCP      *TCP     `json:"tcp,omitempty"`       // of a parked write, now
	On       *On      `json:"on,omitempty"`
	Holders  []Holder `json:"holders,omitempty"`
	Span     *Span    `json:"span,omitempty"` // of the operation, if it is sampled and has a span
}

// TCP is the kernel's view of a connection whose write is parked: its current state, and
// what has grown since the park.
type TCP struct {
	Written    int64         `json:"written"`     // bytes handed to the kernel before the park
	Queued     int           `json:"queued"`      // bytes that the peer has not acknowledged
	NotSent    int           `json:"not_sent"`    // bytes of these that were not sent yet
	Unacked    int           `json:"unacked"`     // segments in flight
	PeerWindow int           `json:"peer_window"` // bytes
	RTT        time.Duration `json:"rtt_ns"`

	RwndLimited   time.Duration `json:"rwnd_limited_ns"`   // since the park, how long the peer's window was the limit
	Busy          time.Duration `json:"busy_ns"`           // since the park, how long there was data to send
	SndbufLimited time.Duration `json:"sndbuf_limited_ns"` // since the park, how long this side's buffer was the limit
	Retransmits   int           `json:"retransmits"`       // segments since the park
}

// Holder is what can end a wait: usually a goroutine.
type Holder struct {
	Goroutine string    `json:"goroutine,omitempty"` // key; empty: not in the view
	Name      string    `json:"name,omitempty"`
	Since     time.Time `json:"since,omitzero"` // since when it has been the holder; zero: unknown

	// Strong is true if the wait cannot end before this goroutine does something: it holds
	// the lock, is the awaited task, or alone reads the other end. Else the holder is only
	// likely, such as the last receiver of a full channel.
	Strong bool   `json:"strong"`
	What   string `json:"what"` // "holds the lock", "is awaited", "writes", "reads the other end", …
	Ended  bool   `json:"ended,omitempty"`
}

// On is what a wait is on, such as a lock.
type On struct {
	Kind     string `json:"kind"` // "mutex", "rwmutex", "semaphore", "channel", "task", "write lock", …
	Name     string `json:"name,omitempty"`
	Length   int    `json:"length,omitempty"`   // of a channel: values in it
	Capacity int    `json:"capacity,omitempty"` // of a channel
	Held     int64  `json:"held,omitempty"`     // weight that is held, or the counter of a wait group
	Size     int64  `json:"size,omitempty"`     // of a semaphore: its weight
	Waiting  int    `json:"waiting,omitempty"`  // goroutines that wait for it

	LastSender   string `json:"last_sender,omitempty"` // of a channel: key of the goroutine
	LastReceiver string `json:"last_receiver,omitempty"`
}

// Span identifies a span.
type Span struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// Connection is one end of a WebSocket connection.
type Connection struct {
	ID      string        `json:"id"` // websocket.connection.id, or an id of this process if the connection is not sampled
	Process int           `json:"process"`
	Role    string        `json:"role"` // "client" or "server"
	Local   string        `json:"local,omitempty"`
	Remote  string        `json:"remote,omitempty"`
	Sampled bool          `json:"sampled"`
	Since   time.Time     `json:"since"`
	Age     time.Duration `json:"age_ns"`

	MessagesRead    int   `json:"messages_read"` // whole messages
	MessagesWritten int   `json:"messages_written"`
	BytesRead       int64 `json:"bytes_read"` // of frames
	BytesWritten    int64 `json:"bytes_written"`

	LastRead  time.Time `json:"last_read,omitzero"` // when the program had read its last whole message
	LastWrite time.Time `json:"last_write,omitzero"`
	LastPong  time.Time `json:"last_pong,omitzero"`

	// Reading is true if the program or the library is waiting for bytes from the peer.
	// CloseRead is true if the library reads and discards messages.
	Reading   bool `json:"reading"`
	CloseRead bool `json:"close_read,omitempty"`

	// PartRead is true if bytes were read after LastRead: a part of a message, or control
	// frames.
	PartRead bool `json:"part_read,omitempty"`

	Reader        *Doing `json:"reader,omitempty"` // the current or last reader; nil: nobody has read
	Writer        *Doing `json:"writer,omitempty"` // the current writer of a message; nil: none
	WritesWaiting int    `json:"writes_waiting,omitempty"`

	PeerID  string `json:"peer_id,omitempty"` // ID of the client's end, if the client's headers gave one
	Peer    string `json:"peer,omitempty"`    // ID of the other end, if it is in the view
	Between bool   `json:"between,omitempty"` // a middlebox, such as a proxy, is between the ends: they are not of one TCP connection
}

// Doing is what the goroutine that reads or writes a connection is doing.
type Doing struct {
	Goroutine string `json:"goroutine,omitempty"` // key
	Name      string `json:"name,omitempty"`

	// Inside is true if it is in a read or a write of the connection now. Else it was the
	// last reader, and Operation is another one.
	Inside    bool      `json:"inside"`
	Operation string    `json:"operation,omitempty"` // empty: it is in none
	Reason    string    `json:"reason,omitempty"`    // empty: it runs
	Since     time.Time `json:"since,omitzero"`      // when the wait or the running began
	Began     time.Time `json:"began,omitzero"`      // when the operation began
	Site      string    `json:"site,omitempty"`
	Ended     bool      `json:"ended,omitempty"` // the goroutine has ended
}

// Kinds of a [Finding].
const (
	KindDeadlock = "DEADLOCK" // a cycle of waits, none of which can end
	KindHead     = "HEAD"     // one of those that hold up most goroutines, directly or through others
	KindStalled  = "STALLED"  // a write that has been parked for at least a second
	KindSilent   = "SILENT"   // a peer that answers pings but sends no message
)

// Finding is a conclusion from the waits and the connections.
type Finding struct {
	Kind string `json:"kind"`
	Text string `json:"text"` // a sentence, with names escaped as in a Go string

	// Certain is true if it is proven. Else Text begins with "likely".
	Certain bool `json:"certain"`

	Goroutines  []string  `json:"goroutines,omitempty"` // keys; in a cycle each waits for the next, and the last for the first
	Connections []string  `json:"connections,omitempty"`
	HoldsUp     int       `json:"holds_up,omitempty"` // of a HEAD: number of goroutines
	Since       time.Time `json:"since,omitzero"`     // since when it has been so; zero: unknown
}

// Counts are the numbers of goroutines, connections and waits.
type Counts struct {
	Goroutines  int     `json:"goroutines"`
	Blocked     int     `json:"blocked"` // goroutines, without idle ones
	Idle        int     `json:"idle"`    // goroutines
	Connections int     `json:"connections"`
	Waits       []Count `json:"waits,omitempty"` // the most frequent first

	FindingsLeftOut int `json:"findings_left_out,omitempty"` // findings above the limit of each kind
}

// Count is the number of waits with one reason and cause.
type Count struct {
	Reason string        `json:"reason"`
	Cause  string        `json:"cause,omitempty"`
	Idle   bool          `json:"idle,omitempty"`
	N      int           `json:"n"`
	Oldest time.Duration `json:"oldest_ns"`
}
