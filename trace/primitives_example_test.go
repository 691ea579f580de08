package trace_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// printing returns a context whose spans are printed when they end.
func printing() context.Context {
	tp := sdktrace.NewTracerProvider(sdktrace.WithSyncer(printer{}))
	return trace.New(trace.WithTracerProvider(tp)).NewContext(context.Background())
}

// blocked waits until the goroutine is blocked.
func blocked(t *trace.Task) {
	for t.State() != semconv.StateBlocked {
		runtime.Gosched()
	}
}

func ExampleSelect() {
	ctx := context.Background()
	jobs, quit := trace.NewChan[string](1, trace.WithName("jobs")), trace.NewChan[struct{}](0, trace.WithName("quit"))
	_ = jobs.Send(ctx, "compress")

	var job string
	for range 2 {
		switch chosen, err := trace.Select(ctx, jobs.CaseRecv(&job, nil), quit.CaseRecv(nil, nil), trace.CaseDefault()); {
		case err != nil:
			fmt.Println(err)
		case chosen == 0:
			fmt.Println("got", job)
		case chosen == 2:
			fmt.Println("nothing to do")
		}
	}
	// Output:
	// got compress
	// nothing to do
}

func ExampleGroup() {
	g, ctx := trace.NewGroup(context.Background(), trace.WithName("fetchers"))
	g.SetLimit(2)
	for _, user := range []string{"ann", "bob", "cid"} {
		g.Go(ctx, "fetch", func(context.Context) error {
			if user == "cid" {
				return errors.New("no cid")
			}
			return nil
		})
	}
	fmt.Println(g.Wait(ctx))
	// Output: no cid
}

func ExampleMutex() {
	ctx := printing()
	users := trace.NewMutex(trace.WithName("users"))
	users.Lock(ctx)
	waiter := trace.Go(context.WithoutCancel(ctx), "waiter", func(ctx context.Context) error {
		users.Lock(ctx) // waits, whatever becomes of ctx
		users.Unlock()
		return nil
	})
	blocked(waiter)
	users.Unlock()
	_ = waiter.Wait(context.Background())
	// Output:
	// block lock
	// wake unlocked
	// lock
	// waiter finished
}

func ExampleSemaphore() {
	ctx := printing()
	slots := trace.NewSemaphore(1, trace.WithName("slots"))
	_ = slots.Acquire(ctx, 1)
	waiter := trace.Go(ctx, "waiter", func(ctx context.Context) error {
		if err := slots.Acquire(ctx, 1); err != nil {
			return err
		}
		slots.Release(ctx, 1)
		return nil
	})
	blocked(waiter)
	slots.Release(ctx, 1)
	_ = waiter.Wait(context.Background())
	// Output:
	// block semaphore
	// wake released
	// wait
	// waiter finished
}

func ExampleFuture() {
	ctx := context.Background()
	user := trace.NewFuture[string](trace.WithName("user"))
	trace.Go(ctx, "fetch", func(ctx context.Context) error {
		user.Resolve(ctx, "ann") // whom it wakes links to this goroutine
		return nil
	})
	name, err := user.Await(ctx)
	fmt.Println(name, err, user)
	// Output: ann <nil> user (resolved)
}
