//go:build unix

package pipe

import (
	"context"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/semconv"
)

// Reasons to block that wakechain does not define.
const (
	ReasonRead  semconv.Reason = "pipe.read"
	ReasonWrite semconv.Reason = "pipe.write"
)

// Pipe is the two ends of a pipe in one process. A call has a span, "read" or "write",
// with a block for each park of its goroutine in the runtime's poller, and a wake that
// links to the call at the other end. Methods are safe for concurrent use.
type Pipe struct {
	r, w end
}

type end struct {
	f *os.File

	mu   sync.Mutex
	last oteltrace.SpanContext // of the last call at this end
}

// New returns a Pipe.
func New() (*Pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &Pipe{r: end{f: r}, w: end{f: w}}, nil
}

// Read reads the available bytes, and waits for some. At the end it returns io.EOF.
func (p *Pipe) Read(ctx context.Context, b []byte) (n int, err error) {
	_, op := trace.Start(ctx, "read")
	c := call{op: op, end: &p.r, other: &p.w, reason: ReasonRead}
	raw, err := p.r.f.SyscallConn()
	if err == nil {
		n, err = c.run(raw.Read, b, syscall.Read)
	}
	if n == 0 && err == nil && len(b) > 0 {
		err = io.EOF
	}
	op.End(err)
	return n, err
}

// Write writes all of b, and waits while the pipe is full.
func (p *Pipe) Write(ctx context.Context, b []byte) (n int, err error) {
	_, op := trace.Start(ctx, "write")
	c := call{op: op, end: &p.w, other: &p.r, reason: ReasonWrite}
	raw, err := p.w.f.SyscallConn()
	for err == nil && n < len(b) {
		var more int
		more, err = c.run(raw.Write, b[n:], syscall.Write)
		n += more
	}
	op.End(err)
	return n, err
}

// CloseRead closes the end for reading.
func (p *Pipe) CloseRead() error { return p.r.f.Close() }

// CloseWrite closes the end for writing.
func (p *Pipe) CloseWrite() error { return p.w.f.Close() }

// call is one system call that may wait.
type call struct {
	op         trace.Op
	end, other *end
	reason     semconv.Reason
}

// polled is the evidence of how a block was observed.
var polled = trace.Evidence(semconv.BlockSourceKey.String(string(semconv.SourcePoll)))

// run runs the poller's loop: when the function returns false, the goroutine parks. The
// function runs no code of the program: Block only stores, and Wake is called after the
// loop.
func (c *call) run(loop func(func(uintptr) bool) error, b []byte, sys func(int, []byte) (int, error)) (n int, err error) {
	var awake time.Time
	parked := false
	c.end.set(c.op.SpanContext())
	loopErr := loop(func(fd uintptr) bool {
		if parked && awake.IsZero() {
			awake = time.Now()
		}
		for {
			n, err = sys(int(fd), b)
			switch err { //nolint:errorlint // as the system call returns it
			case syscall.EINTR:
				continue
			case syscall.EAGAIN:
				parked, awake = true, time.Time{} // after a wake without bytes or room it parks again
				c.op.Block(c.reason, polled)
				return false
			}
			return true
		}
	})
	n = max(n, 0)
	if parked {
		c.op.Wake(c.woken(loopErr), trace.At(awake), trace.CausedBy(c.other.get()))
	}
	if loopErr != nil { // closed, or a deadline
		err = loopErr
	}
	return n, err
}

func (c *call) woken(err error) semconv.WakeReason {
	switch {
	case err != nil:
		return semconv.WakeClosed
	case c.reason == ReasonRead:
		return semconv.WakeReadable
	default:
		return semconv.WakePeerRead
	}
}

func (e *end) set(sc oteltrace.SpanContext) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = sc
}

func (e *end) get() oteltrace.SpanContext {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last
}
