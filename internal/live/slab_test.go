package live_test

import (
	"testing"

	"github.com/wakechain/wakechain/internal/live"
)

func TestSlab(t *testing.T) {
	var s live.Slab[int]
	for round := range 3 {
		var one []*int
		var some [][]int
		for i := range 1000 {
			p := s.New()
			if *p != 0 {
				t.Fatalf("round %d: got %d, want 0", round, *p)
			}
			*p = i + 1
			one = append(one, p)
			q := s.Take(i % 7)
			if len(q) != i%7 || cap(q) != len(q) {
				t.Fatalf("got %d of %d, want %d", len(q), cap(q), i%7)
			}
			for j := range q {
				if q[j] != 0 {
					t.Fatalf("round %d: got %d, want 0", round, q[j])
				}
				q[j] = -i
			}
			some = append(some, q)
		}
		for i, p := range one {
			if *p != i+1 {
				t.Fatalf("got %d, want %d: it is somebody else's, too", *p, i+1)
			}
			for _, got := range some[i] {
				if got != -i {
					t.Fatalf("got %d, want %d", got, -i)
				}
			}
		}
		s.Reset()
	}
	if got := len(s.Take(10_000)); got != 10_000 {
		t.Errorf("got %d, want 10000", got)
	}
	if n := testing.AllocsPerRun(100, func() { s.New(); s.Take(3); s.Reset() }); n != 0 {
		t.Errorf("got %v allocations, want none", n)
	}
}
