package netpoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// measure asks the kernel about fd. Only a TCP connection has a state. It is called during
// a read or a write, so it makes raw system calls: those of x/sys allocate their results.
func measure(fd uintptr) tcpInfo {
	info := counters(fd)
	if info.ok {
		info.memory, info.buffer = sendMemory(fd)
	}
	return info
}

// counters is measure without the memory of the send queue.
func counters(fd uintptr) tcpInfo {
	var t unix.TCPInfo
	if size := getsockopt(fd, unix.IPPROTO_TCP, unix.TCP_INFO, unsafe.Pointer(&t), unsafe.Sizeof(t)); size == 0 {
		return tcpInfo{}
	}
	return tcpInfo{
		ok:            true,
		busy:          time.Duration(t.Busy_time) * time.Microsecond,
		rwndLimited:   time.Duration(t.Rwnd_limited) * time.Microsecond,
		sndbufLimited: time.Duration(t.Sndbuf_limited) * time.Microsecond,
		queue:         sendQueue(fd),
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

// unread asks the kernel how many received bytes of fd have not been read.
func unread(fd uintptr) (int, bool) {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	return n, err == nil
}

// getsockopt stores an option of a socket in p, which has capacity bytes, and returns how
// many bytes that is; 0 if the socket does not have the option.
func getsockopt(fd uintptr, level, option int, p unsafe.Pointer, capacity uintptr) (size uint32) {
	size = uint32(capacity)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, uintptr(level), uintptr(option),
		uintptr(p), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return size
}

// sendQueue returns how many bytes the peer has not acknowledged.
func sendQueue(fd uintptr) int {
	var queue int32
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SIOCOUTQ, uintptr(unsafe.Pointer(&queue))); errno != 0 {
		return 0
	}
	return int(queue)
}
