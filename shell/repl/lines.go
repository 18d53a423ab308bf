package repl

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

const (
	// endGrace is how long a running command may take to return once Run has to end.
	endGrace = 5 * time.Second
	// lateInterrupt is how long after a command a SIGINT still counts as meant for it.
	lateInterrupt = 300 * time.Millisecond
)

// reader reads lines: the editor on a terminal, plain elsewhere.
type reader interface {
	// readLine returns the next line without its newline, io.EOF at the end, or the error given to stop.
	readLine() (string, error)
	// stop makes readLine return err, now and ever after. It is called from another goroutine.
	stop(err error)
	// interrupt is told of a SIGINT while no command runs, and returns whether it has dealt with it.
	interrupt() bool
	// redraw is told that the window has changed.
	redraw()
	// commandStarts is called when a line is about to be executed; interrupted means that Ctrl-C was typed already.
	commandStarts() (interrupted bool)
	// commandInterrupted is told of Ctrl-C during a command, before the command is.
	commandInterrupted()
	// close gives the terminal back. readLine has returned for the last time.
	close()
}

// lines is the loop of Run: read a line, execute it. Signals come in from a goroutine of their own.
type lines struct {
	ctx    context.Context
	o      Options
	reader reader

	mu     sync.Mutex
	end    error                   // why Run ends, nil while it goes on
	ending chan struct{}           // closed with end
	cancel context.CancelCauseFunc // of the running command, nil at the prompt
	last   time.Time               // when the last command returned
}

// runLines reads and executes lines until something ends it.
func runLines(ctx context.Context, o Options, r reader) error {
	defer r.close()
	l := &lines{ctx: ctx, o: o, reader: r, ending: make(chan struct{})}

	signals := make(chan os.Signal, 16)
	signal.Notify(signals, handledSignals()...)
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { l.watch(signals, done) })
	defer watcher.Wait()
	defer close(done)
	defer signal.Stop(signals)

	for {
		line, err := r.readLine()
		if err != nil {
			if l.why() == nil && !errors.Is(err, io.EOF) {
				return err
			}
			return l.why()
		}
		if strings.TrimSpace(line) == "" && !o.Verbatim() {
			continue
		}
		if exit, err := l.execute(line); exit || err != nil {
			return err
		}
	}
}

// why returns why Run ends, nil while it does not have to.
func (l *lines) why() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// watch acts on signals and on the end of ctx.
func (l *lines) watch(signals <-chan os.Signal, done <-chan struct{}) {
	ended := l.ctx.Done()
	for {
		select {
		case <-done:
			return
		case <-ended:
			ended = nil
			l.finish(context.Cause(l.ctx))
		case s := <-signals:
			switch {
			case redraws(s):
				l.reader.redraw()
			case s != os.Interrupt || !l.interrupt():
				l.finish(&SignalError{Signal: s})
			}
		}
	}
}

// interrupt hands a SIGINT to the running command or to the reader. It returns false when neither wants it.
func (l *lines) interrupt() bool {
	l.mu.Lock()
	cancel, late := l.cancel, time.Since(l.last) < lateInterrupt
	l.mu.Unlock()
	if cancel == nil && !late {
		return l.reader.interrupt()
	}
	l.reader.commandInterrupted()
	if cancel != nil {
		cancel(ErrInterrupted)
	}
	return true
}

// finish makes Run end with err; the first reason counts.
func (l *lines) finish(err error) {
	l.mu.Lock()
	if l.end == nil {
		l.end = err
		close(l.ending)
	}
	if l.cancel != nil {
		l.cancel(err)
	}
	l.mu.Unlock()
	l.reader.stop(err)
}

// execute runs one line with a context of its own, and returns why Run ends after it, if it does.
func (l *lines) execute(line string) (exit bool, err error) {
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)

	l.mu.Lock()
	end := l.end
	l.cancel = cancel
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		l.cancel, l.last = nil, time.Now()
		l.mu.Unlock()
	}()
	if end != nil {
		return true, end
	}
	if l.reader.commandStarts() {
		cancel(ErrInterrupted)
	}

	returned := make(chan struct{})
	exit = true // a command that ends its goroutine (runtime.Goexit) has had the last word
	var panicked *PanicError
	go func() {
		defer close(returned)
		defer func() {
			if v := recover(); v != nil {
				panicked = &PanicError{Value: v, Stack: debug.Stack()}
			}
		}()
		exit = l.o.Execute(ctx, line)
	}()
	if !l.wait(returned) {
		return true, l.why()
	}
	if panicked != nil {
		return true, panicked
	}
	return exit || l.why() != nil, l.why()
}

// wait waits for the command. It returns false when the command took longer than endGrace after Run had to end.
func (l *lines) wait(returned <-chan struct{}) bool {
	select {
	case <-returned:
		return true
	case <-l.ending:
	}
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case <-returned:
		return true
	case <-grace.C:
		return false
	}
}
