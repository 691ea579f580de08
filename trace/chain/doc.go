// Package chain holds spans from any source as one causally ordered chain, and
// prints it as a tree.
//
// The spans come from the SDK ([FromSpans]) or from a file or an answer of a server
// of any usual format ([Read]), in any mixture; [New] makes a [Chain] of them. They
// need not be wakechain's. Nor need they be well made: parents that are missing,
// circles of parents or links, ids used twice, spans delivered twice, clocks that
// disagree and times that tie all have a defined result.
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
// The chain is in the order of time, except that no span comes before its
// parent. Among spans of one time, what a span links to comes before it, and
// what took no time before what did; the rest stays in the order of arrival.
//
// # Clocks
//
// Where spans of two machines contradict each other ([Skew]), the clock of one
// is corrected, and [Chain.Skews] and the tree say so.
//
// # Concurrency and cost
//
// A Chain does not change, and its methods and those of its spans may be called
// by any number of goroutines; the readers and [New] do not share anything
// between calls. New and [Chain.WriteTree] cost O(n log n) for n spans, and
// nothing here recurses with the depth of a trace.
package chain
