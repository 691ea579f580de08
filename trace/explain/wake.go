package explain

import (
	"strings"

	"github.com/wakechain/wakechain/trace/semconv"
)

// wakes describe what ended a block. PEER stands for the other end's name.
var wakes = map[semconv.WakeReason]string{
	semconv.WakeWritable:   "the send buffer had room again",
	semconv.WakePeerRead:   "PEER read again",
	semconv.WakePeerClosed: "PEER closed its end",
	semconv.WakePeerReset:  "PEER reset the connection",
	semconv.WakeUnlocked:   "its turn came",
	semconv.WakeDeadline:   "its deadline passed",
	semconv.WakeCanceled:   "its context was canceled",
	semconv.WakeClosed:     "this side closed the connection",
}

// wokenBy describes what ended the block, or returns "" if the trace does not have it.
func (s *scene) wokenBy(b *block) string {
	reason := b.woken()
	if reason == "" {
		return ""
	}
	said, ok := wakes[reason]
	if !ok {
		said = plain(string(reason))
	}
	said = strings.ReplaceAll(said, "PEER", b.end.peerName())
	if cause := b.wake.Str(semconv.WakeCauseKey); cause != "" {
		said += " (" + plain(cause) + ")"
	}
	if by := b.Waker(); by != nil {
		said += ", by " + s.ref(by)
	}
	return said
}

// outcome describes what ended the block and its operation: as a sentence with a space
// before it, or "".
func (s *scene) outcome(b *block) string {
	woken, failed := s.wokenBy(b), ""
	if b.op != nil && b.op.Failed() {
		failed = "the " + plain(b.op.Name) + " failed"
		if why := failureOf(b.op); why != "" {
			failed += " with " + why
		}
		failed += s.endedWith(b.op)
	}
	switch {
	case woken == "" && failed == "":
		return ""
	case woken == "":
		return " " + sentence(failed) + "."
	case failed == "":
		return " What woke it: " + woken + "."
	default:
		return " What woke it: " + woken + "; " + failed + "."
	}
}
