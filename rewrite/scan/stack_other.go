//go:build !unix

package scan

// ThreadStackBytes is the size of stack that a new thread of this process gets: 1 MiB, as linkers for Windows set it.
func ThreadStackBytes() uint64 { return 1 << 20 }
