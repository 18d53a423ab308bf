//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package repl

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the input side of the terminal: its modes, its size and its bytes.
type terminal struct {
	fd     int
	normal unix.Termios // as it was found, never changed
	wakeR  int          // a pipe that ends a blocking read
	wakeW  int
}

// openTerminal remembers the modes of in. It fails when in is no terminal or go-prompt could not open its
// controlling terminal (it opens /dev/tty for itself and panics without it).
func openTerminal(in, _ *os.File) (*terminal, error) {
	tty, err := os.Open("/dev/tty")
	if err != nil {
		return nil, err
	}
	_ = tty.Close()
	t := &terminal{fd: int(in.Fd())}
	modes, err := unix.IoctlGetTermios(t.fd, ioctlGetTermios)
	if err != nil {
		return nil, err
	}
	t.normal = *modes
	var pipe [2]int
	if err := unix.Pipe(pipe[:]); err != nil {
		return nil, err
	}
	for _, fd := range pipe {
		unix.CloseOnExec(fd)
		_ = unix.SetNonblock(fd, true)
	}
	t.wakeR, t.wakeW = pipe[0], pipe[1]
	return t, nil
}

// raw hands every key to us: no echo, no line editing, no signals from keys, carriage return as it is. Output
// keeps its processing, so a newline still begins a new line. What was typed already is kept.
func (t *terminal) raw() error {
	modes := t.normal
	modes.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	modes.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.IEXTEN | unix.ISIG
	modes.Oflag |= unix.OPOST | unix.ONLCR
	modes.Cflag &^= unix.CSIZE | unix.PARENB
	modes.Cflag |= unix.CS8
	modes.Cc[unix.VMIN], modes.Cc[unix.VTIME] = 0, 1 // read ends after 0.1 s, should poll not know terminals
	return retry(func() error { return unix.IoctlSetTermios(t.fd, ioctlSetTermios, &modes) })
}

// restore puts the modes back as they were found.
func (t *terminal) restore() error {
	modes := t.normal
	return retry(func() error { return unix.IoctlSetTermios(t.fd, ioctlSetTermios, &modes) })
}

// read waits for bytes, at most for timeout (negative: for ever), or until wake. 0 bytes without an error mean
// that none came. io.EOF means the terminal is gone.
func (t *terminal) read(b []byte, timeout time.Duration) (int, error) {
	ms := -1
	if timeout >= 0 {
		ms = int(timeout / time.Millisecond)
	}
	fds := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}, {Fd: int32(t.wakeR), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, ms); err != nil && !errors.Is(err, unix.EINTR) {
		return 0, err
	}
	if fds[1].Revents != 0 {
		var drop [64]byte
		_, _ = unix.Read(t.wakeR, drop[:])
	}
	if fds[0].Revents == 0 {
		return 0, nil
	}
	n, err := unix.Read(t.fd, b)
	switch {
	case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, io.EOF // EIO: the terminal was hung up
	case n <= 0 && fds[0].Revents&unix.POLLHUP != 0:
		return 0, io.EOF
	}
	return max(n, 0), nil
}

// wake ends a read that waits, or the next one.
func (t *terminal) wake() { _, _ = unix.Write(t.wakeW, []byte{0}) }

// close gives back what openTerminal took. The terminal itself is the caller's.
func (t *terminal) close() {
	_ = unix.Close(t.wakeR)
	_ = unix.Close(t.wakeW)
}

// retry repeats a call that a signal cut short.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// hideTyping lets a terminal in its normal mode not show what is typed, but for the line break, until show is called.
func hideTyping(f *os.File) (show func(), err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err != nil {
		return nil, err
	}
	modes := *before
	modes.Lflag = modes.Lflag&^unix.ECHO | unix.ECHONL | unix.ICANON
	set := func(modes *unix.Termios) error {
		return retry(func() error { return unix.IoctlSetTermios(fd, ioctlSetTermios, modes) })
	}
	return func() { _ = set(before) }, set(&modes)
}

// DropTyped forgets the lines that were typed and not read yet: what somebody typed before a question is no answer
// to it.
func DropTyped(f *os.File) {
	fd := int(f.Fd())
	var b [readSize]byte
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 0); n <= 0 || err != nil {
			return
		}
		if n, err := unix.Read(fd, b[:]); n <= 0 || err != nil {
			return
		}
	}
}

// readByte waits for one byte of f or the end of ctx, which it looks at ten times a second.
func readByte(ctx context.Context, f *os.File) (byte, error) {
	fd := int(f.Fd())
	for {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 100); n == 0 && err == nil || errors.Is(err, unix.EINTR) {
			continue
		}
		var b [1]byte
		n, err := unix.Read(fd, b[:])
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN):
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0:
			return 0, io.EOF
		default:
			return b[0], nil
		}
	}
}
