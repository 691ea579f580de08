package session_test

import (
	"net/http"
	"runtime"
	"sync"
	"testing"

	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// An idle, unsampled connection whose stalls are reported takes at most 1 KiB more at
// each end than one whose stalls are not. The header that announces trace pongs is not
// counted: net/http keeps it as long as the program has the request.
func TestFootprintOfStalls(t *testing.T) {
	if race {
		t.Skip("the race detector allocates")
	}
	each(t, func(t *testing.T, lib library) {
		unsampled := offs(t)["unsampled"].option()
		footprintOfEnd(t, lib.traced, unsampled, noLinks) // allocates what is made once
		off := footprintOfEnd(t, lib.traced, unsampled, noLinks)
		with := footprintOfEnd(t, lib.traced, unsampled, noLinks, stalling)
		t.Logf("%d bytes more than %d", with-off, off)
		if with-off > 1<<10 || with-off < 200 {
			t.Errorf("got %d bytes more than %d, want 200 to 1,024", with-off, off)
		}
	})
}

// footprintOfEnd returns the memory of each end of an idle connection that has exchanged
// some messages.
func footprintOfEnd(t *testing.T, end endpoint, opts ...session.Option) int64 {
	t.Helper()
	const n = 300
	l, url := listen(t)
	var handlers sync.WaitGroup
	serve(t, l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		c, err := end.accept(w, r, options{}, opts...)
		if err != nil {
			t.Error(err)
			return
		}
		for {
			typ, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), typ, p) != nil {
				_ = c.CloseNow()
				return
			}
		}
	}))
	dial := func() conn {
		c, _, err := end.dial(t.Context(), url, options{}, opts...)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := c.Write(t.Context(), messageBinary, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	conns := []conn{dial()}
	before := heap()
	for range n {
		conns = append(conns, dial())
	}
	each := (heap() - before) / (2 * n)
	runtime.KeepAlive(conns)
	for _, c := range conns {
		_ = c.CloseNow()
	}
	handlers.Wait() // or they would be counted as freed in the next measurement
	return each
}
