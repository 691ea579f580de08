package trace_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/tracetest"
)

func TestTicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, rec := record(t)
		ticker := trace.NewTicker(2*ms, trace.WithName("poll"))
		begun := time.Now()
		at, err := ticker.Wait(ctx)
		if at.Sub(begun) != 2*ms || err != nil {
			t.Errorf("Wait: got %v, %v, want 2ms", at.Sub(begun), err)
		}
		ticker.Reset(5 * ms)
		if i, err := trace.Select(ctx, trace.CaseRecv[int](nil, nil, nil), ticker.CaseTick(&at)); i != 1 || err != nil || at.Sub(begun) != 7*ms {
			t.Errorf("Select: got case %d, %v, %v", i, err, at.Sub(begun))
		}
		timer := time.NewTimer(ms)
		if i, err := trace.Select(ctx, trace.CaseTimer(timer, nil)); i != 0 || err != nil {
			t.Errorf("Select: got case %d, %v", i, err)
		}
		time.Sleep(10 * ms) // a tick is waiting
		if _, err := ticker.Wait(ctx); err != nil {
			t.Error(err)
		}
		ticker.Stop()
		if _, err := ticker.Wait(caused(ctx, ms, errEnough)); !errors.Is(err, errEnough) {
			t.Errorf("Wait: got %v, want %v", err, errEnough)
		}
		tracetest.AssertTree(t, rec.Chain(), `
			sleep @0s 2ms {sync.name=poll}
				block @0s 2ms
				wake @2ms 0s {wake.reason=timer}
			select @2ms 5ms {select.case=1, select.case.name=poll}
				block @2ms 5ms
				wake @7ms 0s {wake.reason=timer}
			select @7ms 1ms {select.case=0}
				block @7ms 1ms
				wake @8ms 0s {wake.reason=timer}
			sleep @18ms 1ms {sync.name=poll}
				block @18ms 1ms
				wake @19ms 0s {wake.reason=canceled}
		`, tracetest.WithTimes(), tracetest.Exact(semconv.SyncNameKey, semconv.SelectCaseKey, semconv.SelectCaseNameKey, semconv.WakeReasonKey))
	})
}

func TestChanTry(t *testing.T) {
	ctx := t.Context()
	c := trace.NewChan[int](1)
	if _, done, err := c.TryRecv(ctx); done || err != nil {
		t.Errorf("TryRecv of nothing: got %v, %v", done, err)
	}
	if !c.TrySend(ctx, 7) || c.TrySend(ctx, 8) {
		t.Error("TrySend: want room for one")
	}
	if v, done, err := c.TryRecv(ctx); v != 7 || !done || err != nil {
		t.Errorf("TryRecv: got %d, %v, %v, want 7", v, done, err)
	}
	c.Close(ctx)
	if _, done, err := c.TryRecv(ctx); !done || !errors.Is(err, io.EOF) {
		t.Errorf("TryRecv of a closed Chan: got %v, %v, want io.EOF", done, err)
	}
	var none *trace.Chan[int]
	if _, done, err := none.TryRecv(ctx); done || err != nil || none.TrySend(ctx, 1) {
		t.Errorf("a nil Chan: got %v, %v", done, err)
	}
}

// A select that chooses its default or a value that waits allocates nothing.
func TestSelectAllocations(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	off, sampled := contexts()
	c, plain, full := trace.NewChan[int](1), make(chan int, 1), trace.NewChan[int](1)
	_ = full.TrySend(off, 1)
	var v int
	for name, ctx := range map[string]context.Context{"off": off, "sampled": sampled} {
		if n := testing.AllocsPerRun(100, func() {
			_, _ = trace.Select(ctx, c.CaseRecv(&v, nil), trace.CaseDefault())
			_, _ = trace.Select(ctx, trace.CaseRecv(plain, &v, nil), c.CaseRecv(&v, nil), full.CaseSend(1), trace.CaseDefault())
			_ = c.TrySend(ctx, 1)
			_, _ = trace.Select(ctx, c.CaseRecv(&v, nil), trace.CaseDefault())
		}); n != 0 {
			t.Errorf("%s: got %v allocations", name, n)
		}
	}
}
