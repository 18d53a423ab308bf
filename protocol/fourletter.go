package protocol

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// FourLetterLimit bounds the answer of a four-letter word, in bytes.
const FourLetterLimit = 64 << 20

// FourLetter sends a four-letter word ("srvr") to a server's client port and
// returns its whole answer; the server closes the connection after it. A
// context without a deadline gets 10 s.
func FourLetter(ctx context.Context, addr, word string) (string, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", fmt.Errorf("%s to %s: %w", word, addr, err)
	}
	return FourLetterOn(ctx, conn, word)
}

// FourLetterOn is FourLetter on a connection that is there, such as one of TLS;
// it closes it.
func FourLetterOn(ctx context.Context, conn net.Conn, word string) (string, error) {
	defer conn.Close()
	addr := conn.RemoteAddr()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, word); err != nil {
		return "", fmt.Errorf("%s to %s: %w", word, addr, err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, FourLetterLimit))
	if err != nil && len(answer) == 0 {
		return "", fmt.Errorf("%s to %s: %w", word, addr, err)
	}
	return string(answer), nil
}
