// Package file is the key-encryption key in a local file, for a single machine and for trying things out: whoever reads
// the file can unwrap every keyset. It promises that the file is private to its owner whenever it is opened. Keeping the
// file apart from the key store and its backups is left to the operator. A KEK may be used concurrently.
package file
