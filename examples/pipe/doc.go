// Package pipe shows the blocks of a Unix pipe, with the public API of packages trace
// and trace/semconv alone. It is an example of how to trace something other than a
// WebSocket.
package pipe
