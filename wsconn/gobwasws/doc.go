// Package gobwasws is github.com/gobwas/ws with a trace. That library is functions over
// a net.Conn; this package has the few that most programs call, as methods of a [Conn]
// that shows its spans. It is also the adapter that docs/adapters.md walks through.
//
// What package wsconn says of spans is so here, and without contexts it is as package
// gorillaws says. A message has one writer at a time, which the library does not check;
// what its reads answer, pongs and the close, is not locked against writes either.
package gobwasws
