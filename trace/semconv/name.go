package semconv

import (
	"maps"
	"slices"
	"strings"
)

// blockNames are the names of blocks, by what they say.
var blockNames = func() map[string]string {
	names := make(map[string]string)
	for _, r := range []Reason{
		ReasonNetRead, ReasonNetWrite, ReasonNetDial, ReasonNetAccept,
		ReasonChanSend, ReasonChanRecv, ReasonSelect, ReasonLock, ReasonCond, ReasonWaitGroup, ReasonSemaphore, ReasonSleep, ReasonFuture,
		ReasonPong, ReasonFileRead, ReasonFileWrite, ReasonForever, ReasonGC, ReasonWriteLock,
	} {
		names[string(r)] = SpanBlock + " " + string(r)
	}
	for _, c := range []Cause{CausePeerWindow, CauseNetwork, CauseLocalBuffer} {
		names[string(c)] = SpanBlock + " " + string(c)
	}
	return names
}()

// wakeNames are the names of wakes, by what they say.
var wakeNames = func() map[string]string {
	names := make(map[string]string)
	for _, w := range []WakeReason{
		WakeReadable, WakeWritable, WakePeerRead, WakePeerClosed, WakePeerReset, WakeSent, WakeReceived, WakeUnlocked,
		WakeReleased, WakeSignaled, WakeDone, WakeTimer, WakeResolved, WakeDeadline, WakeCanceled, WakeClosed,
	} {
		names[string(w)] = SpanWake + " " + string(w)
	}
	return names
}()

// BlockName returns the name of the span of a block: [SpanBlock] and its cause where
// that is known, else its reason. What is not of this vocabulary is left out, so that
// names are few. It allocates nothing.
func BlockName(r Reason, c Cause) string {
	if name, ok := blockNames[string(c)]; ok && c != "" {
		return name
	}
	if name, ok := blockNames[string(r)]; ok {
		return name
	}
	return SpanBlock
}

// BlockNames returns all names that [BlockName] does, in order.
func BlockNames() []string { return all(SpanBlock, blockNames) }

// WakeNames returns all names that [WakeName] does, in order.
func WakeNames() []string { return all(SpanWake, wakeNames) }

func all(word string, names map[string]string) []string {
	return append([]string{word}, slices.Sorted(maps.Values(names))...)
}

// WakeName returns the name of the span of a wake: [SpanWake] and its reason, unless
// that is not of this vocabulary. It allocates nothing.
func WakeName(w WakeReason) string {
	if name, ok := wakeNames[string(w)]; ok {
		return name
	}
	return SpanWake
}

// KindOf returns the kind of span that a name means: [SpanBlock], [SpanWake],
// [SpanHandshake] or [SpanSegment] where that is its first word, else the name itself.
func KindOf(name string) string {
	switch word, _, _ := strings.Cut(name, " "); word {
	case SpanBlock, SpanWake, SpanHandshake, SpanSegment:
		return word
	default:
		return name
	}
}
