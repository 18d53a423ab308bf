//go:build !unix

package sock

import "syscall"

// TryWrite writes nothing: there is no write that does not wait.
func TryWrite(syscall.RawConn, []byte) (n int, err error) { return 0, nil }
