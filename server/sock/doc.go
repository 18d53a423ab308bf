// Package sock writes to connections without waiting, for goroutines that
// must not be held up by a peer that does not read.
package sock
