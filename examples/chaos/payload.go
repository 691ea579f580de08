package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
)

// noise is what payloads are cut from: letters, so that they may be text, and compress
// a little.
var noise = func() []byte {
	rng := rand.New(rand.NewPCG(6455, 7692))
	b := make([]byte, 1<<20)
	for i := range b {
		b[i] = byte('a' + rng.IntN(16))
	}
	return b
}()

const headSize = 24 // of a payload: the play, the writer, the number, the size; in letters

// payload is message n of a writer of a play, of that size or headSize at the least.
// Nothing in it is left to chance, so that whoever reads it knows all its bytes.
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

// ledger is one direction of a connection: what was written, and what arrived.
type ledger struct {
	play int

	mu      sync.Mutex
	sent    map[[2]int]bool // by writer and number: whether the write succeeded
	arrived map[[2]int]bool
	last    map[int]int // by writer, the number that arrived last
}

func newLedger(play int) *ledger {
	return &ledger{play: play, sent: map[[2]int]bool{}, arrived: map[[2]int]bool{}, last: map[int]int{}}
}

// wrote notes what became of a write. Before the call ok is false: what failed may
// have arrived all the same.
func (l *ledger) wrote(writer, n int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[[2]int{writer, n}] = ok
}

// read checks a message that arrived, byte for byte: it was written, once, and in the
// order of its writer. cut says that it is the begin of such a message: both libraries
// return that as a message, without an error, if the connection ends in its midst.
func (l *ledger) read(p []byte) (cut bool, err error) {
	if len(p) < headSize {
		return true, nil
	}
	var play, writer, n, size int
	if _, err := fmt.Sscanf(string(p[:headSize]), "%8x%4x%4x%8x", &play, &writer, &n, &size); err != nil {
		return false, fmt.Errorf("a message that nobody wrote: %.40q", p)
	}
	if play != l.play || size < len(p) || size > len(noise)/2 || !bytes.Equal(p, payload(play, writer, n, size)[:len(p)]) {
		return false, fmt.Errorf("message %d of writer %d of play %d, of %d bytes, with others than were written", n, writer, play, len(p))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
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
