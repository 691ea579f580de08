package session

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// history is one direction of an unsampled connection: the frame boundaries, and a ring
// of the last messages and control frames, each eight bytes with a coarse time. Only
// the goroutine that reads or writes the connection writes it. Any goroutine may read
// the ring.
type history struct {
	left int64    // payload bytes of the current frame that have not passed yet
	size int64    // payload bytes of the current message, including those
	head [14]byte // a header that passes in parts
	have uint8    // bytes of head

	fin, open, compressed, control, broken bool
	kind, controlKind                      frame.Opcode

	count uint32 // complete messages
	next  atomic.Uint32
	ring  []atomic.Uint64

	last passage
}

// passage is a complete message or control frame.
type passage struct {
	size       int64
	index      uint32 // of a message
	kind       frame.Opcode
	compressed bool
}

// An entry of the ring has the coarse time in milliseconds, the kind and the size.
const (
	sizeBits = 25
	kindBits = 4
	timeBits = 64 - sizeBits - kindBits
	maxSize  = 1<<sizeBits - 1
	maxTime  = 1<<timeBits - 1
)

func entry(at int64, kind frame.Opcode, size int64) uint64 {
	return uint64(at&maxTime)<<(sizeBits+kindBits) | uint64(kind)<<sizeBits | uint64(min(size, maxSize))
}

// mid reports whether a frame or a message is incomplete.
func (h *history) mid() bool { return h.open || h.midFrame() }

// midFrame reports whether a frame is incomplete.
func (h *history) midFrame() bool { return h.left > 0 || h.have > 0 }

// nextIndex returns the index of the next message to begin.
func (h *history) nextIndex() uint32 {
	if h.open {
		return h.count + 2
	}
	return h.count + 1
}

// scan scans p, but stops before a frame that begins with the byte stop, unless that is
// 0. n is the number of scanned bytes. begins is the offset of the first message that
// begins in them, or -1. ends is the number of messages and control frames that end in
// them.
func (h *history) scan(p []byte, stop byte) (n, begins, ends int) {
	begins = -1
	for n < len(p) && !h.broken {
		if h.left > 0 {
			take := min(h.left, int64(len(p)-n))
			h.left -= take
			n += int(take)
			if h.left == 0 {
				ends += h.frameEnds()
			}
			continue
		}
		b := p[n:]
		if h.have == 0 {
			if b[0] == stop && stop != 0 {
				return n, begins, ends
			}
			if o := frame.Opcode(b[0] & 0xF); begins < 0 && (o == frame.Text || o == frame.Binary) {
				begins = n
			}
			if len(b) >= 2 {
				if size := headerSize(b[1]); len(b) >= size {
					h.frameBegins(b[:size])
					n += size
					if h.left == 0 {
						ends += h.frameEnds()
					}
					continue
				}
			}
		}
		h.head[h.have] = b[0]
		h.have++
		n++
		if h.have >= 2 && int(h.have) == headerSize(h.head[1]) {
			h.frameBegins(h.head[:h.have])
			h.have = 0
			if h.left == 0 {
				ends += h.frameEnds()
			}
		}
	}
	return len(p), begins, ends
}

// headerSize returns the size of a header with the second byte b (RFC 6455 §5.2).
func headerSize(b byte) int {
	n := 2
	switch b & 0x7F {
	case 126:
		n = 4
	case 127:
		n = 10
	}
	if b&0x80 != 0 {
		n += 4
	}
	return n
}

// frameBegins is called with a complete header.
func (h *history) frameBegins(head []byte) {
	length := int64(head[1] & 0x7F)
	switch length {
	case 126:
		length = int64(head[2])<<8 | int64(head[3])
	case 127:
		length = 0
		for _, b := range head[2:10] {
			length = length<<8 | int64(b)
		}
	}
	if length < 0 {
		h.broken, h.open = true, false
		return
	}
	h.begin(frame.Opcode(head[0]&0xF), head[0]&0x80 != 0, head[0]&0x40 != 0)
	h.left = length
	if h.control {
		h.last.size = length
	} else {
		h.size += length
	}
}

func (h *history) begin(o frame.Opcode, fin, compressed bool) {
	if h.control = o.IsControl(); h.control {
		h.controlKind = o
		return
	}
	h.fin, h.open = fin, true
	if o != frame.Continuation {
		h.kind, h.size, h.compressed = o, 0, compressed
	}
}

// frameEnds returns 1 if a message or a control frame ends with the frame, else 0.
func (h *history) frameEnds() int {
	switch {
	case h.control:
		h.note(passage{kind: h.controlKind, size: h.last.size})
	case h.fin:
		h.open, h.fin = false, false
		h.count++
		h.note(passage{h.size, h.count, h.kind, h.compressed})
	default:
		return 0
	}
	return 1
}

// noteSegment does what scan does, for a segment that a tracepong.Stream has scanned.
func (h *history) noteSegment(g *frame.Segment) {
	if g.HeaderEnd {
		h.begin(g.Header.Opcode, g.Header.Fin, g.Header.RSV1)
		if h.control {
			h.last.size = g.Header.Length
		} else {
			h.size += g.Header.Length
		}
	}
	if g.End {
		h.frameEnds()
	}
}

// note adds a passage to the ring.
func (h *history) note(p passage) {
	h.last = p
	i := h.next.Load()
	h.ring[i%uint32(len(h.ring))].Store(entry(coarse.Load(), p.kind, p.size))
	h.next.Store(i + 1)
}

// entries returns the entries, oldest first, in the memory of into.
func (h *history) entries(into []uint64) []uint64 {
	into = into[:0]
	n, size := h.next.Load(), uint32(len(h.ring))
	first := uint32(0)
	if n > size {
		first = n - size
	}
	for ; first < n; first++ {
		into = append(into, h.ring[first%size].Load())
	}
	return into
}

// historyText formats a history for its attribute (see docs/telemetry.md). Each entry
// has its kind, its size, its time relative to zero, and the time since the entry
// before it: "text:128@-3.512+0.250". Equal entries are one, with their number:
// "text:128@-3.512x7".
func historyText(entries []uint64, zero time.Time) string {
	if len(entries) == 0 {
		return ""
	}
	b := make([]byte, 0, 28*len(entries))
	before := time.Time{}
	for i := 0; i < len(entries); i++ {
		e, n := entries[i], 1
		for i+1 < len(entries) && entries[i+1] == e {
			i++
			n++
		}
		at := entryTime(e)
		if len(b) > 0 {
			b = append(b, ' ')
		}
		b = append(b, frame.Opcode(e>>sizeBits&(1<<kindBits-1)).String()...)
		b = append(b, ':')
		size := e & maxSize
		if size == maxSize {
			b = append(b, '>')
		}
		b = strconv.AppendUint(b, size, 10)
		b = append(b, '@')
		b = strconv.AppendFloat(b, at.Sub(zero).Seconds(), 'f', 3, 64)
		if !before.IsZero() {
			b = append(b, '+')
			b = strconv.AppendFloat(b, max(at.Sub(before), 0).Seconds(), 'f', 3, 64)
		}
		if n > 1 {
			b = append(b, 'x')
			b = strconv.AppendInt(b, int64(n), 10)
		}
		before = at
	}
	return string(b)
}

// entryTime returns the time of an entry, which must be less than half a year old.
func entryTime(e uint64) time.Time {
	now := clockNow()
	ago := (now - int64(e>>(sizeBits+kindBits))) & maxTime
	if ago > maxTime/2 { // the entry is newer than now, which was read before it
		ago -= maxTime + 1
	}
	return clockTime(now - ago)
}
