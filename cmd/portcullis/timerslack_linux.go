package main

// The runtime's monitor (sysmon of runtime/proc.go) looks after the others every 20 microseconds while they work, and is put to
// sleep and woken again each time that all of them wait: in a relay, which waits for the network at every step, that was a
// quarter of all its CPU time. The kernel may let a thread sleep longer than it asked for by the thread's timer slack, so
// that wake-ups fall together (PR_SET_TIMERSLACK, prctl(2)); with one millisecond of it the monitor's steps are a
// millisecond. Go's timers are no less exact for it: an idle process waits for them in whole milliseconds
// (netpoll of runtime/netpoll_epoll.go).
//
// Threads inherit the slack from the one that starts them, and the runtime starts its monitor before anything in Go
// runs. So it is set before the runtime begins.

// #include <sys/prctl.h>
//
// __attribute__((constructor)) static void portcullis_timer_slack(void) {
//	prctl(PR_SET_TIMERSLACK, 1000000UL /* ns */, 0UL, 0UL, 0UL);
// }
import "C"
