package live

import "time"

// Version is that of the View, as JSON has it: a field that changes its meaning
// or goes raises it, one that is added does not.
const Version = 1

// View is what the goroutines and connections of a process, or of several, wait
// for at one moment. Each part is as it was at some time between At and At + Took;
// a finding that is certain was true throughout.
//
// A View is the caller's; nothing changes it afterwards.
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

// Process is where goroutines and connections are.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"` // of the program's file
	Host string `json:"host,omitempty"`
}

// States of a [Goroutine].
const (
	StateRunning = "running" // it is in no operation that waits; it may be runnable, or wait for what is not traced
	StateBlocked = "blocked"
)

// Goroutine is one that package trace started or handles (Go, Handle, Group,
// wsconn.Handler), or one that is only seen in a call on a connection: then it has
// no ID and no name.
type Goroutine struct {
	Key     string    `json:"key"`     // unique in the view
	Process int       `json:"process"` // index in Processes
	ID      int64     `json:"id,omitempty"`
	Name    string    `json:"name,omitempty"`
	Inner   []string  `json:"inner,omitempty"`  // names of what Handle runs in it now, the innermost last
	Parent  string    `json:"parent,omitempty"` // key of the goroutine that started it, if that is still there
	State   string    `json:"state"`
	Since   time.Time `json:"since"` // in that state
	Began   time.Time `json:"began"`

	// Waits are its blocks in progress, the longest first. There are several where
	// goroutines that trace did not start use its context.
	Waits []Wait `json:"waits,omitempty"`

	// Site is the program's line that it is in, as "main.go:41", and Stack its
	// frames. They are empty without [WithStacks].
	Site  string `json:"site,omitempty"`
	Stack string `json:"stack,omitempty"`
}

// Wait is a block in progress.
type Wait struct {
	Operation string        `json:"operation"`       // the operation's name: a constant Span… of package trace, or the program's own
	Reason    string        `json:"reason"`          // a constant Reason… of package trace
	Cause     string        `json:"cause,omitempty"` // of a parked write, so far: a constant Cause… of package trace
	Since     time.Time     `json:"since"`
	Age       time.Duration `json:"age_ns"`

	Connection string `json:"connection,omitempty"` // ID
	Message    int    `json:"message,omitempty"`    // index, from 1, in its direction

	// Idle says that it waits for the next message or for a connection's end, and
	// so holds nothing up.
	Idle bool `json:"idle,omitempty"`

	WakeHint string   `json:"wake_hint,omitempty"` // what ends it
	TCP      *TCP     `json:"tcp,omitempty"`       // of a parked write, now
	On       *On      `json:"on,omitempty"`
	Holders  []Holder `json:"holders,omitempty"`
	Span     *Span    `json:"span,omitempty"` // of the operation, where it is sampled and has one
}

// TCP is what the kernel says now of a connection whose write is parked, and what
// grew since the park.
type TCP struct {
	Written    int64         `json:"written"`     // bytes handed to the kernel before the park
	Queued     int           `json:"queued"`      // bytes that the peer has not acknowledged
	NotSent    int           `json:"not_sent"`    // bytes of these that were not sent yet
	Unacked    int           `json:"unacked"`     // segments on their way
	PeerWindow int           `json:"peer_window"` // bytes
	RTT        time.Duration `json:"rtt_ns"`

	RwndLimited   time.Duration `json:"rwnd_limited_ns"`   // since the park, the peer's window was in the way
	Busy          time.Duration `json:"busy_ns"`           // since the park, there was something to send
	SndbufLimited time.Duration `json:"sndbuf_limited_ns"` // since the park, this side's buffer was in the way
	Retransmits   int           `json:"retransmits"`       // segments since the park
}

// Holder is who can end a wait.
type Holder struct {
	Goroutine string    `json:"goroutine,omitempty"` // key; empty: not one of the view's
	Name      string    `json:"name,omitempty"`
	Since     time.Time `json:"since,omitzero"` // that it has been so, where that is known

	// Strong says that the wait cannot end before this goroutine does something: it
	// holds the lock, is the task, or alone reads the other end. Without it, the holder
	// is only likely, as the last receiver from a channel that is full.
	Strong bool   `json:"strong"`
	What   string `json:"what"` // "holds the lock", "is awaited", "writes", "reads the other end", …
	Ended  bool   `json:"ended,omitempty"`
}

// On is what a wait is on.
type On struct {
	Kind     string `json:"kind"` // "mutex", "rwmutex", "semaphore", "channel", "task", "write lock", …
	Name     string `json:"name,omitempty"`
	Length   int    `json:"length,omitempty"`   // of a channel: values in it
	Capacity int    `json:"capacity,omitempty"` // of a channel
	Held     int64  `json:"held,omitempty"`     // weight that is held, or what a wait group waits for
	Size     int64  `json:"size,omitempty"`     // of a semaphore: its weight
	Waiting  int    `json:"waiting,omitempty"`  // goroutines that wait for it

	LastSender   string `json:"last_sender,omitempty"` // of a channel: key of the goroutine
	LastReceiver string `json:"last_receiver,omitempty"`
}

// Span names a span.
type Span struct {
	TraceID string `json:"trace_id"`
	SpanID  string `json:"span_id"`
}

// Connection is one end of a WebSocket connection.
type Connection struct {
	ID      string        `json:"id"` // websocket.connection.id, or one of this process's own where the connection is not sampled
	Process int           `json:"process"`
	Role    string        `json:"role"` // "client" or "server"
	Local   string        `json:"local,omitempty"`
	Remote  string        `json:"remote,omitempty"`
	Sampled bool          `json:"sampled"`
	Since   time.Time     `json:"since"`
	Age     time.Duration `json:"age_ns"`

	MessagesRead    int   `json:"messages_read"` // that arrived whole
	MessagesWritten int   `json:"messages_written"`
	BytesRead       int64 `json:"bytes_read"` // of frames
	BytesWritten    int64 `json:"bytes_written"`

	LastRead  time.Time `json:"last_read,omitzero"` // when the program had read its last whole message
	LastWrite time.Time `json:"last_write,omitzero"`
	LastPong  time.Time `json:"last_pong,omitzero"`

	// Reading says that somebody waits for bytes of the peer now, be it the library by
	// itself; CloseRead, that the library reads and discards messages.
	Reading   bool `json:"reading"`
	CloseRead bool `json:"close_read,omitempty"`

	// PartRead says that bytes were read after LastRead: a part of a message, or
	// control frames.
	PartRead bool `json:"part_read,omitempty"`

	Reader        *Doing `json:"reader,omitempty"` // who reads, or who read last; nil: nobody has
	Writer        *Doing `json:"writer,omitempty"` // who writes a message; nil: nobody
	WritesWaiting int    `json:"writes_waiting,omitempty"`

	PeerID  string `json:"peer_id,omitempty"` // the ID that the client's headers gave for its end, if that is what they gave
	Peer    string `json:"peer,omitempty"`    // ID of the other end, if that is in the view
	Between bool   `json:"between,omitempty"` // the two are not the ends of one TCP connection: a proxy or the like is between
}

// Doing is what the goroutine does that reads or writes a connection.
type Doing struct {
	Goroutine string `json:"goroutine,omitempty"` // key
	Name      string `json:"name,omitempty"`

	// Inside says that it is in a read or a write of the connection now. Else
	// it was in a read last, and Operation is another one.
	Inside    bool      `json:"inside"`
	Operation string    `json:"operation,omitempty"` // empty: it is in none
	Reason    string    `json:"reason,omitempty"`    // empty: it runs
	Since     time.Time `json:"since,omitzero"`      // of the wait, or that it has been running
	Began     time.Time `json:"began,omitzero"`      // of the operation
	Site      string    `json:"site,omitempty"`
	Ended     bool      `json:"ended,omitempty"` // the goroutine has ended
}

// Kinds of a [Finding].
const (
	KindDeadlock = "DEADLOCK" // a cycle of waits: none of them ends
	KindHead     = "HEAD"     // who holds up most others, directly or through others
	KindStalled  = "STALLED"  // a write that the peer does not take, for more than a second
	KindSilent   = "SILENT"   // a peer that answers pings and sends no message
)

// Finding is something that the waits together say.
type Finding struct {
	Kind string `json:"kind"`
	Text string `json:"text"` // a sentence, names escaped as in a Go string

	// Certain says that it is proven. What is not begins with "likely".
	Certain bool `json:"certain"`

	Goroutines  []string  `json:"goroutines,omitempty"` // keys; of a cycle each waits for the next, and the last for the first
	Connections []string  `json:"connections,omitempty"`
	HoldsUp     int       `json:"holds_up,omitempty"` // of a HEAD: how many goroutines
	Since       time.Time `json:"since,omitzero"`     // since when it has been so, where that is known
}

// Counts says how many there are.
type Counts struct {
	Goroutines  int     `json:"goroutines"`
	Blocked     int     `json:"blocked"` // goroutines, without the idle
	Idle        int     `json:"idle"`    // goroutines
	Connections int     `json:"connections"`
	Waits       []Count `json:"waits,omitempty"` // the most first

	FindingsLeftOut int `json:"findings_left_out,omitempty"` // more than are worth a sentence each
}

// Count is how many waits there are of a reason and a cause.
type Count struct {
	Reason string        `json:"reason"`
	Cause  string        `json:"cause,omitempty"`
	Idle   bool          `json:"idle,omitempty"`
	N      int           `json:"n"`
	Oldest time.Duration `json:"oldest_ns"`
}
