// Package session is the part of a traced WebSocket connection that does not depend on
// the WebSocket library: the handshake of either side, the bytes below the library, and
// the operations above it. A [Library] describes what a session cannot observe of a
// library.
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
//     attribute, or to package live.
//   - Reports that may run code of the program are deferred until the program has left
//     the library.
//   - Metrics are recorded; a block of a read or write that is no operation is measured.
//   - A connection is established when its handshake has succeeded, and closed when
//     the connection below is.
package session
