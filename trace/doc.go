// Package trace shows the event loop under a Go program as OpenTelemetry spans:
// which goroutine blocked, on what and for how long, and what woke it.
//
// A goroutine started by [Go], or a function run by [Handle], has a span "go
// NAME" that lasts until its first instruction and is the parent of what it
// does, and at its end a span "NAME" that covers its life. What it does that
// may block is an operation, an [Op]; inside an operation, block and wake
// alternate and tile it:
//
//	go sen_data        |-|
//	  sen_data           |------------------------------------------|
//	  write              |---|
//	  write                   |--------------------------------|
//	    block                  |------------------------------|       net.write, peer_window
//	    wake                                                   |-|    peer_read
//
// A block lasts from the moment a goroutine is about to park to the moment it
// runs again. Nothing stays open longer than one operation: block, wake and
// NAME are exported when they are over, with the times that were read.
//
// The package [github.com/wakechain/wakechain/trace/netpoll] reports the blocks
// of any net.Conn, and [github.com/wakechain/wakechain/wsconn] those of
// WebSocket connections.
//
// Everything is safe for concurrent use. Where the parent span is not sampled
// or the provider is a no-op, an operation costs no allocation and no reading
// of the clock.
package trace
