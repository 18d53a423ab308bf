package cnxn

import (
	"encoding/binary"
	"time"
)

// words are the four-letter words of the client port, in Apache's
// FourLetterCommands.java (3.9). Any other four bytes are a packet length, and
// as such far beyond every limit: the connection is closed without an answer.
// That holds for reqs too, which the old manuals list: the table of 3.4.9
// (ServerCnxn.java) does not have it.
var words = map[string]bool{
	"ruok": true, "srvr": true, "stat": true, "conf": true, "mntr": true, "cons": true,
	"dump": true, "envi": true, "wchs": true, "wchp": true, "wchc": true, "dirs": true,
	"isro": true, "crst": true, "srst": true, "hash": true, "gtmk": true, "stmk": true,
}

// wordWait bounds the whole exchange of a four-letter word.
const wordWait = 10 * time.Second

// word answers a four-letter word when the connection begins with one; the
// error is errWord then. What else the connection begins with stays in c.in.
func (c *Conn) word() error {
	for len(c.in.peek()) < 4 {
		if err := c.in.fill(); err != nil {
			return err
		}
	}
	name := string(c.in.peek()[:4])
	if !words[name] {
		return nil
	}
	c.server.stats.Received.Add(1)
	c.out.mu.Lock()
	c.stats.received++
	c.out.mu.Unlock()
	_ = c.sock.SetDeadline(time.Now().Add(wordWait))
	var arg int64
	if name == "stmk" { // followed by the new mask, 8 bytes
		for len(c.in.peek()) < 12 {
			if err := c.in.fill(); err != nil {
				return err
			}
		}
		arg = int64(binary.BigEndian.Uint64(c.in.peek()[4:]))
	}
	c.in.release()
	if err := c.server.backend.Word(c.sock, name, arg); err != nil {
		return err
	}
	c.server.stats.Sent.Add(1)
	c.linger()
	return errWord
}

const (
	lingerWait  = time.Second
	lingerBytes = 64 << 10
)

// linger ends the sending side and reads on until the client has closed too:
// closing with unread input (the newline typed after a word, requests after an
// error) would reset the connection and could take the last answer with it. To
// those who watch over the server it is closed already.
func (c *Conn) linger() {
	c.lingers.Store(true)
	if c.sock.CloseWrite() != nil {
		return
	}
	_ = c.sock.SetReadDeadline(time.Now().Add(lingerWait))
	b := getBuffer()
	defer putBuffer(b)
	for left := lingerBytes; left > 0; {
		n, err := c.sock.Read(b.b[:cap(b.b)])
		if err != nil {
			return
		}
		left -= n
	}
}
