package frame_test

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

// sighting is what was found out about one frame.
type sighting struct {
	Begin   int // position of its first byte in the stream
	Header  frame.Header
	Payload []byte // as on the wire
	End     bool
	Stop    bool // scanning stopped in it
}

// trail is everything that was found out about a stream.
type trail struct {
	Frames []sighting
	Opaque int // bytes after scanning stopped
}

// settle clears the fields of an incomplete header that are not to be used.
func settle(h frame.Header) frame.Header {
	if h.Size == 0 {
		return frame.Header{Opcode: h.Opcode, Fin: h.Fin, RSV1: h.RSV1}
	}
	return h
}

// follow scans stream in chunks of the given lengths, over and over, and checks
// every segment against the contract as it goes. Without lengths, or with
// nothing but zeros, stream is one chunk.
func follow(t testing.TB, s *frame.Scanner, stream []byte, lengths ...int) trail {
	t.Helper()
	if !slices.ContainsFunc(lengths, func(n int) bool { return n > 0 }) {
		lengths = []int{max(1, len(stream))}
	}
	var got trail
	at := 0
	for i := 0; at < len(stream); i++ {
		chunk := stream[at:min(len(stream), at+lengths[i%len(lengths)])]
		if len(chunk) == 0 {
			before := *s
			if seg, n := s.Next(chunk); n != 0 || !reflect.DeepEqual(seg, frame.Segment{}) || *s != before {
				t.Fatalf("at %d: Next of nothing = %+v, %d and changed the scanner: %t; want the zero Segment, 0, false",
					at, seg, n, *s != before)
			}
		}
		for len(chunk) > 0 {
			n := got.next(t, s, chunk, at)
			at, chunk = at+n, chunk[n:]
		}
	}
	return got
}

// next takes the next segment, of a chunk at position at, into the trail.
func (tr *trail) next(t testing.TB, s *frame.Scanner, chunk []byte, at int) int {
	t.Helper()
	stopped := s.Err() != nil
	_, inside := s.Current()
	seg, n := s.Next(chunk)

	if n < 1 || n > len(chunk) {
		t.Fatalf("at %d: Next consumed %d of %d bytes", at, n, len(chunk))
	}
	if stopped {
		if n != len(chunk) || !reflect.DeepEqual(seg, frame.Segment{}) {
			t.Fatalf("at %d: Next after Stop = %+v, %d; want the zero Segment, %d", at, seg, n, len(chunk))
		}
		tr.Opaque += n
		return n
	}

	if seg.Begin == inside {
		t.Fatalf("at %d: Begin = %t, inside a frame before = %t", at, seg.Begin, inside)
	}
	if seg.Begin {
		tr.Frames = append(tr.Frames, sighting{Begin: at})
	}
	f := &tr.Frames[len(tr.Frames)-1]
	if got, want := seg.HeaderEnd, f.Header.Size == 0 && seg.Header.Size != 0; got != want {
		t.Fatalf("at %d: HeaderEnd = %t, want %t", at, got, want)
	}
	if got, want := seg.Offset, int64(len(f.Payload)); got != want {
		t.Fatalf("at %d: Offset = %d, want %d", at, got, want)
	}
	if len(seg.Payload) > 0 && &seg.Payload[len(seg.Payload)-1] != &chunk[n-1] {
		t.Fatalf("at %d: Payload is not the end of the %d bytes consumed", at, n)
	}
	if seg.Stop != (s.Err() != nil) {
		t.Fatalf("at %d: Stop = %t, Err = %v", at, seg.Stop, s.Err())
	}
	head, inside := s.Current()
	if got, want := inside, !seg.End && !seg.Stop; got != want {
		t.Fatalf("at %d: Current after %+v is inside a frame = %t, want %t", at, seg, got, want)
	}
	if inside && head != seg.Header {
		t.Fatalf("at %d: Current = %+v, want %+v", at, head, seg.Header)
	}

	f.Header = settle(seg.Header)
	f.Payload = append(f.Payload, seg.Payload...)
	f.End, f.Stop = seg.End, seg.Stop
	return n
}

// reference parses a whole stream straight from the figure in RFC 6455 §5.2.
func reference(stream []byte) trail {
	var want trail
	for at := 0; at < len(stream); {
		b := stream[at:]
		f := sighting{Begin: at, Header: frame.Header{
			Opcode: frame.Opcode(b[0] & 15), Fin: b[0]>>7 == 1, RSV1: b[0]>>6&1 == 1,
		}}
		control := slices.Contains([]byte{8, 9, 10}, b[0]&15)
		data := slices.Contains([]byte{0, 1, 2}, b[0]&15)

		used, stop, complete := 1, false, false
		var length uint64
		switch {
		case !data && !control, control && !f.Header.Fin:
			stop = true
		case len(b) < 2:
		case b[1]&127 < 126:
			used, length, complete = 2, uint64(b[1]&127), true
		case b[1]&127 == 126 && len(b) >= 4:
			used, length, complete = 4, uint64(binary.BigEndian.Uint16(b[2:])), true
		case b[1]&127 == 127 && len(b) >= 10:
			used, length, complete = 10, binary.BigEndian.Uint64(b[2:]), true
		}
		if length >= 1<<63 || control && length > 125 {
			stop, complete = true, false
		}
		var key [4]byte
		if complete && b[1]>>7 == 1 {
			complete = len(b) >= used+4
			if complete {
				copy(key[:], b[used:])
				used += 4
			}
		}

		if stop {
			f.Stop = true
			want.Frames = append(want.Frames, f)
			want.Opaque = len(b) - used
			return want
		}
		if !complete {
			want.Frames = append(want.Frames, f)
			return want
		}
		f.Header.Masked, f.Header.MaskKey = b[1]>>7 == 1, key
		f.Header.Length, f.Header.Size = int64(length), used
		here := min(uint64(len(b)-used), length)
		f.Payload = append(f.Payload, b[used:used+int(here)]...)
		f.End = here == length
		want.Frames = append(want.Frames, f)
		at += used + int(here)
	}
	return want
}

// encode returns the bytes of h, with its length in the shortest encoding that
// h.Size leaves room for.
func encode(h frame.Header) []byte {
	b := []byte{byte(h.Opcode), 0}
	if h.Fin {
		b[0] |= 0x80
	}
	if h.RSV1 {
		b[0] |= 0x40
	}
	size := h.Size
	if h.Masked {
		b[1], size = 0x80, size-4
	}
	switch size {
	case 2:
		b[1] |= byte(h.Length)
	case 4:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(h.Length))
	case 10:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(h.Length))
	}
	if h.Masked {
		b = append(b, h.MaskKey[:]...)
	}
	return b
}

// headers yields a header of every length class, masked and not, and of every
// opcode that may have it.
func headers() []frame.Header {
	var all []frame.Header
	for _, op := range opcodes {
		for _, l := range []struct {
			length int64
			size   int
		}{
			{0, 2},
			{1, 2},
			{125, 2},
			{0, 4},
			{125, 4},
			{126, 4},
			{1<<16 - 1, 4},
			{0, 10},
			{125, 10},
			{126, 10},
			{1 << 16, 10},
			{1<<31 + 1, 10},
			{1<<63 - 1, 10},
		} {
			if op.IsControl() && l.length > frame.MaxControlPayload {
				continue
			}
			h := frame.Header{Opcode: op, Fin: true, Length: l.length, Size: l.size}
			all = append(all, h)
			h.Masked, h.MaskKey, h.Size = true, [4]byte{0x37, 0xFA, 0x21, 0x3D}, l.size+4
			all = append(all, h)
			if !op.IsControl() {
				h.Fin, h.RSV1 = false, true
				all = append(all, h)
			}
		}
	}
	return all
}

// randomFrames returns n frames, most of them small.
func randomFrames(rng *rand.Rand, n int) (stream []byte, want []sighting) {
	for range n {
		h := frame.Header{
			Opcode: opcodes[rng.IntN(len(opcodes))],
			Fin:    rng.IntN(2) == 0, RSV1: rng.IntN(4) == 0, Masked: rng.IntN(2) == 0,
			Length: rng.Int64N(126),
		}
		switch rng.IntN(100) {
		case 0:
			h.Length = 1<<16 - rng.Int64N(2) // on either side of the 64-bit length
		case 1, 2, 3, 4, 5, 6, 7, 8, 9:
			h.Length = 100 + rng.Int64N(50)
		case 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
			h.Length = 0
		}
		if h.Opcode.IsControl() {
			h.Fin, h.Length = true, min(h.Length, frame.MaxControlPayload)
		}
		h.Size = 2
		switch {
		case h.Length > 1<<16-1:
			h.Size = 10
		case h.Length > 125:
			h.Size = 4
		}
		if h.Masked {
			h.Size += 4
			binary.BigEndian.PutUint32(h.MaskKey[:], rng.Uint32())
		}
		payload := make([]byte, h.Length)
		for i := range payload {
			payload[i] = byte(rng.Uint32())
		}
		f := sighting{Begin: len(stream), Header: h, End: true}
		f.Payload = append(f.Payload, payload...) // nil if empty
		want = append(want, f)
		stream = append(append(stream, encode(h)...), payload...)
	}
	return stream, want
}
