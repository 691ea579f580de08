// Package pipe shows the blocks of a Unix pipe, with what packages trace and
// trace/semconv export and nothing else: an example of how to follow what is no
// WebSocket.
package pipe
