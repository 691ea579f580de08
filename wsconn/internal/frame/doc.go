// Package frame scans RFC 6455 frame headers in bytes as they pass by, in
// whatever chunks they come: it says where each frame begins and ends, what it
// is, and which bytes of a chunk are its payload.
//
//	chunk  bytes   segment
//	1      hhpppp  Begin, HeaderEnd, End: a whole frame
//	       hh      Begin: half a header
//	2      hhpppp  HeaderEnd: the other half, and payload at offset 0
//	3      pp      End: payload at offset 4
//	       hh      Begin, HeaderEnd, End: a frame without payload
//
// A [Scanner] looks at one direction of one connection. It watches and never
// acts: bytes are neither held back nor changed nor copied, and what a frame
// means (which side must mask, which reserved bits an extension claims, which
// continuation belongs where) is for the WebSocket library to judge.
//
// # Where scanning stops
//
// A Scanner stops at a frame that no endpoint may accept and that no extension
// of the wrapped libraries sends. From there on either it is out of step or the
// receiver fails the connection and processes nothing more (RFC 6455 §7.1.7),
// so what looks like a frame further on is none:
//
//   - an opcode that is reserved, 3-7 and 0xB-0xF (§5.2)
//   - a control frame without FIN (§5.5)
//   - a control frame longer than 125 bytes, however its length is encoded (§5.5)
//   - a 64-bit length with its highest bit set (§5.2)
//
// The first two show in a header's first byte, the last two in the last byte of
// its length; that byte is the last that is scanned. Nothing else stops it. In
// particular these pass: a length in more bytes than it needs, RSV bits, a mask
// or its absence in either direction, a continuation of nothing, a text frame
// inside a fragmented message, bytes after a close frame.
//
// # Concurrency and cost
//
// Nothing here is safe for concurrent use; calls for one direction are ordered
// by whoever reads or writes there. Nothing allocates, except
// [Segment.AppendPayload] where dst has no room and [Opcode.String] for a
// reserved opcode.
package frame
