// Package pgcluster starts throw-away PostgreSQL clusters for the demo and for tests.
//
// It finds the server programs of PostgreSQL 14 to 18 (Find), installs the distribution's package where it may
// (Ensure), and starts clusters in private folders on free ports of 127.0.0.1 (Start). Running as root, it hands the
// folder and the server to an unprivileged user, because PostgreSQL refuses to run as root.
//
// It promises that nothing stays behind: Stop ends the server and removes its folder, and a small watchdog process
// does the same when the process that called Start ends in any other way, SIGKILL and Ctrl-C included.
//
// These clusters are not for data that matters: without Options.Durable they do not wait for the disk. A Cluster may
// be used concurrently; Stop may be called more than once.
package pgcluster
