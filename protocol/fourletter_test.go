package protocol_test

import (
	"context"
	"io"
	"net"
	"testing"

	"zookit/protocol"
)

func TestFourLetter(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		word := make([]byte, 4)
		_, _ = io.ReadFull(c, word)
		_, _ = io.WriteString(c, "you said "+string(word))
		c.Close()
	}()
	if got, err := protocol.FourLetter(context.Background(), l.Addr().String(), "ruok"); got != "you said ruok" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := protocol.FourLetter(canceled, l.Addr().String(), "ruok"); err == nil {
		t.Error("a cancelled call answers")
	}
}
