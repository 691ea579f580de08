package netpoll

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// measure asks the kernel about the TCP connection fd; of any other socket it
// knows nothing. It is called in the midst of a read or a write: the calls are
// raw, since those of x/sys put what they return on the heap.
func measure(fd uintptr) tcpInfo {
	info := counters(fd)
	if info.ok {
		info.memory, info.buffer = sendMemory(fd)
	}
	return info
}

// counters is measure without what the send queue takes in memory.
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

// unread asks the kernel how many bytes fd has that nobody has read.
func unread(fd uintptr) (int, bool) {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	return n, err == nil
}

// getsockopt writes an option of a socket to p, which has room for so many bytes,
// and returns how many it took: 0 where there is none.
func getsockopt(fd uintptr, level, option int, p unsafe.Pointer, room uintptr) (size uint32) {
	size = uint32(room)
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, uintptr(level), uintptr(option),
		uintptr(p), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0
	}
	return size
}

// sendQueue is how many bytes the peer has not acknowledged.
func sendQueue(fd uintptr) int {
	var queue int32
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, unix.SIOCOUTQ, uintptr(unsafe.Pointer(&queue))); errno != 0 {
		return 0
	}
	return int(queue)
}
