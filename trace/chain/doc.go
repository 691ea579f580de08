// Package chain puts spans from any source into one causally ordered chain, and prints it
// as a tree.
//
// The spans come from the SDK ([FromSpans]), or from a file or a server's answer in any
// common format ([Read]), in any mixture; [New] makes a [Chain] of them. They need not be
// wakechain's or well-formed: missing parents, cycles of parents or links, duplicate ids,
// repeated deliveries, clocks that disagree and equal times all have a defined result.
//
//	spans, report, err := chain.Read(file)
//	…
//	fmt.Print(chain.New(spans))
//
//	+0s        hello  2.99s  finished  [socket_get]
//	+25µs      ├─ handshake  1.9ms  client  → 127.0.0.1:39121  101
//	+30µs      │  ├─ connect  310µs
//	           …
//	+1.4ms     │  └─ handshake  210µs  server  from 127.0.0.1  [socket_start]
//	+1.612ms   │     └─ sen_data  2.99s  finished  blocked 2.98s
//	+1.7ms     │        ├─ write ×311 #11–13  13 B  total 2.5ms  max 11µs
//	+4.502ms   │        └─ write  13 B  2.99s
//	+4.507ms   │           ├─ block peer_window  2.99s  net.write
//	+2.99s     │           └─ wake peer_closed  13µs
//	+1.93ms    └─ read ×3  13 B  total 120µs  max 40µs  ← write ×3 #11–13 (socket_start)
//
// # Order
//
// The chain is in the order of time, except that no span comes before its parent. Among
// spans at the same time, the target of a link comes before the span that links to it
// (unless that makes a cycle), and a span without duration before one with a duration. All
// others stay in the order of arrival.
//
// # Clocks
//
// If spans of two machines contradict each other ([Skew]), the clock of one is corrected.
// [Chain.Skews] and the tree report it.
//
// # Concurrency and cost
//
// A Chain does not change. Any number of goroutines may call its methods and those of its
// spans. The readers and [New] share nothing between calls. New and [Chain.WriteTree] cost
// O(n log n) for n spans. A deep trace causes no deep recursion.
package chain
