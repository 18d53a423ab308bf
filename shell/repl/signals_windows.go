package repl

import (
	"os"
	"syscall"
)

// handledSignals are those Run listens to.
func handledSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// redraws tells whether the signal changes what the screen looks like; a console says so in no signal.
func redraws(os.Signal) bool { return false }
