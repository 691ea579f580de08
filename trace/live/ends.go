package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wakechain/wakechain/internal/text"
)

// pairRow is a connection: both of its ends, or the one that is in the view.
type pairRow struct {
	Count   int // number of connections
	Between bool
	Ends    []end
	Stuck   bool
	age     time.Duration
	alike   string
}

// Many returns Count as text.
func (p pairRow) Many() string { return text.Number(p.Count) }

// end is one end of a connection.
type end struct {
	ID, Role, Local, Remote string
	Process                 string // "" if there is only one process
	Age                     string
	Unsampled               bool
	Read, Written           string // messages and bytes
	LastRead, LastWrite     string // time ago
	LastPong                string
	Reader, Writer          string // what they do
	ReaderClass             string
	WriterClass             string
	Waiting                 string // writes that wait
}

// connect sets the connections. Busy ones, such as those with blocks or findings, are
// separate from idle ones.
func (s *sheet) connect() {
	blocked := map[string]bool{}
	held := map[string]bool{} // goroutines that wait for a holder
	for i := range s.v.Goroutines {
		for j := range s.v.Goroutines[i].Waits {
			if w := &s.v.Goroutines[i].Waits[j]; !w.Idle {
				blocked[w.Connection] = true
				if len(w.Holders) > 0 {
					held[s.v.Goroutines[i].Key] = true
				}
			}
		}
	}
	done := map[string]bool{}
	var busy, idle []pairRow
	for i := range s.v.Connections {
		c := &s.v.Connections[i]
		if done[c.ID] {
			continue
		}
		done[c.ID] = true
		p := pairRow{Count: 1, Between: c.Between, age: c.Age}
		both := []*Connection{c}
		if other := s.ends[c.Peer]; other != nil && !done[other.ID] {
			done[other.ID] = true
			both = append(both, other)
		}
		for _, c := range both {
			p.Stuck = p.Stuck || blocked[c.ID] || s.named[c.ID] || c.Writer != nil || c.WritesWaiting > 0 ||
				c.Reader != nil && !c.Reader.Inside && held[c.Reader.Goroutine]
		}
		// The client is on the left, because it opens the connection.
		slices.SortStableFunc(both, func(a, b *Connection) int { return cmp.Compare(a.Role, b.Role) })
		for _, c := range both {
			e := s.end(c)
			p.Ends = append(p.Ends, e)
			p.alike += e.alike(c)
		}
		if p.Stuck {
			busy = append(busy, p)
		} else {
			idle = append(idle, p)
		}
	}
	oldest := func(a, b pairRow) int { return cmp.Compare(b.age, a.age) }
	slices.SortStableFunc(busy, oldest)
	slices.SortStableFunc(idle, oldest)
	s.Ends, s.IdleEnds = s.bounded(busy), s.bounded(folded(idle))
}

// alike returns the same text for ends that look the same, except for names and times.
func (e *end) alike(c *Connection) string {
	d := cmp.Or(c.Reader, &Doing{})
	return strings.Join([]string{
		e.Role, e.Process, d.Name, d.Operation, d.Reason, fmt.Sprint(e.Unsampled, c.Reader == nil, d.Inside, d.Ended),
	}, "\x00") + "\n"
}

// bounded returns the first maxRows pairs, and counts the others.
func (s *sheet) bounded(pairs []pairRow) []pairRow {
	if len(pairs) > maxRows {
		for _, p := range pairs[maxRows:] {
			s.MoreConnections += p.Count
		}
		pairs = pairs[:maxRows]
	}
	return pairs
}

// folded joins equal pairs into one, if there are more than foldAbove.
func folded(pairs []pairRow) []pairRow {
	if len(pairs) <= foldAbove {
		return pairs
	}
	at := map[string]int{}
	var all []pairRow
	for _, p := range pairs {
		if i, ok := at[p.alike]; ok {
			all[i].Count++
			continue
		}
		at[p.alike] = len(all)
		all = append(all, p)
	}
	return all
}

func (s *sheet) end(c *Connection) end {
	e := end{
		ID: name(c.ID), Role: name(c.Role), Local: shownAddress(c.Local), Remote: shownAddress(c.Remote),
		Age: s.age(c.Age), Unsampled: !c.Sampled,
		Read: traffic(c.MessagesRead, c.BytesRead), Written: traffic(c.MessagesWritten, c.BytesWritten),
		LastRead: s.since(c.LastRead), LastWrite: s.since(c.LastWrite), LastPong: s.since(c.LastPong),
	}
	if n := len(s.v.Processes); n > 1 && c.Process >= 0 && c.Process < n {
		e.Process = name(s.v.Processes[c.Process].Name)
	}
	e.Reader, e.ReaderClass = s.reader(c)
	if c.PartRead {
		e.Read += " and a part"
	}
	if c.Writer != nil {
		e.Writer, e.WriterClass = s.doing(c.Writer)
	}
	if c.WritesWaiting > 0 {
		e.Waiting = text.Counted(c.WritesWaiting, "write") + " waiting for their turn"
		if c.WritesWaiting == 1 {
			e.Waiting = "1 write waiting for its turn"
		}
	}
	return e
}

// reader describes what the current or last reader does. class is for its color.
func (s *sheet) reader(c *Connection) (does, class string) {
	d := c.Reader
	switch {
	case c.CloseRead:
		return "the library reads, and discards messages", "in"
	case d == nil && c.Reading:
		return "the library reads by itself", "in"
	case d == nil:
		return "nobody has read", "none"
	case d.Ended:
		return s.who(d.Goroutine, d.Name) + " read last, and has ended", "off"
	}
	does, _ = s.doing(d)
	if !d.Inside {
		return does + ", and does not read", "off"
	}
	return does, "in"
}

// doing describes what a goroutine does. class is for its color.
func (s *sheet) doing(d *Doing) (doing, class string) {
	who := s.who(d.Goroutine, d.Name)
	for_ := ""
	if since := s.since(d.Since); since != "" {
		for_ = " for " + since
	}
	site := ""
	if d.Site != "" {
		site = " at " + text.Shorten(text.Printable(d.Site), 80)
	}
	switch {
	case d.Ended:
		return who + " has ended", "off"
	case d.Operation == "":
		return who + " runs" + site + for_, "run"
	case d.Reason == "":
		return who + " runs in " + name(d.Operation) + site + for_, "run"
	default:
		waits := who + " waits in " + name(d.Operation)
		if d.Reason != d.Operation {
			waits += " (" + text.Printable(d.Reason) + ")"
		}
		return waits + site + for_, "net"
	}
}

// traffic returns a text such as "3 messages, 33 B".
func traffic(messages int, bytes int64) string {
	return text.Counted(messages, "message") + ", " + text.Bytes(float64(max(bytes, 0)))
}
