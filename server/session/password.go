package session

import (
	"crypto/subtle"

	"zookit/protocol"
)

// superSecret is the constant that Apache mixes into the seed of a session's
// password (ZooKeeperServer.superSecret). Every server of an ensemble uses it,
// so that a session can move between them.
const superSecret = 0xB3415C00

// FirstID is the id of a server's first session: the server in the top byte,
// five bytes of time, two of counter (SessionTrackerImpl.initializeNextSessionId).
//
// Differs from Apache: the time is the wall clock, so that ids do not come
// again after a reboot; Apache's is the time since boot.
func FirstID(serverID, wallMs int64) protocol.SessionID {
	id := protocol.SessionID(uint64(wallMs)<<24>>8 | uint64(serverID)<<56)
	if id == protocol.ContainerOwner {
		id++
	}
	return id
}

// Password is the password of a session: 16 bytes of java.util.Random seeded
// with the id (ZooKeeperServer.generatePasswd).
func Password(id protocol.SessionID) [protocol.PasswordLen]byte {
	const (
		multiplier = 0x5DEECE66D
		increment  = 0xB
		mask       = 1<<48 - 1
	)
	state := (uint64(id) ^ superSecret ^ multiplier) & mask
	var p [protocol.PasswordLen]byte
	for i := 0; i < len(p); i += 4 {
		state = (state*multiplier + increment) & mask
		v := uint32(state >> 16)
		p[i], p[i+1], p[i+2], p[i+3] = byte(v), byte(v>>8), byte(v>>16), byte(v>>24)
	}
	return p
}

// CheckPassword tells whether password is the session's. The id 0 has none.
func CheckPassword(id protocol.SessionID, password []byte) bool {
	want := Password(id)
	return subtle.ConstantTimeCompare(want[:], password) == 1 && id != 0
}
