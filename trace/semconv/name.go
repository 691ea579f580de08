package semconv

import (
	"maps"
	"slices"
	"strings"
)

// blockNames are the names of blocks, by reason or cause.
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

// wakeNames are the names of wakes, by reason.
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

// BlockName returns the name of the span of a block: [SpanBlock] with its cause, if that is
// known, or else with its reason. Causes and reasons outside this vocabulary are left out, so
// that there are few names. It allocates nothing.
func BlockName(r Reason, c Cause) string {
	if name, ok := blockNames[string(c)]; ok && c != "" {
		return name
	}
	if name, ok := blockNames[string(r)]; ok {
		return name
	}
	return SpanBlock
}

// BlockNames returns all results of [BlockName], sorted.
func BlockNames() []string { return all(SpanBlock, blockNames) }

// WakeNames returns all results of [WakeName], sorted.
func WakeNames() []string { return all(SpanWake, wakeNames) }

func all(word string, names map[string]string) []string {
	return append([]string{word}, slices.Sorted(maps.Values(names))...)
}

// WakeName returns the name of the span of a wake: [SpanWake] with its reason, unless that is
// outside this vocabulary. It allocates nothing.
func WakeName(w WakeReason) string {
	if name, ok := wakeNames[string(w)]; ok {
		return name
	}
	return SpanWake
}

// KindOf returns the kind of span with that name: [SpanBlock], [SpanWake], [SpanHandshake] or
// [SpanSegment] if that is its first word, else the name.
func KindOf(name string) string {
	switch word, _, _ := strings.Cut(name, " "); word {
	case SpanBlock, SpanWake, SpanHandshake, SpanSegment:
		return word
	default:
		return name
	}
}
