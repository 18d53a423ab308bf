//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package repl

import (
	"os"
	"os/signal"
	"syscall"
)

// handledSignals are those Run listens to. One that the process was told to ignore (nohup) stays ignored.
func handledSignals() []os.Signal {
	signals := []os.Signal{syscall.SIGWINCH, syscall.SIGCONT}
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signals
}

// redraws tells whether the signal changes what the screen or the terminal's modes look like.
func redraws(s os.Signal) bool { return s == syscall.SIGWINCH || s == syscall.SIGCONT }
