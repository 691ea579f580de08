//go:build !linux

package netpoll

// measure returns nothing: the system has no TCP_INFO.
func measure(uintptr) tcpInfo { return tcpInfo{} }

func counters(uintptr) tcpInfo { return tcpInfo{} }

func unread(uintptr) (int, bool) { return 0, false }
