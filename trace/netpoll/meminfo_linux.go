package netpoll

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Indices of the result of SO_MEMINFO, as in linux/sock_diag.h.
const (
	memSendBuffer = 3 // SK_MEMINFO_SNDBUF
	memSendQueued = 5 // SK_MEMINFO_WMEM_QUEUED
	memVars       = 9
)

// sendMemory asks the kernel how many bytes of memory the send queue takes, and how many
// it may take: a write parks when these, and not its payload, exceed the limit. Both are 0
// if the kernel does not say. Package x/sys has no function for this call.
func sendMemory(fd uintptr) (queued, most int) {
	var info [memVars]uint32
	size := getsockopt(fd, unix.SOL_SOCKET, unix.SO_MEMINFO, unsafe.Pointer(&info), unsafe.Sizeof(info))
	if size <= memSendQueued*4 {
		return 0, 0
	}
	return int(info[memSendQueued]), int(info[memSendBuffer])
}
