package protocol

import "fmt"

// The ephemeralOwner of a stored znode says more than a session
// (EphemeralType in Apache 3.9):
//
//	0                              persistent
//	0x8000000000000000             container
//	0xff00 << 48 | ttl (40 bits)   TTL in ms, when extended types are enabled
//	anything else                  the owning session
const (
	ContainerOwner SessionID = -0x8000000000000000

	ttlMask  uint64 = 0xff00000000000000
	ttlValue uint64 = 0x000000ffffffffff

	// MaxTTLMs is the longest time to live: 2^40 − 1 ms.
	MaxTTLMs int64 = int64(ttlValue)

	// MaxServerID is the largest server id when extended types are enabled:
	// 0xff in the top byte of an owner marks a TTL.
	MaxServerID = 254
)

// OwnerOfTTL is the stored owner of a TTL znode. ttlMs is in (0, MaxTTLMs].
func OwnerOfTTL(ttlMs int64) SessionID { return SessionID(ttlMask | uint64(ttlMs)&ttlValue) }

// TTLOf is the time to live in ms of a TTL znode, or 0 when the owner is not
// one. Without extended types (zookeeper.extendedTypesEnabled) nothing is.
func TTLOf(owner SessionID, extended bool) int64 {
	if extended && uint64(owner)&ttlMask == ttlMask {
		return int64(uint64(owner) & ttlValue)
	}
	return 0
}

// EphemeralSession is the session that owns an ephemeral znode, or 0 for every
// other kind.
func EphemeralSession(owner SessionID, extended bool) SessionID {
	if owner == 0 || owner == ContainerOwner || extended && uint64(owner)&ttlMask == ttlMask {
		return 0
	}
	return owner
}

// ValidateTTL is nil for a time to live that a TTL znode can have.
func ValidateTTL(ttlMs int64) error {
	if ttlMs <= 0 || ttlMs > MaxTTLMs {
		return fmt.Errorf("ttl must be positive and cannot be larger than: %d", MaxTTLMs)
	}
	return nil
}
