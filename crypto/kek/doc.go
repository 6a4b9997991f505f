// Package kek says what a key-encryption key is: something that wraps keysets and unwraps them again, wherever its key
// lies. It promises nothing but the interface and its two errors; kek/file is the one that lies in a local file. KEKs
// may be used concurrently.
package kek
