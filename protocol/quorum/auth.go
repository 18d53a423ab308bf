package quorum

import (
	"encoding/binary"
	"fmt"
	"io"

	"zookit/protocol/jute"
)

// AuthMagic begins every AuthPacket: minus 0xa0dbcafecafe1234 of QuorumAuth.java.
// No packet, initial message or notification begins so.
const AuthMagic int64 = 0x5f2435013501edcc

// An AuthStatus is where a login between servers stands.
type AuthStatus int32

const (
	AuthInProgress AuthStatus = 0
	AuthSuccess    AuthStatus = 1
	AuthError      AuthStatus = -1
)

// MaxAuthToken bounds the token of an AuthPacket, in bytes.
const MaxAuthToken = 4096

// An AuthPacket carries one token of a SASL login between servers, in either
// direction (QuorumAuthPacket of zookeeper.jute). No length stands before it.
//
//	off  type    field
//	0    long    AuthMagic
//	8    int     status
//	12   buffer  token: int length, bytes
type AuthPacket struct {
	Status AuthStatus
	Token  []byte // nil in Apache's first packet of a login without an initial response
}

// AppendTo appends the encoded packet.
func (p *AuthPacket) AppendTo(b []byte) []byte {
	b = jute.AppendLong(b, AuthMagic)
	b = jute.AppendInt(b, int32(p.Status))
	return jute.AppendBuffer(b, p.Token)
}

// Read reads the packet off a stream, not one byte further.
func (p *AuthPacket) Read(r io.Reader) error {
	if err := p.read(r); err != nil {
		return fmt.Errorf("auth packet: %w", err)
	}
	return nil
}

func (p *AuthPacket) read(r io.Reader) error {
	*p = AuthPacket{}
	var head [16]byte
	if _, err := io.ReadFull(r, head[:8]); err != nil {
		return err
	}
	if magic := int64(binary.BigEndian.Uint64(head[:8])); magic != AuthMagic {
		return fmt.Errorf("it begins with %#x", uint64(magic))
	}
	if _, err := io.ReadFull(r, head[8:]); err != nil {
		return inside(err)
	}
	p.Status = AuthStatus(binary.BigEndian.Uint32(head[8:]))
	length := int32(binary.BigEndian.Uint32(head[12:]))
	if length == -1 {
		return nil
	}
	if length < 0 || length > MaxAuthToken {
		return fmt.Errorf("a token of %d bytes, up to %d are allowed", length, MaxAuthToken)
	}
	var err error
	p.Token, err = readBytes(r, int(length))
	return err
}
