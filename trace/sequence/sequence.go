package sequence

import (
	"fmt"
	"strconv"
	"time"

	"github.com/wakechain/wakechain/internal/text"
	"github.com/wakechain/wakechain/trace/chain"
)

// None is no lifeline: what is outside of the diagram, or not known.
const None = -1

// Diagram is a sequence diagram, independent of any output. It does not change
// after [New].
//
// All text in it is escaped so far that it has no control characters, line
// breaks or invisible characters; the syntax of a format is for its writer.
type Diagram struct {
	Title     string
	Lifelines []Lifeline
	Rows      []*Row        // all of them, in the order of time
	Active    []Activity    // in the order of their start
	Start     time.Time     // of the chain
	Length    time.Duration // to its end
	Notes     []string      // what a reader must know of the spans and their times

	chain *chain.Chain
	cfg   config
}

// Lifeline is a vertical line of the diagram.
type Lifeline struct {
	Service string // the process, where one service has several
	Name    string // of the goroutine or connection, "" for the service itself

	// Absent: it has no spans in the chain. It is the peer of a connection, which
	// others' spans name by its address.
	Absent bool
}

// Activity is a time in which a goroutine lived, or a span enclosed others.
type Activity struct {
	Lifeline   int
	Start, End time.Duration
}

// Row is one event, or a run of events alike.
type Row struct {
	Kind Kind

	// At is when it began, and End when what it shows was over, the last of a run;
	// both from the start of the chain.
	At, End time.Duration

	// From and To are lifelines, or None. An event on one lifeline has it in To.
	From, To int

	// Proven: a link or a parent in the trace connects From and To. Where it is
	// false, an arrow shows a direction, and the end that is not the event's own is
	// not known.
	Proven bool

	Name    string
	Details []string
	Count   int // how many spans (Omitted: rows) it stands for, at least 1
	Failed  bool

	// Block only: how long, all in all, on what, and the row that ended it; nil for
	// a run of blocks, which is over at End, and where none did. One that is not over
	// had lasted that long when it was last seen.
	Blocked time.Duration
	Reason  string
	Until   *Row

	// Loop is the sequence that the row repeats in, nil for none.
	Loop *Loop

	Spans []*chain.Span // in the order of the chain; Omitted: none

	seq     int           // breaks ties
	block   *Row          // Wake: what it ends
	wake    *Row          // Block: the arrow of what ended it or, in a run, its first; nil if it has none
	longest time.Duration // Block: of its blocks
	op      int           // Block, Wake, Failure: Seq of the operation, else -1
	lost    *[kinds]int   // Omitted: how many of each kind

	// What Count counts, where Spans has more: the beginnings of a Message, the
	// blocks of a Block; else nil.
	counted []*chain.Span
}

// Loop is a sequence that repeats.
type Loop struct{ Rounds int }

// Kind is what a row shows.
type Kind int

// Kinds of rows.
const (
	Step    Kind = iota // something on one lifeline
	Call                // a span called one of another process
	Return              // and that answered
	Spawn               // a goroutine started another
	Message             // what a link says went from one to the other: a write and its read
	Sent                // a write whose reader is not known
	Got                 // a read whose writer is not known
	Block               // the goroutine is parked from here on
	Wake                // it runs again, and what woke it
	Failure             // an operation failed after other rows
	End                 // a goroutine ended
	Omitted             // rows that are not here
	kinds
)

var kindNames = [kinds]string{
	Step: "step", Call: "call", Return: "return", Spawn: "spawn", Message: "message", Sent: "sent", Got: "got",
	Block: "block", Wake: "wake", Failure: "failure", End: "end", Omitted: "omitted",
}

// String returns the kind in lower case, as "block".
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return "kind " + strconv.Itoa(int(k))
	}
	return kindNames[k]
}

// Arrow reports whether rows of the kind are arrows between lifelines, or from
// one to outside.
func (k Kind) Arrow() bool {
	switch k {
	case Call, Return, Spawn, Message, Sent, Got, Wake:
		return true
	default:
		return false
	}
}

// open reports whether an arrow begins or ends before its lifeline: at which span
// it does is not known or, where a message was read much later, not shown.
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

// lane is the lifeline that the row's mark is on, if it has no arrow between two;
// None for what is omitted.
func (r *Row) lane() int { return max(r.To, r.From) }

// Title is the row in one line: its name, its number if it is a run, and its
// details.
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

// Headline is the title without the details.
func (r *Row) Headline() string {
	if r.Count > 1 && r.Kind != Omitted {
		return r.Name + " ×" + text.Number(r.Count)
	}
	return r.Name
}

// New draws c, which must not be nil. It keeps c, and does not change it. It
// accepts any chain. The cost is O(n log n) for n spans.
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

// maxSkews is how many clocks get a note.
const maxSkews = 8
