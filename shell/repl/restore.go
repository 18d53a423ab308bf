package repl

import "sync/atomic"

// active is the terminal of the Run that edits lines, nil when there is none.
var active atomic.Pointer[terminal]

// Restore puts the terminal into its normal mode if a Run has it in another. It is for the last moments of a
// process that ends without Run returning: a panic in some goroutine, os.Exit while somebody types.
func Restore() {
	if t := active.Load(); t != nil {
		_ = t.restore()
	}
}
