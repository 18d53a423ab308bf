package session

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"zookit/protocol"
)

// scriptConn is a socket whose peer has said all it will say.
type scriptConn struct{ in *bytes.Reader }

func (c scriptConn) Read(p []byte) (int, error)       { return c.in.Read(p) }
func (c scriptConn) Write(p []byte) (int, error)      { return len(p), nil }
func (c scriptConn) Close() error                     { return nil }
func (c scriptConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c scriptConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c scriptConn) SetDeadline(time.Time) error      { return nil }
func (c scriptConn) SetReadDeadline(time.Time) error  { return nil }
func (c scriptConn) SetWriteDeadline(time.Time) error { return nil }

// FuzzServer lets a server say anything: the tap never panics, and hands the
// library nothing but packets it can take.
func FuzzServer(f *testing.F) {
	hello := protocol.AppendFrame(nil, &protocol.ConnectResponse{TimeoutMs: 4000, Session: 1, Password: make([]byte, 16), HasReadOnly: true})
	gone := protocol.AppendFrame(nil, &protocol.ConnectResponse{Password: make([]byte, 16)})
	event := protocol.AppendFrame(nil, &protocol.ReplyHeader{Xid: -1, Zxid: -1}, &protocol.WatcherEvent{Type: 3, State: 3, Path: "/w"})
	reply := protocol.AppendFrame(nil, &protocol.ReplyHeader{Xid: firstXid, Zxid: 4}, &protocol.GetDataResponse{Data: []byte("x")})
	ping := protocol.AppendFrame(nil, &protocol.ReplyHeader{Xid: -2, Zxid: 4})
	for _, s := range [][][]byte{{hello, event, reply, ping}, {gone}, {hello, {0, 0, 0, 4, 0, 0, 0, 0}}, {hello, {0xff, 0, 0, 0}}, {ping}, {[]byte("HTTP/1.1 400\r\n")}} {
		f.Add(bytes.Join(s, nil))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		c := newCore(Options{MaxReply: 1 << 20}, []string{"h:1"}, "/w")
		c.watches.Add("/w", WatchData)
		c.watches.Add("/w/r", WatchRecursive)
		tap := newTap(c, scriptConn{bytes.NewReader(said)}, "h:1", time.Now().Add(time.Minute))
		if _, err := c.adopt(tap); err != nil {
			t.Fatal(err)
		}
		var handed bytes.Buffer
		_, err := io.Copy(&handed, struct{ io.Reader }{tap})
		if err == nil && handed.Len() == 0 && len(said) > 0 && len(said) < 4 {
			t.Fatal("a stream cut short went unnoticed")
		}
		tap.Close()
		c.wg.Wait()
		c.cancel()
		c.events.close()
		<-c.events.done

		frames := protocol.NewFrameReader(&handed, forwardLimit)
		for first := true; ; first = false {
			packet, err := frames.Next()
			if err == io.EOF {
				break
			}
			if err != nil || first && len(packet) != 36 || !first && len(packet) < protocol.ReplyHeaderLen {
				t.Fatalf("the library got %x, %v", packet, err)
			}
		}
	})
}
