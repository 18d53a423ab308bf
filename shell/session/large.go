package session

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"zookit/protocol"
	"zookit/protocol/jute"
)

// largePacket is the length, in bytes, above which a reply that can be read
// without being held as a packet is.
const largePacket = 1 << 20

// streamed is a reply that can be read off the connection; n is its length in
// bytes. It must read all of them, or fail.
type streamed interface {
	ReadReply(in *bufio.Reader, n int) error
}

// receiveLarge reads a packet of n bytes. Only replies to requests of ours are
// that long.
func (t *tap) receiveLarge(n int) error {
	head, err := t.frames.Rest(protocol.ReplyHeaderLen)
	if err != nil {
		return t.silence(err)
	}
	var h protocol.ReplyHeader
	if err := h.Decode(jute.NewDecoder(head)); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	n -= protocol.ReplyHeaderLen
	if h.Xid < firstXid && h.Xid != protocol.XidNotification {
		return fmt.Errorf("%w: %d bytes that nobody asked for", errBroken, n)
	}
	if reply := t.c.streams(t, h); reply != nil {
		in := &io.LimitedReader{R: t.frames, N: int64(n)}
		if err := reply.ReadReply(bufio.NewReaderSize(in, 64<<10), n); err != nil {
			if errors.Is(err, jute.ErrTooLong) || errors.Is(err, jute.ErrShort) {
				return fmt.Errorf("%w: %w", errBroken, err)
			}
			return t.silence(err)
		}
		return t.c.replied(t, h, nil)
	}
	rest, err := t.frames.Rest(n)
	if err != nil {
		return t.silence(err)
	}
	if d := jute.NewDecoder(rest); h.Xid == protocol.XidNotification {
		return t.notified(h, d)
	} else {
		return t.c.replied(t, h, d)
	}
}

// streams is the record that a reply can be read into as it comes; nil when
// there is none.
func (c *core) streams(t *tap, h protocol.ReplyHeader) streamed {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := t.pending[h.Xid]
	if p == nil || h.Err != protocol.OK {
		return nil
	}
	reply, _ := p.reply.(streamed)
	return reply
}

// ChildNames is Children for a znode that may have very many: the names are
// held compactly, in the server's order.
func (s *Session) ChildNames(ctx context.Context, path string) (*protocol.NameList, *protocol.Stat, error) {
	var reply protocol.NamesResponse
	if err := s.read(ctx, protocol.OpGetChildren2, path, false, WatchChildren, &reply); err != nil {
		return nil, nil, err
	}
	return &reply.Children, &reply.Stat, nil
}
