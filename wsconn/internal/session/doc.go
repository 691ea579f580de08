// Package session is the part of a traced WebSocket connection that does not depend on
// the library that speaks the protocol: the handshake on either side, the bytes as they
// pass below the library, and the operations above it. What it must know of a library
// is a [Library].
//
// # Words
//
// One verb has one meaning here:
//
//   - An operation begins and ends: BeginRead, End.
//   - The program enters the library with an operation, and leaves it.
//   - The program reads and writes messages. The wire sends and receives bytes and
//     frames, as in RFC 6455.
//   - A session notes what it finds out until it can report it: in a span, in an
//     attribute, to package live.
//   - A connection is established when its handshake has succeeded, and closed when
//     the connection below is.
package session
