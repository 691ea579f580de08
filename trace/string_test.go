package trace_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

func TestString(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, _ := record(t)
		c := trace.NewChan[int](8, trace.WithName("jobs"))
		_ = c.TrySend(ctx, 1)
		user, failed := trace.NewFuture[int](trace.WithName("user")), trace.NewFuture[int]()
		own, cancel := context.WithCancel(ctx)
		task := trace.Go(own, "worker", func(ctx context.Context) error {
			_, err := user.Await(ctx)
			return err
		})
		synctest.Wait()
		want := func(v fmt.Stringer, want string) {
			t.Helper()
			if got := fmt.Sprint(v); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		want(c, "jobs (1 of 8)")
		want(new(trace.Chan[int]), "chan (0 of 0)")
		want((*trace.Chan[int])(nil), "chan (0 of 0)")
		want(user, "user (pending)")
		want(task, "worker (blocked)")
		want(semconv.StateCanceled, "canceled")
		cancel()
		<-task.Done()
		want(task, "worker (canceled)")
		user.Resolve(ctx, 1)
		failed.Reject(ctx, errEnough)
		want(user, "user (resolved)")
		want(failed, "future (rejected)")
	})
}
