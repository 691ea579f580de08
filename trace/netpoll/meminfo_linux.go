package netpoll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Indices of what SO_MEMINFO answers, as linux/sock_diag.h has them.
const (
	memSendBuffer = 3 // SK_MEMINFO_SNDBUF
	memSendQueued = 5 // SK_MEMINFO_WMEM_QUEUED
	memVars       = 9
)

// sendMemory asks the kernel how much memory the send queue takes, and how much
// it may: a write parks over this and not over bytes. Both are 0 where the kernel
// does not say. No function of x/sys makes this call.
func sendMemory(fd uintptr) (queued, most int) {
	var info [memVars]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 || size <= memSendQueued*4 {
		return 0, 0
	}
	return int(info[memSendQueued]), int(info[memSendBuffer])
}
