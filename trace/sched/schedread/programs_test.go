package schedread_test

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/sched/schedread"
	"github.com/wakechain/wakechain/trace/semconv"
)

// cache fills in a missing entry while it holds its lock.
type cache struct{ mu sync.Mutex }

//go:noinline
func (c *cache) get() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fill()
}

//go:noinline
func (c *cache) fill() { time.Sleep(5 * time.Millisecond) } // the bug: it sleeps with the lock held

// lines matches the line numbers behind functions.
var lines = regexp.MustCompile(`([a-z]):\d+`)

// The answer about a contended lock says where goroutines wait for it and how often, which
// one unlocks it, and what that one does before.
func TestCache(t *testing.T) {
	rec := recording(t)
	c := &cache{}
	var clients sync.WaitGroup
	c.mu.Lock()
	for range 30 {
		clients.Go(c.get)
	}
	for len(stacksOf("[sync.Mutex.Lock", "cache).get")) < 30 {
		<-time.After(time.Millisecond)
	}
	c.mu.Unlock()
	clients.Wait()

	found := explain.Explain(chain.New(read(t, snapshot(t, rec)).Spans()))
	var text string
	for _, f := range found {
		if f.Rule == explain.SiteWaits && strings.Contains(f.Headline, "(*cache).get:") {
			text = lines.ReplaceAllString(f.Headline+" "+f.Text, "$1")
			if f.Count != 30 {
				t.Errorf("got %d waits, want those of all clients", f.Count)
			}
		}
	}
	for _, want := range []string{
		"lock at schedread_test.(*cache).get: 30 times by 30 goroutines",
		"Of the 30 waits, schedread_test.(*cache).get in schedread_test.(*cache).get ended 29.",
		"Meanwhile that goroutine was in sleep at schedread_test.(*cache).fill",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("got %q, want %q in it; all: %v", text, want, found)
		}
	}
}

//go:noinline
func takeLock(mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
}

// Waits that have not ended have their places. Here they end after the snapshot, so that
// the test ends.
func TestNotOver(t *testing.T) {
	rec := recording(t)
	var a, b sync.Mutex
	var done sync.WaitGroup
	a.Lock()
	b.Lock()
	for _, at := range []*sync.Mutex{&a, &b} {
		done.Go(func() { takeLock(at) })
	}
	for len(stacksOf("[sync.Mutex.Lock", "schedread_test.takeLock(")) < 2 {
		<-time.After(time.Millisecond)
	}
	tr := read(t, snapshot(t, rec))
	a.Unlock()
	b.Unlock()
	done.Wait()

	n := 0
	for _, op := range chain.New(tr.Spans()).Named(semconv.SpanLock) {
		if line(op) == "lock takeLock not over" {
			n++
		}
	}
	if n != 2 {
		t.Errorf("%d locks are not over, want 2:\n%v", n, chain.New(tr.Spans()))
	}
}

// durations returns those of the blocks, the longest first. A block that has not ended
// counts until the trace's end.
func durations(tr *schedread.Trace) (all []time.Duration) {
	for _, b := range chain.New(tr.Spans()).Named(semconv.SpanBlock) {
		if b.End.IsZero() {
			b.End = tr.End
		}
		all = append(all, b.End.Sub(b.Start))
	}
	slices.SortFunc(all, func(a, b time.Duration) int { return cmp.Compare(b, a) })
	return all
}

// Blocks that are left out are counted. The longest are kept, with the goroutines that
// ended them and those that started theirs.
func TestFilters(t *testing.T) {
	rec := recording(t)
	ch := make(chan int)
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(ch)
		for range 500 {
			ch <- 1
		}
	})
	wg.Go(func() { drain(ch) })
	wg.Wait()
	data := snapshot(t, rec)

	all := read(t, data)
	blocks := durations(all)
	if len(blocks) < 100 {
		t.Fatalf("only %d blocks", len(blocks))
	}
	for name, tc := range map[string]struct {
		want []time.Duration
		opts []schedread.Option
	}{
		"number":   {blocks[:3], []schedread.Option{schedread.WithMaxBlocks(3), schedread.WithMaxBlocks(0)}},
		"duration": {blocks[:50], []schedread.Option{schedread.WithMinBlock(blocks[49])}},
	} {
		tr := read(t, data, tc.opts...)
		got := durations(tr)
		if len(got) > len(tc.want) { // others may be as long as the shortest
			got = got[:len(tc.want)]
		}
		if !slices.Equal(got, tc.want[:len(got)]) || name == "duration" && len(got) < len(tc.want) { // the others may be system calls
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
		if tr.Suppressed == 0 || tr.Blocks+tr.Suppressed != all.Blocks {
			t.Errorf("%s: %d blocks are left out and %d kept, of %d", name, tr.Suppressed, tr.Blocks, all.Blocks)
		}
		c := chain.New(tr.Spans())
		known := map[int64]bool{}
		for _, s := range c.Spans {
			if s.IsGoroutine() {
				known[s.Int(semconv.GoroutineIDKey)] = true
				if s.Parent == nil && s.Int(semconv.GoroutineIDKey) != 1 && strings.Contains(s.Name, "TestFilters.") {
					t.Errorf("%s: %v has no parent, and TestFilters started it", name, s)
				}
			}
		}
		for _, w := range c.Named(semconv.SpanWake) {
			if by := w.Int(semconv.WakeGoroutineIDKey); by != 0 && !known[by] {
				t.Errorf("%s: goroutine %d, which ended a block, is not there", name, by)
			}
		}
	}
}

//go:noinline
func drain(ch <-chan int) {
	for range ch {
	}
}

// The same bytes give the same spans, and no two with one id.
func TestSame(t *testing.T) {
	rec := recording(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { time.Sleep(time.Millisecond) })
	}
	wg.Wait()
	data := snapshot(t, rec)
	progress := 0
	one, two := read(t, data).Spans(), read(t, data, schedread.WithProgress(func(p schedread.Progress) {
		if p.Done {
			progress++
		}
	})).Spans()
	if len(one) == 0 || len(one) != len(two) || progress != 1 {
		t.Fatalf("got %d and %d spans, and the end of %d", len(one), len(two), progress)
	}
	seen := map[string]bool{}
	for i := range one {
		if one[i].SpanID != two[i].SpanID || one[i].TraceID != two[i].TraceID {
			t.Errorf("%s: got the ids %v and %v", one[i].Name, one[i].SpanID, two[i].SpanID)
		}
		if id := one[i].SpanID.String(); seen[id] {
			t.Errorf("%s: the id %s is there twice", one[i].Name, id)
		} else {
			seen[id] = true
		}
	}
}
