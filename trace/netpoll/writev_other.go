//go:build !linux && !darwin && !openbsd

package netpoll

// sysWritev writes the first of v, which is not empty.
func sysWritev(fd uintptr, v [][]byte) (int, error) { return sysWrite(fd, v[0]) }
