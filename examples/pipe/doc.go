// Package pipe shows the blocks of a Unix pipe. It uses only the public API of packages
// trace and trace/semconv. It is an example of how to trace something other than a
// WebSocket.
package pipe
