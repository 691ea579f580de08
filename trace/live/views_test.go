package live_test

import (
	"fmt"
	"time"

	"github.com/wakechain/wakechain/trace/live"
)

// now is the time of this file's views.
var now = time.Date(2026, 3, 14, 15, 9, 26, 535e6, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

func newView() *live.View {
	return &live.View{
		Version: live.Version, At: now, Took: 212 * time.Microsecond,
		Processes:  []live.Process{{PID: 4711, Name: "stalledsender", Host: "desk"}},
		Goroutines: []live.Goroutine{}, Connections: []live.Connection{}, Findings: []live.Finding{},
	}
}

// stalled is a view of a sender that waits for a reader.
func stalled() *live.View {
	v := newView()
	v.Goroutines = []live.Goroutine{
		{
			Key: "p0.g21", ID: 21, Name: "hello", State: live.StateBlocked, Since: ago(12 * time.Second), Began: ago(14 * time.Second),
			Waits: []live.Wait{{Operation: "sleep", Reason: "sleep", Since: ago(12 * time.Second), Age: 12 * time.Second}},
		},
		{
			Key: "p0.g34", ID: 34, Name: "sen_data", Parent: "p0.g21", State: live.StateBlocked, Since: ago(12 * time.Second), Began: ago(14 * time.Second),
			Waits: []live.Wait{{
				Operation: "write", Reason: "net.write", Cause: "peer_window", Since: ago(12 * time.Second), Age: 12 * time.Second,
				Connection: "7f3a9c0122e4d5b8", Message: 607,
				TCP: &live.TCP{
					Written: 29_100, Queued: 27_700, NotSent: 26_600, PeerWindow: 1_072, RTT: 40 * time.Microsecond,
					RwndLimited: 11_960 * time.Millisecond, Busy: 12 * time.Second,
				},
				Holders: []live.Holder{{Goroutine: "p0.g21", Name: "hello", Since: ago(12 * time.Second), Strong: true, What: "alone reads the other end"}},
			}},
		},
		{
			Key: "p0.g35", ID: 35, Name: "watch", Parent: "p0.g21", State: live.StateBlocked, Since: ago(13 * time.Second), Began: ago(14 * time.Second),
			Waits: []live.Wait{{
				Operation: "read", Reason: "net.read", Since: ago(13 * time.Second), Age: 13 * time.Second,
				Connection: "7f3a9c0122e4d5b8", Message: 1, Idle: true,
			}},
		},
		{Key: "p0.g40", ID: 40, Name: "worker", State: live.StateRunning, Since: ago(3 * time.Second), Began: ago(3 * time.Second)},
	}
	v.Connections = []live.Connection{
		{
			ID: "7f3a9c0122e4d5b8", Role: "server", Local: "127.0.0.1:38771", Remote: "127.0.0.1:51234", Sampled: true,
			Since: ago(14 * time.Second), Age: 14 * time.Second, MessagesWritten: 606, BytesWritten: 12_345, LastWrite: ago(12 * time.Second),
			Reader: &live.Doing{Goroutine: "p0.g35", Name: "watch", Inside: true, Operation: "read", Reason: "net.read", Since: ago(13 * time.Second)},
			Writer: &live.Doing{Goroutine: "p0.g34", Name: "sen_data", Inside: true, Operation: "write", Reason: "net.write", Since: ago(12 * time.Second)},
			Peer:   "4bf92f3577b34da6",
		},
		{
			ID: "4bf92f3577b34da6", Role: "client", Local: "127.0.0.1:51234", Remote: "127.0.0.1:38771", Sampled: true,
			Since: ago(14 * time.Second), Age: 14 * time.Second, MessagesRead: 3, BytesRead: 33, LastRead: ago(12 * time.Second),
			Reader: &live.Doing{Goroutine: "p0.g21", Name: "hello", Operation: "sleep", Reason: "sleep", Since: ago(12 * time.Second)},
			Peer:   "7f3a9c0122e4d5b8",
		},
	}
	v.Findings = []live.Finding{{
		Kind: live.KindStalled, Certain: true, Since: ago(12 * time.Second),
		Text:       "sen_data has been blocked for 12 s writing message 607 to the client at 127.0.0.1:51234, which has not read for 12 s: its reader hello is in sleep.",
		Goroutines: []string{"p0.g34", "p0.g21"}, Connections: []string{"7f3a9c0122e4d5b8", "4bf92f3577b34da6"},
	}}
	v.Counts = live.Counts{
		Goroutines: 4, Blocked: 2, Idle: 1, Connections: 2,
		Waits: []live.Count{
			{Reason: "net.write", Cause: "peer_window", N: 1, Oldest: 12 * time.Second},
			{Reason: "sleep", N: 1, Oldest: 12 * time.Second},
			{Reason: "net.read", Idle: true, N: 1, Oldest: 13 * time.Second},
		},
	}
	return v
}

// deadlock is a view of two goroutines that lock in different orders, and of some that
// wait for them.
func deadlock() *live.View {
	v := newView()
	lock := func(key, what string, waiting int, age time.Duration) []live.Wait {
		return []live.Wait{{
			Operation: "lock", Reason: "lock", Since: ago(age), Age: age, On: &live.On{Kind: "mutex", Held: 1, Waiting: waiting},
			Holders: []live.Holder{{Goroutine: key, Name: what, Since: ago(age), Strong: true, What: "holds the lock"}},
		}}
	}
	add := func(key string, id int64, name string, age time.Duration, waits []live.Wait) {
		v.Goroutines = append(v.Goroutines, live.Goroutine{Key: key, ID: id, Name: name, State: live.StateBlocked, Since: ago(age), Began: ago(time.Minute), Waits: waits})
	}
	add("p0.g22", 22, "transfer_ab", 3200*time.Millisecond, lock("p0.g23", "transfer_ba", 4, 3200*time.Millisecond))
	add("p0.g23", 23, "transfer_ba", 3200*time.Millisecond, lock("p0.g22", "transfer_ab", 1, 3200*time.Millisecond))
	for i := range 3 {
		age := time.Duration(i+1) * 700 * time.Millisecond
		add(fmt.Sprintf("p0.g%d", 30+i), int64(30+i), "audit", age, lock("p0.g23", "transfer_ba", 4, age))
	}
	v.Findings = []live.Finding{
		{
			Kind: live.KindDeadlock, Certain: true, Since: ago(3200 * time.Millisecond), Goroutines: []string{"p0.g22", "p0.g23"},
			Text: "transfer_ab waits for a mutex that transfer_ba holds, and transfer_ba waits for a mutex that transfer_ab holds: neither goes on by itself.",
		},
		{
			Kind: live.KindHead, Certain: true, Since: ago(3200 * time.Millisecond), Goroutines: []string{"p0.g23"}, HoldsUp: 4,
			Text: "transfer_ba holds up 4 goroutines.",
		},
	}
	v.Counts = live.Counts{Goroutines: 5, Blocked: 5, Waits: []live.Count{{Reason: "lock", N: 5, Oldest: 3200 * time.Millisecond}}}
	return v
}

// many is a view of n goroutines that wait for messages, and of 3 that are stalled.
func many(n int) *live.View {
	v := newView()
	for i := range n + 3 {
		key, id := fmt.Sprintf("p0.g%d", 100+i), fmt.Sprintf("%016x", 0xabc000+i)
		age := time.Duration(i+1) * 40 * time.Millisecond
		g := live.Goroutine{
			Key: key, ID: int64(100 + i), Name: "session", State: live.StateBlocked, Since: ago(age), Began: ago(10 * time.Minute),
			Waits: []live.Wait{{Operation: "read", Reason: "net.read", Since: ago(age), Age: age, Connection: id, Message: 5, Idle: true}},
		}
		c := live.Connection{
			ID: id, Role: "server", Local: "10.0.0.1:443", Remote: fmt.Sprintf("10.0.1.2:%d", 20_000+i), Sampled: true,
			Since: ago(10 * time.Minute), Age: 10 * time.Minute, MessagesRead: 4, BytesRead: 812, LastRead: ago(age),
			Reader: &live.Doing{Goroutine: key, Name: "session", Inside: true, Operation: "read", Reason: "net.read", Since: ago(age)},
		}
		if i%(n/3+1) == 7 {
			age = time.Duration(i+1) * 11 * time.Millisecond
			g.Waits[0] = live.Wait{
				Operation: "write", Reason: "net.write", Cause: "peer_window", Since: ago(age), Age: age, Connection: id, Message: 88,
				TCP: &live.TCP{Written: 900_000, Queued: 87_000, NotSent: 61_000, PeerWindow: 0, RTT: 31 * time.Millisecond, RwndLimited: age},
			}
			c.Writer = &live.Doing{Goroutine: key, Name: "session", Inside: true, Operation: "write", Reason: "net.write", Since: ago(age)}
			v.Findings = append(v.Findings, live.Finding{
				Kind: live.KindStalled, Since: ago(age), Goroutines: []string{key}, Connections: []string{id},
				Text: fmt.Sprintf("session (g%d) has been blocked in a write to %s, which is likely not reading.", 100+i, c.Remote),
			})
		}
		v.Goroutines, v.Connections = append(v.Goroutines, g), append(v.Connections, c)
	}
	v.Counts = live.Counts{
		Goroutines: n + 3, Blocked: 3, Idle: n, Connections: n + 3,
		Waits: []live.Count{{Reason: "net.write", Cause: "peer_window", N: 3, Oldest: 40 * time.Second}, {Reason: "net.read", Idle: true, N: n, Oldest: 200 * time.Second}},
	}
	return v
}
