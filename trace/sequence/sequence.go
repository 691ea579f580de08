package sequence

import (
	"fmt"
	"strconv"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// None means no lifeline: it is outside of the diagram, or unknown.
const None = -1

// Diagram is a sequence diagram, independent of the output format. It does not change after
// [New].
//
// Its texts have no control characters, line breaks or invisible characters. The writers
// escape the syntax of their format.
type Diagram struct {
	Title     string
	Lifelines []Lifeline
	Rows      []*Row        // all, in order of time
	Active    []Activity    // in order of their start
	Start     time.Time     // of the chain
	Length    time.Duration // to its end
	Notes     []string      // what a reader must know about the spans and their times

	chain *chain.Chain
	cfg   config
}

// Lifeline is a vertical line of the diagram.
type Lifeline struct {
	Service string // or the process, if a service has several
	Name    string // of the goroutine or connection, "" for the service itself

	// Absent is true if the lifeline has no spans in the chain: it is the peer of a
	// connection, known only by its address.
	Absent bool
}

// Activity is a time in which a goroutine lived, or a span enclosed others.
type Activity struct {
	Lifeline   int
	Start, End time.Duration
}

// Row is one event, or a run of equal events.
type Row struct {
	Kind Kind

	// At is the time of the event, and End when it was over (for a run, the last one). Both
	// are since the start of the chain.
	At, End time.Duration

	// From and To are lifelines, or None. An event on one lifeline has only To.
	From, To int

	// Proven is true if a link or a parent in the trace connects From and To. Else an arrow
	// only shows a direction, and its other end is unknown.
	Proven bool

	Name    string
	Details []string
	Count   int // number of spans (Omitted: rows), at least 1
	Failed  bool

	// Of a Block: its total duration, its reason, and the row that ended it. Until is nil
	// for a run of blocks, which is over at End, and if no row ended it. For a block that
	// is not over, Blocked is how long it had lasted when a stalled span last reported it,
	// or 0.
	Blocked time.Duration
	Reason  string
	Until   *Row

	// Loop is the repeating sequence that the row belongs to, or nil.
	Loop *Loop

	Spans []*chain.Span // in the order of the chain; nil for Omitted

	seq     int           // breaks ties
	block   *Row          // Wake: the block that it ends
	wake    *Row          // Block: the arrow that ended it or, in a run, the first one; nil if none
	longest time.Duration // Block: the longest of its blocks
	op      int           // Block, Wake, Failure: Seq of the operation, else -1
	lost    *[kinds]int   // Omitted: how many rows of each kind

	// counted is what Count counts if Spans has more: the spans at which a Message begins,
	// or the blocks of a Block. Else it is nil.
	counted []*chain.Span
}

// Loop is a repeating sequence.
type Loop struct{ Rounds int }

// Kind is the kind of a row.
type Kind int

// Kinds of rows.
const (
	Step    Kind = iota // an event on one lifeline
	Call                // a span is a child of one of another process
	Return              // the response to a Call
	Spawn               // a goroutine started another
	Message             // a link from one lifeline to another, such as from a read to its write
	Sent                // a write whose reader is unknown
	Got                 // a read whose writer is unknown
	Block               // the goroutine is parked from this row on
	Wake                // it continues, and what woke it
	Failure             // an operation failed after other rows
	End                 // a goroutine ended
	Omitted             // rows that were left out
	kinds
)

var kindNames = [kinds]string{
	Step: "step", Call: "call", Return: "return", Spawn: "spawn", Message: "message", Sent: "sent", Got: "got",
	Block: "block", Wake: "wake", Failure: "failure", End: "end", Omitted: "omitted",
}

// String returns the kind in lower case, such as "block".
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return "kind " + strconv.Itoa(int(k))
	}
	return kindNames[k]
}

// Arrow reports whether rows of the kind are arrows between lifelines, or between one and
// the outside.
func (k Kind) Arrow() bool {
	switch k {
	case Call, Return, Spawn, Message, Sent, Got, Wake:
		return true
	default:
		return false
	}
}

// open reports whether an arrow begins or ends before the other lifeline. Then its span is
// unknown or, if a message was read much later, not shown.
func (r *Row) open() (tail, head bool) {
	switch r.Kind {
	case Got:
		return true, false
	case Wake:
		return !r.Proven, false
	case Sent:
		return false, true
	default:
		return false, false
	}
}

// lane returns the lifeline that the row's mark is on, if it has no arrow between two. It
// is None for Omitted.
func (r *Row) lane() int { return max(r.To, r.From) }

// Title returns the row as one line: its name, its number if it is a run, and its details.
func (r *Row) Title() string {
	title := r.Headline()
	for _, d := range r.Details {
		if title != "" {
			title += " · "
		}
		title += d
	}
	return title
}

// Headline returns the title without the details.
func (r *Row) Headline() string {
	if r.Count > 1 && r.Kind != Omitted {
		return r.Name + " ×" + text.Number(r.Count)
	}
	return r.Name
}

// New draws c, which must not be nil, and may be any chain. It keeps c, and does not change
// it. It costs O(n log n) for n spans.
func New(c *chain.Chain, opts ...Option) *Diagram { return draw(c, newConfig(opts)) }

func draw(c *chain.Chain, cfg config) *Diagram {
	d := &Diagram{Title: text.Printable(cfg.title), Start: c.Start(), chain: c, cfg: cfg}
	if end := c.End(); end.After(d.Start) && !d.Start.IsZero() {
		d.Length = end.Sub(d.Start)
	}
	d.Notes = append(d.Notes, cfg.notes...)
	for i, s := range c.Skews {
		if i == maxSkews {
			d.Notes = append(d.Notes, fmt.Sprintf("and %d more clocks", len(c.Skews)-i))
			break
		}
		d.Notes = append(d.Notes, text.Printable(s.String()))
	}
	if c.Repeats > 0 {
		d.Notes = append(d.Notes, fmt.Sprintf("%s came more than once and are shown once", text.Counted(c.Repeats, "span")))
	}
	newBuilder(d).build()
	return d
}

// maxSkews is the maximum number of clocks with a note.
const maxSkews = 8
