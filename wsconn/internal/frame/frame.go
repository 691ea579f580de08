package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcode is the kind of a frame, RFC 6455 §5.2.
type Opcode uint8

// Opcodes. The others, 3-7 and 0xB-0xF, are reserved.
const (
	Continuation Opcode = 0x0
	Text         Opcode = 0x1
	Binary       Opcode = 0x2
	Close        Opcode = 0x8
	Ping         Opcode = 0x9
	Pong         Opcode = 0xA
)

// MaxControlPayload is the maximum payload of a control frame, in bytes (RFC 6455 §5.5).
const MaxControlPayload = 125

// IsControl reports whether o is, or is reserved for, a control frame.
func (o Opcode) IsControl() bool { return o&0x8 != 0 }

// String returns the name of RFC 6455 in lower case, such as "text", and for a reserved
// opcode its number, such as "opcode(0x3)".
func (o Opcode) String() string {
	switch o {
	case Continuation:
		return "continuation"
	case Text:
		return "text"
	case Binary:
		return "binary"
	case Close:
		return "close"
	case Ping:
		return "ping"
	case Pong:
		return "pong"
	}
	return fmt.Sprintf("opcode(%#x)", uint8(o))
}

func (o Opcode) reserved() bool { return Binary < o && o < Close || Pong < o }

// Header is the header of a frame. Opcode, Fin and RSV1 are known from its first byte. The
// rest is valid once the header is complete, which is when Size is not 0.
type Header struct {
	Opcode  Opcode
	Fin     bool    // the last frame of its message
	RSV1    bool    // with permessage-deflate: the message is compressed (RFC 7692 §6)
	Masked  bool    // the payload is masked with MaskKey
	Length  int64   // of the payload, in bytes
	Size    int     // of the header itself on the wire, in bytes: 2 to 14
	MaskKey [4]byte // zero if not masked
}

// Segment is the part of a frame in one chunk. Each of Begin, HeaderEnd and End is true in
// exactly one segment of a frame, often the same one.
type Segment struct {
	Header Header // as far as it is known at the end of the segment

	Begin     bool // the frame's first byte is here
	HeaderEnd bool // the header's last byte is here
	End       bool // the frame's last byte is here
	Stop      bool // the segment's last byte is where scanning stopped; see [Scanner.Err]

	// Payload is the part of the payload in the segment, as on the wire: masked if
	// Header.Masked. It is a slice of the chunk, not a copy.
	Payload []byte
	// Offset is the position of Payload in the payload of the whole frame.
	Offset int64
}

// AppendPayload appends the payload in g, unmasked, to dst. Calls for all segments of a
// frame append its whole payload. The chunk is not changed.
func (g *Segment) AppendPayload(dst []byte) []byte {
	dst = append(dst, g.Payload...)
	if !g.Header.Masked {
		return dst
	}
	here := dst[len(dst)-len(g.Payload):]
	for i := range here {
		here[i] ^= g.Header.MaskKey[(int(g.Offset)+i)&3]
	}
	return dst
}

// CloseCode returns the status code in the unmasked payload of a close frame. ok is false if
// it has none: a close frame may be empty (RFC 6455 §5.5.1). It does not check whether the
// code is allowed.
func CloseCode(payload []byte) (code int, ok bool) {
	if len(payload) < 2 {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(payload)), true
}

var (
	errReserved   = errors.New("frame: reserved opcode")
	errFragmented = errors.New("frame: fragmented control frame")
	errControl    = errors.New("frame: control frame longer than 125 bytes")
	errLength     = errors.New("frame: length of 2^63 bytes or more")
)

// Scanner finds the frames in one direction of a connection. The zero Scanner expects the
// first byte after the opening handshake.
type Scanner struct {
	head   Header // of the frame in progress
	parsed int    // bytes of that header that were scanned; 0 between frames
	size   int    // of that header, in bytes; known from its second byte
	offset int64  // bytes of the payload that were scanned
	err    error
}

// Next consumes the bytes at the front of p, the next chunk, that belong to one frame. It
// returns their segment and number, which is at least one unless p is empty. The caller
// loops:
//
//	for len(p) > 0 {
//		seg, n := s.Next(p)
//		…
//		p = p[n:]
//	}
//
// After scanning has stopped it consumes all of p and returns the zero Segment.
func (s *Scanner) Next(p []byte) (Segment, int) {
	if s.err != nil || len(p) == 0 {
		return Segment{}, len(p)
	}

	seg := Segment{Begin: s.parsed == 0}
	n := 0
	if seg.Begin {
		n = s.parseWhole(p)
		seg.HeaderEnd = n > 0
	}
	for s.head.Size == 0 && n < len(p) {
		s.err = s.parse(p[n])
		n++
		if s.err != nil {
			seg.Header, seg.Stop = s.head, true
			return seg, n
		}
		seg.HeaderEnd = s.head.Size != 0
	}
	seg.Header = s.head
	if s.head.Size == 0 {
		return seg, n
	}

	here := int(min(s.head.Length-s.offset, int64(len(p)-n)))
	seg.Payload, seg.Offset = p[n:n+here:n+here], s.offset
	s.offset += int64(here)
	if s.offset == s.head.Length {
		seg.End = true
		*s = Scanner{}
	}
	return seg, n + here
}

// parseWhole is parse for all of a header at the front of p, and returns its size. It
// returns 0 if p ends before that, or if the header may be refused.
func (s *Scanner) parseWhole(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	h := Header{
		Opcode: Opcode(p[0] & 0x0F), Fin: p[0]&0x80 != 0, RSV1: p[0]&0x40 != 0,
		Masked: p[1]&0x80 != 0, Length: int64(p[1] & 0x7F),
	}
	if h.Opcode.reserved() || h.Opcode.IsControl() && (!h.Fin || h.Length > MaxControlPayload) {
		return 0
	}
	key := 2 // where it begins
	switch h.Length {
	case 126:
		key += 2
	case 127:
		key += 8
	}
	h.Size = key
	if h.Masked {
		h.Size += len(h.MaskKey)
	}
	if len(p) < h.Size {
		return 0
	}
	switch h.Length {
	case 126:
		h.Length = int64(binary.BigEndian.Uint16(p[2:]))
	case 127:
		h.Length = int64(binary.BigEndian.Uint64(p[2:])) // negative from 2^63 on
	}
	if h.Length < 0 {
		return 0
	}
	if h.Masked {
		h.MaskKey = [4]byte(p[key:])
	}
	s.head, s.parsed, s.size = h, h.Size, h.Size
	return h.Size
}

// parse takes the next byte of a header.
func (s *Scanner) parse(b byte) error {
	s.parsed++
	h := &s.head
	switch s.parsed {
	case 1:
		h.Fin, h.RSV1, h.Opcode = b&0x80 != 0, b&0x40 != 0, Opcode(b&0x0F)
		if h.Opcode.reserved() {
			return errReserved
		}
		if h.Opcode.IsControl() && !h.Fin {
			return errFragmented
		}
		return nil
	case 2:
		h.Masked, s.size = b&0x80 != 0, 2
		switch b &= 0x7F; b {
		case 126:
			s.size += 2
		case 127:
			s.size += 8
		default:
			h.Length = int64(b)
		}
		if h.Masked {
			s.size += len(h.MaskKey)
		}
	default:
		length := s.size // where the length ends
		if h.Masked {
			length -= len(h.MaskKey)
		}
		if s.parsed > length {
			h.MaskKey[s.parsed-length-1] = b
			break
		}
		h.Length = h.Length<<8 | int64(b)
		if s.parsed < length {
			return nil
		}
		if h.Length < 0 {
			return errLength
		}
		if h.Opcode.IsControl() && h.Length > MaxControlPayload {
			return errControl
		}
	}
	if s.parsed == s.size {
		h.Size = s.size
	}
	return nil
}

// Current returns the header of the frame in progress, as far as it was scanned. ok is false
// between frames and after scanning has stopped.
func (s *Scanner) Current() (h Header, ok bool) {
	if s.parsed == 0 || s.err != nil {
		return Header{}, false
	}
	return s.head, true
}

// Err returns why scanning has stopped; nil: it has not.
func (s *Scanner) Err() error { return s.err }
