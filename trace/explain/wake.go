package explain

import (
	"strings"

	"github.com/wakechain/wakechain/trace"
)

// wakes say what ended a block; PEER stands for who was at the other end.
var wakes = map[trace.WakeReason]string{
	trace.WakeWritable:   "the send buffer had room again",
	trace.WakePeerRead:   "PEER read again",
	trace.WakePeerClosed: "PEER closed its end",
	trace.WakePeerReset:  "PEER reset the connection",
	trace.WakeUnlocked:   "its turn came",
	trace.WakeDeadline:   "its deadline passed",
	trace.WakeCanceled:   "its context was canceled",
	trace.WakeClosed:     "this side closed the connection",
}

// wokenBy says what ended the block, "" where the trace does not.
func (s *scene) wokenBy(b *block) string {
	reason := b.woken()
	if reason == "" {
		return ""
	}
	text, ok := wakes[reason]
	if !ok {
		text = plain(string(reason))
	}
	text = strings.ReplaceAll(text, "PEER", b.end.peerName())
	if cause := b.wake.Str(trace.WakeCauseKey); cause != "" {
		text += " (" + plain(cause) + ")"
	}
	if by := b.waker(); by != nil {
		text += ", by " + s.ref(by)
	}
	return text
}

// outcome says what ended the block and its operation: a sentence with a space
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
