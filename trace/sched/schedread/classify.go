package schedread

import (
	"strings"

	"github.com/wakechain/wakechain/trace/semconv"
)

// class is the kind of a park: its operation and its reason. The zero class is for parks of
// the runtime's own.
type class struct {
	op     string
	reason semconv.Reason
}

func of(r semconv.Reason) class { return class{string(r), r} }

var (
	chanRecv  = class{semconv.SpanRecv, semconv.ReasonChanRecv}
	chanSend  = class{semconv.SpanSend, semconv.ReasonChanSend}
	selecting = class{semconv.SpanSelect, semconv.ReasonSelect}
	sleeping  = class{semconv.SpanSleep, semconv.ReasonSleep}
	locking   = class{semconv.SpanLock, semconv.ReasonLock}
	condition = class{semconv.SpanWait, semconv.ReasonCond}
	waitGroup = class{semconv.SpanWait, semconv.ReasonWaitGroup}
	once      = class{semconv.SpanAwait, semconv.ReasonFuture}
	forever   = class{semconv.SpanForever, semconv.ReasonForever}
	collector = class{semconv.SpanGC, semconv.ReasonGC}
	syscalls  = class{op: semconv.SpanSyscall}
	assist    = class{op: semconv.SpanGC}
)

// byReason are the runtime's reasons that identify the class.
var byReason = map[string]class{
	"chan receive":                 chanRecv,
	"chan send":                    chanSend,
	"select":                       selecting,
	"sleep":                        sleeping,
	"sync.(*Cond).Wait":            condition,
	"forever":                      forever,
	"GC mark assist wait for work": collector,
	"wait for GC cycle":            collector,
}

// byFrame are functions of the standard library. The innermost one in the list decides, for
// parks with its reason only: an allocation in one of them may park for other reasons.
var byFrame = []struct {
	prefix, reason string
	class
}{
	{"internal/poll.(*FD).Accept", "network", of(semconv.ReasonNetAccept)},
	{"internal/poll.(*FD).WaitWrite", "network", of(semconv.ReasonNetDial)},
	{"internal/poll.(*FD).Read", "network", of(semconv.ReasonNetRead)}, // ReadFrom, ReadMsg and so on, too
	{"internal/poll.(*FD).RawRead", "network", of(semconv.ReasonNetRead)},
	{"internal/poll.(*FD).Write", "network", of(semconv.ReasonNetWrite)},
	{"internal/poll.(*FD).RawWrite", "network", of(semconv.ReasonNetWrite)},
	{"internal/poll.SendFile", "network", of(semconv.ReasonNetWrite)},
	{"internal/poll.Splice", "network", of(semconv.ReasonNetWrite)},
	{"sync.(*WaitGroup).Wait", "sync", waitGroup},
	{"sync.(*RWMutex).", "sync", locking},
	{"sync.(*Mutex).", "sync", locking},
	{"internal/sync.(*Mutex).", "sync", locking},
	{"sync.(*Once).", "sync", once},
}

// classify classifies a park by the runtime's reason. If the goroutine parked before the
// trace began, the reason is "", and the stack decides.
func classify(reason string, s *stack) class {
	if c, ok := byReason[reason]; ok {
		return c
	}
	if reason != "network" && reason != "sync" && reason != "" || s == nil {
		return class{}
	}
	if c, ok := s.class[reason]; ok {
		return c
	}
	why := reason
	if why == "" {
		why = s.reason()
	}
	c, ok := byReason[why]
	if !ok {
		c = s.classify(why)
	}
	if s.class == nil {
		s.class = map[string]class{}
	}
	s.class[reason] = c
	return c
}

// reason returns why a goroutine with this stack is parked, in the runtime's words, or ""
// if its innermost functions do not show it.
func (s *stack) reason() string {
	for _, f := range s.frames {
		switch {
		case strings.HasPrefix(f.fn, "runtime.chanrecv"):
			return "chan receive"
		case strings.HasPrefix(f.fn, "runtime.chansend"):
			return "chan send"
		case f.fn == "runtime.selectgo":
			return "select"
		case f.fn == "runtime.block":
			return "forever"
		case f.fn == "time.Sleep":
			return "sleep"
		case strings.HasPrefix(f.fn, "sync.runtime_notifyListWait"):
			return "sync.(*Cond).Wait"
		case f.fn == "internal/poll.runtime_pollWait":
			return "network"
		case hasPrefix(f.fn, "sync.runtime_Sema", "internal/sync.runtime_Sema", "internal/poll.runtime_Sema"):
			return "sync"
		case !strings.HasPrefix(f.fn, "runtime."):
			return ""
		}
	}
	return ""
}

func (s *stack) classify(reason string) class {
	if reason == "sync" && !s.synchronizes() {
		return class{} // the runtime's own
	}
	for i, f := range s.frames {
		if reason == "sync" && strings.HasPrefix(f.fn, "internal/poll.(*fdMutex)") {
			return s.turn()
		}
		for _, r := range byFrame {
			if r.reason != reason || !strings.HasPrefix(f.fn, r.prefix) {
				continue
			}
			switch c := r.class; {
			case c == locking && s.inOnce(i):
				return once
			case c.reason == semconv.ReasonNetRead && s.has("os.(*File)."):
				return of(semconv.ReasonFileRead)
			case c.reason == semconv.ReasonNetWrite && s.has("os.(*File)."):
				return of(semconv.ReasonFileWrite)
			default:
				return c
			}
		}
	}
	return class{}
}

// synchronizes reports whether the innermost function outside of package runtime is one
// that waits for a semaphore on purpose.
func (s *stack) synchronizes() bool {
	for _, f := range s.frames {
		if !strings.HasPrefix(f.fn, "runtime.") {
			return hasPrefix(f.fn, "sync.", "internal/sync.", "internal/poll.runtime_Sema", "internal/poll.(*fdMutex)")
		}
	}
	return false
}

// turn returns the class of a wait for another call on a descriptor in the same direction.
func (s *stack) turn() class {
	if s.has("internal/poll.(*FD).readLock") {
		return locking
	}
	return class{semconv.SpanLock, semconv.ReasonWriteLock}
}

// inOnce reports whether frame i locks the mutex of a sync.Once, and not one inside the
// function that runs once.
func (s *stack) inOnce(i int) bool {
	for _, f := range s.frames[i:] {
		if !hasPrefix(f.fn, "sync.(*Mutex).", "internal/sync.(*Mutex).") {
			return strings.HasPrefix(f.fn, "sync.(*Once).")
		}
	}
	return false
}

// woken returns what ended a park, or "" if it is unknown. known is true if the goroutine
// that ran at that time, if any, ended it. The poller and the timers may run on any
// goroutine.
func woken(p *park) (why semconv.WakeReason, known bool) {
	c, by := p.class, p.by
	switch {
	case by.has("time.sendTime", "time.goFunc", "runtime.goroutineReady"):
		return semconv.WakeTimer, false
	case by.has("context.(*cancelCtx).cancel", "context.(*timerCtx).cancel"):
		return semconv.WakeCanceled, true
	}
	switch c.reason {
	case semconv.ReasonNetRead, semconv.ReasonNetWrite, semconv.ReasonNetAccept, semconv.ReasonNetDial, semconv.ReasonFileRead, semconv.ReasonFileWrite:
		switch {
		case by.has("internal/poll.(*FD).Close", "internal/poll.(*pollDesc).evict"):
			return semconv.WakeClosed, true
		case by.has("internal/poll.setDeadlineImpl"):
			return semconv.WakeDeadline, true
		}
		return "", false // by the poller, or by a deadline
	case semconv.ReasonChanSend, semconv.ReasonChanRecv, semconv.ReasonSelect:
		if p.nobody {
			return semconv.WakeTimer, false // a timer is the only thing other than a goroutine that ends such a wait
		}
		return passed(c, by), by != nil
	case semconv.ReasonLock, semconv.ReasonWriteLock:
		return semconv.WakeUnlocked, true
	case semconv.ReasonCond:
		return semconv.WakeSignaled, true
	case semconv.ReasonWaitGroup, semconv.ReasonFuture:
		return semconv.WakeDone, true
	case semconv.ReasonSleep:
		return semconv.WakeTimer, false
	default:
		return "", false
	}
}

// passed returns what ended a wait for a channel: the other side, or its close. The stacks
// of senders and receivers show their call. The stack of a goroutine that closes the
// channel does not show the close.
func passed(c class, by *stack) semconv.WakeReason {
	sent := by.has("runtime.chansend", "runtime.selectnbsend", "runtime.reflect_chansend", "reflect.chansend")
	taken := by.has("runtime.chanrecv", "runtime.selectnbrecv", "runtime.reflect_chanrecv", "reflect.chanrecv")
	chosen := by.has("runtime.selectgo", "reflect.rselect", "runtime.reflect_rselect") // either of them
	switch {
	case by == nil:
		return ""
	case c.reason == semconv.ReasonChanRecv && (sent || chosen), c.reason == semconv.ReasonSelect && sent:
		return semconv.WakeReceived
	case c.reason == semconv.ReasonChanSend && (taken || chosen), c.reason == semconv.ReasonSelect && taken:
		return semconv.WakeSent
	case chosen:
		return ""
	default:
		return semconv.WakeClosed
	}
}
