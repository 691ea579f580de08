package main

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// frames is a tamper that inserts frames between those that pass, after the handshake. It
// works only on connections without TLS.
type frames struct {
	masked bool // towards the server
	insert func(f *frames, rng *rand.Rand) []byte

	number  int    // data messages that have begun
	inside  bool   // a fragmented message is in progress
	started bool   // the handshake is over
	head    []byte // of the handshake, or of the frame in progress
	left    uint64 // of that frame's payload
}

func (f *frames) pass(_ *cable, rng *rand.Rand, chunk []byte, on func([]byte)) {
	var out []byte
	for len(chunk) > 0 {
		if f.left > 0 {
			n := min(f.left, uint64(len(chunk)))
			out, chunk, f.left = append(out, chunk[:n]...), chunk[n:], f.left-n
			continue
		}
		if len(f.head) == 0 && f.started {
			out = append(out, f.insert(f, rng)...)
		}
		f.head = append(f.head, chunk[0])
		out, chunk = append(out, chunk[0]), chunk[1:]
		switch {
		case !f.started:
			if bytes.HasSuffix(f.head, []byte("\r\n\r\n")) {
				f.started, f.head = true, nil
			}
		case f.whole():
			f.begun()
			f.head = nil
		}
	}
	on(out)
}

// whole reports whether the frame's header is complete, and notes its length.
func (f *frames) whole() bool {
	h := f.head
	if len(h) < 2 {
		return false
	}
	size, length := 2, uint64(h[1]&127)
	switch length {
	case 126:
		if size = 4; len(h) >= size {
			length = uint64(binary.BigEndian.Uint16(h[2:]))
		}
	case 127:
		if size = 10; len(h) >= size {
			length = binary.BigEndian.Uint64(h[2:])
		}
	}
	if h[1]>>7 == 1 {
		size += 4
	}
	if len(h) < size {
		return false
	}
	f.left = length
	return true
}

// begun notes what the frame's header shows.
func (f *frames) begun() {
	opcode, fin := f.head[0]&15, f.head[0]>>7 == 1
	if opcode == 1 || opcode == 2 {
		f.number++
	}
	if opcode <= 2 {
		f.inside = !fin
	}
}

// frame encodes a frame for the direction of f, masked if that is towards the server.
func (f *frames) frame(first byte, payload []byte, rng *rand.Rand) []byte {
	b := []byte{first, 0}
	if len(payload) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
	} else {
		b[1] = byte(len(payload))
	}
	if !f.masked {
		return append(b, payload...)
	}
	b[1] |= 0x80
	key := binary.BigEndian.AppendUint32(nil, rng.Uint32())
	b = append(b, key...)
	for i, p := range payload {
		b = append(b, p^key[i%4])
	}
	return b
}

// forgedTrace is the prefix of every trace ID that this program makes up.
const forgedTrace = "\xf0\x0f\xf0\x0f\xf0\x0f\xf0\x0f"

// forgery returns a frame with a trace pong (docs/wire.md), or with one that is almost
// right.
func forgery(f *frames, rng *rand.Rand) []byte {
	number := uint32(f.number + 1)
	p := []byte("\xf5wk\x01")
	switch rng.IntN(8) {
	case 0: // of another message, usually
		number += uint32(rng.IntN(5)) - 2
	case 1: // cut off
		p = binary.BigEndian.AppendUint32(p, number)
		p = append(p, forgedTrace...)
		return f.frame(0x8A, p[:rng.IntN(len(p))+1], rng)
	case 2: // random bytes
		for range rng.IntN(120) {
			p = append(p, byte(rng.Uint32()))
		}
		return f.frame(0x8A, p, rng)
	case 3:
		return f.frame(0x8A, []byte("a pong of no ping"), rng)
	case 4:
		return f.frame(0x8A, nil, rng)
	}
	p = binary.BigEndian.AppendUint32(p, number)
	p = append(p, forgedTrace...)
	p = binary.BigEndian.AppendUint64(p, rng.Uint64())
	p = binary.BigEndian.AppendUint64(p, rng.Uint64()|1)
	return f.frame(0x8A, append(p, byte(rng.IntN(4))), rng)
}

// badFrame returns a frame that a library must refuse.
func badFrame(f *frames, rng *rand.Rand) []byte {
	n := rng.IntN(8)
	if n == 4 && f.inside { // a continuation would be valid here
		n = 0
	}
	switch n {
	case 0:
		return f.frame(0x83, []byte("a reserved opcode"), rng)
	case 1:
		return f.frame(0xB1, []byte("reserved bits"), rng)
	case 2:
		return f.frame(0x09, []byte("a ping in fragments"), rng)
	case 3:
		return f.frame(0x89, make([]byte, 300), rng)
	case 4:
		return f.frame(0x80, []byte("a continuation of nothing"), rng)
	case 5:
		return f.frame(0x88, []byte{0x03}, rng) // a close of one byte
	case 6:
		return f.frame(0x88, []byte("\x03\xedno code to send"), rng) // 1005
	default:
		f.masked = !f.masked
		b := f.frame(0x82, []byte("masked where it must not be, or not where it must"), rng)
		f.masked = !f.masked
		return b
	}
}
