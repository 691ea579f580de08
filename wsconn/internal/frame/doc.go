// Package frame scans the RFC 6455 frame headers in a stream of bytes, in chunks of any
// size: where each frame begins and ends, what it is, and which bytes of a chunk are its
// payload.
//
//	chunk  bytes   segment
//	1      hhpppp  Begin, HeaderEnd, End: a whole frame
//	       hh      Begin: half a header
//	2      hhpppp  HeaderEnd: the other half, and payload at offset 0
//	3      pp      End: payload at offset 4
//	       hh      Begin, HeaderEnd, End: a frame without payload
//
// A [Scanner] scans one direction of one connection. It only reads: bytes are neither held
// back nor changed nor copied. The meaning of a frame (which side must mask, which reserved
// bits an extension uses, which continuation belongs where) is up to the WebSocket library.
//
// # Where scanning stops
//
// A Scanner stops at a frame that no endpoint may accept and that no extension of the
// wrapped libraries sends. Then either the Scanner has lost the frame boundaries, or the
// receiver fails the connection and processes nothing more (RFC 6455 §7.1.7). So nothing
// behind it is a frame:
//
//   - an opcode that is reserved, 3-7 and 0xB-0xF (§5.2)
//   - a control frame without FIN (§5.5)
//   - a control frame longer than 125 bytes, however its length is encoded (§5.5)
//   - a 64-bit length with its highest bit set (§5.2)
//
// It finds the first two in a header's first byte, the last two in the last byte of the
// length; that byte is the last one that is scanned. Nothing else stops it. In particular
// these do not: a length in more bytes than necessary, RSV bits, a mask or none in either
// direction, a continuation without a message, a text frame inside a fragmented message,
// and bytes after a close frame.
//
// # Concurrency and cost
//
// A Scanner is not safe for concurrent use. Nothing allocates, except
// [Segment.AppendPayload] if dst is too small, and [Opcode.String] for a reserved opcode.
package frame
