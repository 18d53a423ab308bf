//go:build unix

package sock

import "syscall"

// TryWrite writes what the connection takes at once. n < len(p) with a nil
// error says that it takes no more for now. No write deadline may have passed.
func TryWrite(raw syscall.RawConn, p []byte) (n int, err error) {
	var werr error
	err = raw.Write(func(fd uintptr) bool {
		for n < len(p) {
			var m int
			m, werr = syscall.Write(int(fd), p[n:])
			if m > 0 {
				n += m
			}
			switch werr {
			case nil:
			case syscall.EINTR:
				werr = nil
			case syscall.EAGAIN:
				werr = nil
				return true
			default:
				return true
			}
		}
		return true
	})
	if err == nil {
		err = werr
	}
	return n, err
}
