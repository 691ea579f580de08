package netpoll

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/internal/annotate"
	"github.com/wakechain/wakechain/trace/semconv"
)

// maxIO is the most that one read or write asks the kernel for, as in package
// net: some systems fail above 2 GiB.
const maxIO = 1 << 30

// half is one direction of a Conn.
type half struct {
	conn    *Conn
	to      Observer // of future calls; nil: op is
	op      trace.Op
	watcher Observer // the second observer; it does not change during calls

	set     sync.Mutex  // guards to and op
	writes  bool        // the direction
	seen    atomic.Bool // to or op is in use
	watched atomic.Bool // watcher is in use

	// try is attempt as a func value, which is made once, so that calls allocate nothing.
	try func(fd uintptr) bool

	// mu is held by the call in progress, whose state is now. Two calls can overlap
	// even where a protocol has one writer: http.Transport's write loop may still be
	// inside the Write of a request whose response the caller has already read.
	mu  sync.Mutex
	now *state // nil: no call is in progress

	// look guards shown, the state of a call that has parked, and its fields since, info
	// and total, for readers other than the call. It is held only while they change.
	look  sync.Mutex
	shown *state

	// What Close, which does not wait for mu, reads and writes.
	parked atomic.Bool
	last   atomic.Pointer[tcpInfo] // at the Close that ended the park
}

// state is the state of the call in progress. An idle conn has none.
type state struct {
	call  Call
	p     []byte
	v     *net.Buffers // of a WriteBuffers, in place of p
	n     int
	err   error
	since time.Time // of the park
	info  tcpInfo   // at the park
	total int64     // bytes written on this connection until the park
	woke  bool      // it woke, at awake, and the observer does not know yet
	again bool      // it would park again: call the observer first
	awake time.Time
	found evidence
}

var states = sync.Pool{New: func() any { return new(state) }}

// enter makes the state of a call. The caller holds mu.
func (h *half) enter(call Call, p []byte, v *net.Buffers) *state {
	s := states.Get().(*state)
	s.call, s.p, s.v = call, p, v
	h.now = s
	return s
}

// leave frees the state of a call.
func (h *half) leave(s *state) {
	if h.shown != nil {
		h.look.Lock()
		h.shown = nil
		h.look.Unlock()
	}
	h.now = nil
	s.call, s.p, s.v, s.n, s.err, s.info.ok = Call{}, nil, nil, 0, nil, false
	states.Put(s)
}

func (h *half) init(c *Conn, writes bool) { h.conn, h.writes, h.try = c, writes, h.attempt }

func (h *half) reason() semconv.Reason {
	if h.writes {
		return semconv.ReasonNetWrite
	}
	return semconv.ReasonNetRead
}

// shut reports whether this side has shut down the direction.
func (h *half) shut() *atomic.Bool {
	if h.writes {
		return &h.conn.writeShut
	}
	return &h.conn.readShut
}

// observe sets the observer.
func (h *half) observe(by Call) {
	h.set.Lock()
	h.to, h.op = by.to, by.op
	h.set.Unlock()
	h.seen.Store(by.Observed())
}

// trace makes the operation the observer. The zero Op ends that, but keeps the reference:
// to an operation that has ended it does nothing.
func (h *half) trace(op trace.Op) {
	if op.Valid() {
		h.observe(For(op))
	} else {
		h.seen.Store(false)
	}
}

// watch sets the second observer; nil: none.
func (h *half) watch(o Observer) {
	h.watched.Store(false)
	if o != nil {
		h.watcher = o
		h.watched.Store(true)
	}
}

// begin returns the Call for a call that begins; the zero Call: it has no observer.
func (h *half) begin() (call Call) {
	if h.seen.Load() {
		h.set.Lock()
		call = Call{to: h.to, op: h.op}
		h.set.Unlock()
	}
	if h.watched.Load() {
		call.also = h.watcher
	}
	return call
}

// clock reads the conn's clock, which does not step and is cheaper than time.Now.
func (h *half) clock() time.Time { return h.conn.start.Add(time.Since(h.conn.start)) }

// poll runs one call in the runtime poller's own loop. That calls attempt and, as long as
// attempt returns false, parks the goroutine until the descriptor is ready.
func (h *half) poll(call Call, p []byte) (int, error) { return h.run(call, p, nil) }

// run is poll for v or, if that is nil, for p.
func (h *half) run(call Call, p []byte, v *net.Buffers) (int, error) {
	h.lock(call)
	defer h.mu.Unlock()
	s := h.enter(call, p, v)
	defer h.leave(s)

	name, loop := "read", h.conn.raw.Read
	if h.writes {
		name, loop = "write", h.conn.raw.Write
	}
	if v != nil {
		name = "writev"
	}
	var err error
	for s.again = true; s.again && err == nil; {
		s.again = false
		err = loop(h.try)
		if s.woke {
			s.woke = false
			h.reportWake(call, s.awake, h.connError(s.err), &s.found)
		}
	}
	if err == nil {
		return s.n, h.callError(name, s.err)
	}
	if h.parked.Load() { // the loop gave up: deadline, or closed
		h.noteWake(h.clock(), err, h.lastInfo)
		s.woke = false
		h.reportWake(call, s.awake, h.connError(err), &s.found)
	}
	if opErr, ok := err.(*net.OpError); ok { //nolint:errorlint // the loop made it, for this call
		opErr.Op = name // the loop calls itself raw-read or raw-write
	}
	return s.n, err
}

// lock waits for the call in progress, if there is one.
func (h *half) lock(call Call) {
	if h.mu.TryLock() {
		return
	}
	r := semconv.ReasonLock
	if h.writes {
		r = semconv.ReasonWriteLock
	}
	since := time.Now()
	call.Park(Park{At: since, Reason: r})
	h.mu.Lock()
	now := time.Now()
	call.Wake(Wake{At: now, Reason: semconv.WakeUnlocked, Blocked: now.Sub(since)})
}

// attempt makes the system call, and reports whether to leave the poller's loop: the call
// is done, or is about to park after a wake that has not been reported. Otherwise it has
// reported the park. A wake after which the call still fails with EAGAIN is none: the
// block continues.
//
// It runs inside the loop, where the descriptor is locked. So it only notes a wake, and
// run reports it later: a span processor may close the conn, and Close waits until the
// loop is left.
func (h *half) attempt(fd uintptr) bool {
	s := h.now
	var awake time.Time
	if h.parked.Load() {
		awake = h.clock()
	}
	for {
		n, err := h.transfer(fd)
		errno, _ := err.(syscall.Errno) //nolint:errorlint // as it comes from transfer
		switch errno {
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
			if s.woke {
				s.again = true
				return true
			}
			h.reportPark(fd)
			return false
		}
		s.n += max(n, 0)
		s.err = err
		if h.parked.Load() {
			if awake.Sub(s.since) < shortestPark {
				h.revertPark()
			} else {
				h.noteWake(awake, err, func() tcpInfo { return measure(fd) })
			}
		}
		if err != nil || !h.writes || h.done() {
			return true
		}
	}
}

// transfer makes the direction's system call. It returns the end of the stream as the
// error that package net uses.
func (h *half) transfer(fd uintptr) (n int, err error) {
	s := h.now
	if s.v != nil {
		n, err = writeSome(fd, s.v)
	} else if p := s.p[s.n:min(len(s.p), s.n+maxIO)]; !h.writes {
		if n, err = sysRead(fd, p); n == 0 && err == nil {
			err = io.EOF
		}
		return n, err
	} else {
		n, err = sysWrite(fd, p)
	}
	if n == 0 && err == nil {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// done reports whether all of a write has been written.
func (h *half) done() bool {
	s := h.now
	if s.v != nil {
		return len(*s.v) == 0
	}
	return s.n == len(s.p)
}

// reportPark reports to the observer that the goroutine is about to park.
func (h *half) reportPark(fd uintptr) {
	if h.parked.Load() {
		return
	}
	s := h.now
	h.last.Store(nil)
	if annotate.On() {
		annotate.Park(h.conn.LocalAddr(), h.conn.RemoteAddr())
	}
	if h.writes {
		info := measure(fd)
		h.look.Lock()
		h.shown = s
		s.info = info
		s.total = h.conn.written.Load() + int64(s.n)
		h.parked.Store(true)
		s.since = h.clock()
		h.look.Unlock()
	} else {
		h.parked.Store(true)
		s.since = h.clock() // as late as possible: the time before is not parked
	}
	s.call.Park(Park{At: s.since, Reason: h.reason(), Source: semconv.SourcePoll})
}

// shortestPark is less than any park takes: the shortest of 180,000 on a busy machine took
// 7 µs, since another thread has to find the goroutine ready. If the descriptor becomes
// ready between the system call and the park, the goroutine does not park, and the
// poller's loop is usually back sooner than this.
const shortestPark = 3 * time.Microsecond

// revertPark reports to the observer that the goroutine did not park after all.
func (h *half) revertPark() {
	h.parked.Store(false)
	h.now.call.Wake(Wake{})
}

// noteWake notes that the goroutine runs since at, in a call that fails with err or, if
// that is nil, succeeds. info asks the kernel.
func (h *half) noteWake(at time.Time, err error, info func() tcpInfo) {
	h.parked.Store(false)
	s := h.now
	s.woke, s.awake, s.found = true, at, evidence{blocked: at.Sub(s.since)}
	switch {
	case s.info.ok:
		s.found.written, s.found.park, s.found.awake = s.total, s.info, info()
	case !h.writes && s.found.blocked >= 2*counterStep && (err != nil || s.call.wants(s.found.blocked)):
		// Most reads wait briefly, or for a message to begin. Of a read the kernel only
		// knows whether what this side has sent was acknowledged.
		s.found.awake = info()
	}
}

// lastInfo asks the kernel about a call that ended without a last attempt. If the
// descriptor is closed, Close has asked before.
func (h *half) lastInfo() tcpInfo {
	if last := h.last.Load(); last != nil {
		return *last
	}
	var info tcpInfo
	_ = h.conn.raw.Control(func(fd uintptr) { info = measure(fd) })
	return info
}

// closing is called before the descriptor is closed.
func (h *half) closing() {
	if h.parked.Load() && h.last.Load() == nil {
		info := h.lastInfo()
		h.last.Store(&info)
	}
}

// timedFloor is how long a timed call must take to count as blocked. One that does not
// park takes less.
const timedFloor = 100 * time.Microsecond

// timed reports a whole call as one block.
func (h *half) timed(call Call, start time.Time, err error) {
	if end := time.Now(); end.Sub(start) >= timedFloor {
		call.Park(Park{At: start, Reason: h.reason(), Source: semconv.SourceTimed})
		h.reportWake(call, end, err, &evidence{blocked: end.Sub(start)})
	}
}

// reportWake reports the end of a block. Its reason follows from the call's error and the
// evidence.
func (h *half) reportWake(call Call, at time.Time, err error, e *evidence) {
	w := Wake{At: at, Blocked: e.blocked}
	switch {
	case err == nil && !h.writes:
		w.Reason = semconv.WakeReadable
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Reason = semconv.WakeDeadline
	case errors.Is(err, net.ErrClosed), ended(err) && h.shut().Load():
		w.Reason, w.By = semconv.WakeClosed, h.conn.closedBy()
	case errors.Is(err, syscall.ECONNRESET):
		w.Reason = semconv.WakePeerReset
	case ended(err):
		w.Reason = semconv.WakePeerClosed
	case !h.writes: // with an error of another kind
		w.Reason = semconv.WakeReadable
	case e.peerRead():
		w.Reason = semconv.WakePeerRead
	default:
		w.Reason = semconv.WakeWritable
	}
	if e.known() {
		w.Evidence = e
	}
	call.Wake(w)
}
