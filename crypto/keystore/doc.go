// Package keystore says where wrapped keysets lie between two lives of a process. A store sees names, generations and
// wrapped bytes, never a key. It promises that a keyset's generation only grows, by one each time, so that two
// administrators cannot overwrite each other's rotation; keystore/folder is the store in a local folder. Stores may be used
// concurrently, by several processes.
package keystore
