// Package gobwasws is github.com/gobwas/ws with a trace. That library consists of
// functions over a net.Conn. This package has the few that most programs call, as
// methods of a [Conn] whose operations have spans. It is also the adapter that
// docs/adapters.md describes step by step.
//
// The documentation of package wsconn about spans applies here, and that of package
// gorillaws about contexts. One goroutine at a time may write messages, which the
// library does not check. The answers that reads send, pongs and the close, are not
// serialised with writes either.
package gobwasws
