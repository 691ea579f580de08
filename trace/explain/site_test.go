package explain_test

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

// wait adds a park of an execution trace, at a place in goroutine id, and returns its
// block and wake. A negative end means that it goes on.
func (s *script) wait(launch, id int, op, fn string, line, start, end int, reason semconv.Reason, attrs ...attribute.KeyValue) (block, wake int) {
	o := s.add(launch, op, start, end, semconv.GoroutineIDKey.Int(id), semconv.GoroutineNameKey.String("g"),
		semconv.CodeFunctionNameKey.String("example.com/shop/"+fn), semconv.CodeLineNumberKey.Int(line),
		semconv.CodeStacktraceKey.String("sync.(*Mutex).Lock\n\t/go/sync.go:1\nexample.com/shop/"+fn+"\n\t/s.go:"+"1\nmain.main\n\t/m.go:2\n"))
	woken := semconv.WakeUnlocked
	if end < 0 {
		woken = ""
	}
	block, wake = s.block(o, start, end, reason, woken, append(attrs, semconv.BlockSourceKey.String(string(semconv.SourceSched)))...)
	if end < 0 {
		s.at(o).End, s.at(block).End = time.Time{}, time.Time{}
	}
	return block, wake
}

func (s *script) by(wake, id int, fn string, line int) {
	s.set(wake, semconv.WakeGoroutineIDKey.Int(id), semconv.WakeGoroutineNameKey.String("holder"),
		semconv.CodeFunctionNameKey.String(fn), semconv.CodeLineNumberKey.Int(line))
}

func TestSites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"a lock, and what its holders did", func(s *script) {
			for i := 1; i <= 3; i++ { // in a queue, each releases to the next, after a sleep
				run := s.add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker"))
				_, wake := s.wait(run, i, semconv.SpanLock, "cache.(*cache).get", 23, 0, 100*i, semconv.ReasonLock)
				s.by(wake, i-1, "example.com/shop/cache.(*cache).get", 27)
				s.wait(run, i, semconv.SpanSleep, "cache.(*cache).fill", 35, 100*i, 100*i+99, semconv.ReasonSleep)
			}
		}, []string{"warning site-waits ×3 600ms: lock at cache.(*cache).get:23: 3 times by 3 goroutines, 600 ms in all | " +
			"The longest was 300 ms, at +0s. Of the 3 waits, holder in cache.(*cache).get:27 ended 2. Meanwhile that goroutine was in " +
			"sleep at cache.(*cache).fill:35, for 198 ms of the 200 ms in which it did not wait here itself."}},
		{"one line of several lines, and short ones", func(s *script) {
			run := s.add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker"))
			s.wait(run, 1, semconv.SpanLock, "get", 1, 0, 60, semconv.ReasonLock)
			s.wait(run, 1, semconv.SpanLock, "get", 2, 60, 120, semconv.ReasonLock)
			s.wait(run, 1, semconv.SpanSleep, "get", 3, 120, 1000, semconv.ReasonSleep)
			s.wait(run, 1, semconv.SpanRecv, "get", 4, 120, 1000, semconv.ReasonChanRecv)
		}, nil},
		{"some were left out", func(s *script) {
			run := s.add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker"), semconv.GoroutineIDKey.Int(1), semconv.SpansSuppressedKey.Int(4))
			s.wait(run, 1, semconv.SpanLock, "get", 1, 0, 160, semconv.ReasonLock)
		}, []string{"warning site-waits ×1 160ms: lock at get:1: 1 time, 160 ms in all | The longest was 160 ms, at +0s. Waits that were left out of the trace are not counted."}},
		{"a wait group may be meant", func(s *script) {
			s.wait(s.add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker")), 1, semconv.SpanWait, "all", 1, 0, 2000, semconv.ReasonWaitGroup)
		}, []string{"info site-waits ×1 2s: wait at all:1: 1 time, 2 s in all | The longest was 2 s, at +0s."}},
		{"not over", func(s *script) {
			s.add(0, "done", 0, 3000)
			s.wait(s.add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a")), 7, semconv.SpanLock, "a", 17, 1000, -1, semconv.ReasonLock)
			s.wait(s.add(0, "a", 0, 0, semconv.GoroutineNameKey.String("a")), 8, semconv.SpanLock, "a", 17, 2000, -1, semconv.ReasonLock)
			s.wait(s.add(0, "b", 0, 0, semconv.GoroutineNameKey.String("b")), 9, semconv.SpanSend, "b", 1, 0, -1, semconv.ReasonChanSend, semconv.BlockTruncatedKey.Bool(true))
			s.wait(s.add(0, "c", 0, 0, semconv.GoroutineNameKey.String("c")), 10, semconv.SpanForever, "c", 2, 1500, -1, semconv.ReasonForever)
			s.wait(s.add(0, "d", 0, 0, semconv.GoroutineNameKey.String("d")), 11, semconv.SpanRecv, "idle", 2, 0, -1, semconv.ReasonChanRecv)
			s.wait(s.add(0, "e", 0, 0, semconv.GoroutineNameKey.String("e")), 12, semconv.SpanLock, "late", 2, 2990, -1, semconv.ReasonLock)
		}, []string{
			"problem stuck ×1 3s: A goroutine is stuck in send at b:1, for more than 3 s | g (goroutine 9) has been blocked since before the trace began, and the trace does not have the end. Its stack: b ← main.main.",
			"problem stuck ×2 3s: 2 goroutines stuck in lock at a:17, one for 2 s | g (goroutine 7) has been blocked since +1s, and the trace does not have the end. Its stack: a ← main.main.",
			"info stuck ×1 1.5s: A goroutine is stuck in forever at c:2, for 1.5 s | g (goroutine 10) has been blocked since +1.5s, and the trace does not have the end. Its stack: c ← main.main.",
		}},
		{"no processor", func(s *script) {
			for i := range 10 {
				_, wake := s.wait(s.add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker")), i+1, semconv.SpanRecv, "work", 5, 0, 50, semconv.ReasonChanRecv)
				s.at(wake).End = s.at(wake).End.Add(20 * time.Millisecond)
			}
		}, []string{"info starved ×10 200ms: Goroutines that could run waited for a processor: 10 times, 200 ms in all, one for 20 ms | The longest was after recv at work:5, at +50ms."}},
		{"the collector", func(s *script) {
			run := s.add(0, "worker", 0, 0, semconv.GoroutineNameKey.String("worker"))
			for i := range 2 {
				s.add(run, semconv.SpanGC, i*100, i*100+60, semconv.GoroutineIDKey.Int(1), semconv.CodeFunctionNameKey.String("main.parse"), semconv.CodeLineNumberKey.Int(9))
			}
		}, []string{"info gc ×2 120ms: 1 goroutine worked for the garbage collector: 2 times, 120 ms in all | The longest was 60 ms, at parse:9: who allocates faster than the collector frees has to help."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &script{}
			tt.make(s)
			s.want(t, tt.want...)
		})
	}
}
