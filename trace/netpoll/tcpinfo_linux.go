package netpoll

import (
	"time"

	"golang.org/x/sys/unix"
)

// measure asks the kernel about the TCP connection fd; of any other socket it
// knows nothing.
func measure(fd uintptr) tcpInfo {
	t, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return tcpInfo{}
	}
	queue, _ := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	memory, buffer := sendMemory(fd)
	return tcpInfo{
		ok:            true,
		memory:        memory,
		buffer:        buffer,
		busy:          time.Duration(t.Busy_time) * time.Microsecond,
		rwndLimited:   time.Duration(t.Rwnd_limited) * time.Microsecond,
		sndbufLimited: time.Duration(t.Sndbuf_limited) * time.Microsecond,
		queue:         queue,
		notSent:       int(t.Notsent_bytes),
		window:        int(t.Snd_wnd),
		windowEnd:     int64(t.Bytes_acked) + int64(t.Snd_wnd),
		unacked:       int(t.Unacked),
		retransmits:   int(t.Total_retrans),
		cwnd:          int(t.Snd_cwnd),
		congestion:    congestion(t.Ca_state),
		rtt:           time.Duration(t.Rtt) * time.Microsecond,
	}
}

// unread asks the kernel how many bytes fd has that nobody has read.
func unread(fd uintptr) (int, bool) {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	return n, err == nil
}
