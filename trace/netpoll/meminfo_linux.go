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
	size := getsockopt(fd, unix.SOL_SOCKET, unix.SO_MEMINFO, unsafe.Pointer(&info), unsafe.Sizeof(info))
	if size <= memSendQueued*4 {
		return 0, 0
	}
	return int(info[memSendQueued]), int(info[memSendBuffer])
}
