package trace_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/internal/parks"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

// A waiter that its context wakes keeps what it was granted before it could give up. Its wake
// does not name the grant as the cause.
func TestParkGrantedAfterCancel(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the waiter runs once the granter waits
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		var m trace.Mutex
		_ = m.LockContext(ctx)
		own, cancel := context.WithCancelCause(ctx)
		waiter := trace.Go(own, "waiter", func(ctx context.Context) error { return m.LockContext(ctx) })
		time.Sleep(ms)
		cancel(errEnough)
		m.Unlock()
		synctest.Wait()
		if err := waiter.Err(); err != nil || m.TryLock(ctx) {
			t.Fatalf("Lock: got %v, want the lock", err)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			waiter @0s 1ms {goroutine.state=finished}
				lock @0s 1ms
					block @0s 1ms {block.reason=lock}
					wake @1ms 0s {wake.reason=canceled, wake.cause=enough}
		`, tracetest.WithTimes(), tracetest.Exact(semconv.BlockReasonKey, semconv.WakeReasonKey, semconv.WakeCauseKey, semconv.GoroutineStateKey))
	})
}

// A long wait for a lock inside this package is a block of the operation, as the execution
// tracer saw it.
func TestOracleOwnLock(t *testing.T) {
	ctx, rec := record(t)
	c := trace.NewChan[int](0)
	var id int64
	tr, err := parks.Record(func() {
		release := c.Hold()
		sender := trace.Go(ctx, "sender", func(ctx context.Context) error {
			id = goroutine()
			return c.Send(ctx, 1)
		})
		waitState(t, "sync.Mutex.Lock", "wakechain/trace.(*Chan")
		for begun := time.Now(); time.Since(begun) < 2*time.Millisecond; {
			runtime.Gosched()
		}
		release()
		if _, err := c.Recv(t.Context()); err != nil { // has no spans, so that the sender has the recorder's lock for itself
			t.Error(err)
		}
		_ = sender.Wait(t.Context())
	})
	if err != nil {
		t.Skip(err) // go test -trace
	}
	var ops, blocks []parks.Span
	var waits time.Time
	for _, s := range rec.Chain().Spans {
		span := parks.Span{Goroutine: id, Start: s.Start, End: s.End}
		switch {
		case s.Name == semconv.SpanSend:
			ops = append(ops, span)
		case !s.Is(semconv.SpanBlock) || s.Parent.Name != semconv.SpanSend:
		case s.Str(semconv.BlockReasonKey) == string(semconv.ReasonLock):
			blocks = append(blocks, span)
		default:
			waits = s.Start // for a receiver, and then for the lock within the same block
		}
	}
	if len(ops) == 1 && !waits.IsZero() {
		ops[0].End = waits
	}
	if len(ops) != 1 || len(blocks) != 1 {
		t.Fatalf("got %d sends with %d blocks for a lock, want one of each", len(ops), len(blocks))
	}
	faults, _ := tr.Check("sync", ops, blocks)
	for _, f := range faults {
		t.Error(f)
	}
}

// waitState waits until a goroutine with a frame of the function is in a state.
func waitState(t *testing.T, state, function string) {
	t.Helper()
	buf := make([]byte, 1<<20)
	for deadline := time.Now().Add(30 * time.Second); ; runtime.Gosched() {
		for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
			if strings.Contains(stack, "["+state) && strings.Contains(stack, function) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("timeout: no goroutine is in %s of %s", state, function)
		}
	}
}
