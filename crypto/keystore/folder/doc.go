// Package folder is the key store in a local folder: one file "<name>.keyset" for each keyset, mode 0600. It promises
// that a reader sees a whole generation or the one before, also after a crash: a generation is written beside, synced and
// renamed. Who can write in the folder can put an older generation back; it holds no plaintext key. A store may be used
// concurrently, also by several processes on one machine.
package folder
