package op_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wakechain/wakechain/internal/op"
)

// measuring is a sink that makes no spans. Its first Wake waits for leave.
type measuring struct {
	entered, leave chan struct{}
	wakes, ends    atomic.Int64
}

func (s *measuring) Wake(*op.Record, *op.Edge, *op.Edge) {
	if s.wakes.Add(1) == 1 {
		close(s.entered)
		<-s.leave
	}
}

func (s *measuring) End(*op.Record, *op.End)           { s.ends.Add(1) }
func (s *measuring) Wants(op.Show, bool) time.Duration { return 0 }

// never says that no block is a stall.
func never(bool, *op.Edge, time.Duration) bool { return false }

// While another goroutine delivers the events of an operation, the operation is folded.
// Its memory is then freed once, whether the delivery or Settle comes first.
func TestFoldDuringDelivery(t *testing.T) {
	for _, settleFirst := range []bool{false, true} {
		s := &measuring{entered: make(chan struct{}), leave: make(chan struct{})}
		_, ref := op.New(time.Now(), &op.Config{Name: "read", Context: context.Background(), Sinks: []op.Sink{s}, Held: true, Stalls: never})
		ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
		ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
		delivered := make(chan struct{})
		go func() {
			defer close(delivered)
			ref.Release()
		}()
		<-s.entered
		var f op.Folded
		if !ref.Fold(&f, time.Hour) {
			t.Fatal("it was not folded")
		}
		if f.Next.Valid() {
			t.Error("its memory may be reused while a sink runs")
		}
		if settleFirst {
			f.Settle()
		}
		close(s.leave)
		<-delivered
		if !settleFirst {
			f.Settle()
		}
		seen := map[*op.Record]bool{}
		for range 64 {
			r, _ := op.New(time.Now(), &op.Config{Name: "next", Context: context.Background()})
			if seen[r] {
				t.Fatal("two operations have the same memory")
			}
			seen[r] = true
		}
		if got := s.wakes.Load(); got != 1 {
			t.Errorf("got %d wakes, want 1", got)
		}
	}
}

// What is pending when an operation is folded reaches the sinks that make no spans.
func TestFoldSettle(t *testing.T) {
	s := &measuring{entered: make(chan struct{}), leave: make(chan struct{})}
	close(s.leave)
	_, ref := op.New(time.Now(), &op.Config{Name: "read", Context: context.Background(), Sinks: []op.Sink{s}, Held: true, Stalls: never})
	for range 3 {
		ref.Block(time.Time{}, op.Edge{Reason: "net.read"})
		ref.Wake(time.Time{}, op.Edge{Reason: "readable"}, nil)
	}
	var f op.Folded
	if !ref.Fold(&f, time.Hour) || f.Blocks != 3 || f.Next.Valid() {
		t.Fatalf("got %+v, want 3 blocks, and memory that is in use", f)
	}
	if got := s.wakes.Load(); got != 0 {
		t.Errorf("got %d wakes before Settle, want none", got)
	}
	f.Settle()
	if got := s.wakes.Load(); got != 3 {
		t.Errorf("got %d wakes, want 3", got)
	}
	if got := s.ends.Load(); got != 0 {
		t.Errorf("got %d ends of a folded operation, want none", got)
	}
}
