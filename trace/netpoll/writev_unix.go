//go:build linux || darwin || openbsd

package netpoll

import "golang.org/x/sys/unix"

func sysWritev(fd uintptr, v [][]byte) (int, error) { return unix.Writev(int(fd), v) }
