package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
)

// noise is the source of payloads. It consists of letters, so that payloads may be text,
// and compress a little.
var noise = func() []byte {
	rng := rand.New(rand.NewPCG(6455, 7692))
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte('a' + rng.IntN(16))
	}
	return b
}()

const headSize = 24 // of a payload: the play, the writer, the number and the size, in hexadecimal

// payload returns message n of a writer of a play, of the given size but at least headSize.
// The arguments determine all its bytes, so that a reader can check them.
func payload(play, writer, n, size int) []byte {
	size = max(size, headSize)
	p := make([]byte, size)
	copy(p, fmt.Sprintf("%08x%04x%04x%08x", uint32(play), uint16(writer), uint16(n), uint32(size)))
	copy(p[headSize:], noise[offset(play, writer, n, size):])
	return p
}

func offset(play, writer, n, size int) int {
	var b [12]byte
	binary.LittleEndian.PutUint32(b[:], uint32(play))
	binary.LittleEndian.PutUint32(b[4:], uint32(writer))
	binary.LittleEndian.PutUint32(b[8:], uint32(n))
	h := uint32(2166136261) // FNV-1a
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return int(h) % (len(noise) - size)
}

var errOther = errors.New("others than were written")

// ledger records for one direction of a connection what was written, and what arrived.
type ledger struct {
	play    int
	deflate bool // messages are compressed: see read

	mu      sync.Mutex
	sent    map[[2]int]bool // by writer and number: whether the write succeeded
	arrived map[[2]int]bool
	last    map[int]int    // by writer, the number that arrived last
	ended   map[[2]int]int // sizes of messages that failed and that the program then closed
	part    []byte         // the last message that arrived, if it was only the beginning of one; else nil
}

func newLedger(play int) *ledger {
	return &ledger{play: play, sent: map[[2]int]bool{}, arrived: map[[2]int]bool{}, last: map[int]int{}, ended: map[[2]int]int{}}
}

// wrote notes a write: before the call with ok false, since a message may arrive even if
// its write fails, and with ok true if it has succeeded.
func (l *ledger) wrote(writer, n int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[[2]int{writer, n}] = ok
}

// ends notes that the program is about to close the Writer of a message of which only a
// part was written, since its context ended. If the connection outlives that, the part is
// a complete message: nhooyr's locks, and its goroutine that closes the connection when a
// context ends, choose at random among what is ready.
func (l *ledger) ends(writer, n, size int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended[[2]int{writer, n}] = size
}

// neverEnded notes that closing that Writer failed.
func (l *ledger) neverEnded(writer, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ended, [2]int{writer, n})
}

// wasEnded reports whether part is the beginning of a message whose Writer the program was
// about to close, or has closed. The caller holds l.mu.
func (l *ledger) wasEnded(part []byte) bool {
	for id, size := range l.ended {
		if bytes.HasPrefix(payload(l.play, id[0], id[1], size), part) {
			return true
		}
	}
	return false
}

// read checks a message that arrived, byte for byte: it was written, arrives once, and in
// the order of its writer. cut reports that it is only the beginning of such a message,
// which nhooyr's and coder's libraries return without an error if the connection ends
// inside the message. No message may arrive after a cut one, unless the program closed that
// one's Writer. Both libraries append four bytes to a compressed message that is cut, so
// that it may end in any bytes.
func (l *ledger) read(p []byte) (cut bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	part := l.part
	l.part = nil
	if part != nil && !l.wasEnded(part) {
		return false, fmt.Errorf("%d bytes after a part of a message, of %d", len(p), len(part))
	}
	if cut, err = l.whole(p); l.deflate && errors.Is(err, errOther) {
		cut, err = true, nil
	}
	if cut {
		l.part = append([]byte{}, p...) // not nil
	}
	return cut, err
}

// whole is read without regard to a part that arrived before. The caller holds l.mu.
func (l *ledger) whole(p []byte) (cut bool, err error) {
	if len(p) < headSize {
		return true, nil
	}
	var play, writer, n, size int
	if _, err := fmt.Sscanf(string(p[:headSize]), "%8x%4x%4x%8x", &play, &writer, &n, &size); err != nil {
		return false, fmt.Errorf("a message of %w: %.40q", errOther, p)
	}
	if play != l.play || size < len(p) || size > len(noise)/2 || !bytes.Equal(p, payload(play, writer, n, size)[:len(p)]) {
		return false, fmt.Errorf("message %d of writer %d of play %d, of %d bytes, with %w", n, writer, play, len(p), errOther)
	}
	id := [2]int{writer, n}
	if _, ok := l.sent[id]; !ok {
		return false, fmt.Errorf("message %d of writer %d before it was written", n, writer)
	}
	if l.arrived[id] {
		return false, fmt.Errorf("message %d of writer %d twice", n, writer)
	}
	if last, ok := l.last[writer]; ok && n < last {
		return false, fmt.Errorf("message %d of writer %d after %d", n, writer, last)
	}
	if size > len(p) {
		return true, nil
	}
	l.arrived[id], l.last[writer] = true, n
	return false, nil
}

// lost returns how many messages were written without an error and did not arrive.
func (l *ledger) lost() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, ok := range l.sent {
		if ok && !l.arrived[id] {
			n++
		}
	}
	return n
}
