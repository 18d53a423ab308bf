package quorum

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"zookit/protocol/jute"
)

// Forms of the initial message (QuorumCnxManager.java).
const (
	InitialBare      int64 = 0      // 3.4: the sid alone, which is not negative
	InitialAddress   int64 = -65536 // 3.5 and later: one address
	InitialAddresses int64 = -65535 // 3.6 and later with multiAddress.enabled: several, joined by '|'
)

// MaxInitialAddress is the longest text of addresses, in bytes.
const MaxInitialAddress = 2048

// AnonymousObserver is the sid of an observer that has none of its own
// (QuorumPeer.OBSERVER_ID).
const AnonymousObserver int64 = 1<<63 - 1

// An InitialMessage is the first thing the dialer of an election connection
// sends; nothing answers it.
//
//	bare  long sid
//	else  long form, long sid, int length (1 to 2048), bytes "host:port", or several joined by '|'
type InitialMessage struct {
	Form      int64 // InitialBare, InitialAddress, InitialAddresses
	ServerID  int64
	Addresses []string // host:port of the sender's election port, IPv6 in brackets; none in the bare form
}

// AppendTo appends the encoded message.
func (m *InitialMessage) AppendTo(b []byte) []byte {
	if m.Form == InitialBare {
		return jute.AppendLong(b, m.ServerID)
	}
	b = jute.AppendLong(b, m.Form)
	b = jute.AppendLong(b, m.ServerID)
	return jute.AppendString(b, strings.Join(m.Addresses, "|"))
}

// Read reads the message off a stream, not one byte further.
func (m *InitialMessage) Read(r io.Reader) error {
	err := m.read(r)
	if err != nil {
		return fmt.Errorf("initial message: %w", err)
	}
	return nil
}

func (m *InitialMessage) read(r io.Reader) error {
	*m = InitialMessage{}
	var head [12]byte
	if _, err := io.ReadFull(r, head[:8]); err != nil {
		return err
	}
	first := int64(binary.BigEndian.Uint64(head[:8]))
	switch {
	case first >= 0:
		m.ServerID = first
		return nil
	case first != InitialAddress && first != InitialAddresses:
		return fmt.Errorf("protocol version %d is unknown", first)
	}
	m.Form = first
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return inside(err)
	}
	m.ServerID = int64(binary.BigEndian.Uint64(head[:8]))
	length := int32(binary.BigEndian.Uint32(head[8:]))
	if length <= 0 || length > MaxInitialAddress {
		return fmt.Errorf("an address of %d bytes, 1 to %d are allowed", length, MaxInitialAddress)
	}
	text, err := readBytes(r, int(length))
	if err != nil {
		return err
	}
	m.Addresses = []string{string(text)}
	if m.Form == InitialAddresses {
		m.Addresses = strings.Split(string(text), "|")
	}
	for _, a := range m.Addresses {
		if err := checkAddress(a); err != nil {
			return err
		}
	}
	return nil
}

func checkAddress(a string) error {
	_, port, err := net.SplitHostPort(a)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is no host:port", a)
	}
	return nil
}
