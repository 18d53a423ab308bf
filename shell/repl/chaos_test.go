//go:build linux || darwin

package repl

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Whatever is typed, printed and resized in whatever order, the shell lives, takes its next command, and gives the
// terminal back. REPL_SEED repeats a run.
func TestChaos(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("REPL_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("REPL_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	keys := []string{
		"s", "say ", "/", "/alpha", "\"", " ", "日本", "é", "e\u0301", "👩‍👩‍👧", "0123456789012345678901234567890123456789",
		"\t", "\t", "\t", "\x1b[Z", "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[1~", "\x1b[4~", "\x1b[3~", "\x7f", "\x7f",
		"\x01", "\x02", "\x05", "\x06", "\x08", "\x0b", "\x0c", "\x0e", "\x10", "\x15", "\x17", "\x1bb", "\x1bf", "\x1bd", "\x1b\x7f",
		"\x12", "\x12", "\x07", "\x03", "\x1b", "\r", "\x1b[200~a\rb\x1b[201~", "\xff", "\x00",
	}
	c := start(t, 60, 12)
	c.prompt()
	for range 150 {
		switch r.IntN(12) {
		case 0:
			fmt.Fprintln(c.async, "event", r.IntN(1000))
		case 1:
			fmt.Fprintln(c.async, "!refresh")
		case 2:
			c.Resize(r.IntN(100), r.IntN(30))
		default:
			c.Send(keys[r.IntN(len(keys))])
		}
	}
	c.Resize(60, 12)
	c.Send("\x07\x15\x0bx\x03") // out of the search, and an empty line
	c.Send("say alive\r")
	c.Sees("said <alive>")
	c.prompt()
	c.Send("quit\r")
	c.Exits(0)
}
