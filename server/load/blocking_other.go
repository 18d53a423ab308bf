//go:build !unix

package load

import "context"

// dialBlocking is Dial where sockets are not files.
func dialBlocking(addr string) (*Conn, error) { return Dial(context.Background(), addr) }
