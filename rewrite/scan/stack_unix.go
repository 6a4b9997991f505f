//go:build unix

package scan

import "syscall"

// ThreadStackBytes is the size of stack that a new thread of this process gets: what glibc's pthread_create takes from
// RLIMIT_STACK, or 2 MiB where that is unlimited (glibc, nptl/nptl-stack.c and sysdeps/x86/nptl/pthreaddef.h).
func ThreadStackBytes() uint64 {
	const unlimited = 2 << 20
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_STACK, &limit); err != nil || limit.Cur > 1<<40 {
		return unlimited
	}
	return uint64(limit.Cur)
}
