package command

import "runtime/debug"

// streamGC is how much the heap may grow, in percent of what is in use, until
// the garbage collector runs, in a command that streams what may be millions of
// znodes. What such a command must hold, the names of a million siblings, is
// large and costs the collector nothing, so that a low number costs little time
// and saves half of the memory. A limit instead (GOMEMLIMIT) stops all work
// when it is below what must be held.
const streamGC = 20

// saveMemory sets that until the function it returns is called.
func saveMemory() func() {
	before := debug.SetGCPercent(streamGC)
	return func() { debug.SetGCPercent(before) }
}
