package probe

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
)

// ParseSession reads a session id as people and servers write it: 0x… or
// decimal.
func ParseSession(text string) (protocol.SessionID, error) {
	if digits, ok := strings.CutPrefix(text, "0x"); ok {
		n, err := strconv.ParseUint(digits, 16, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is not a session id; write 0x and hexadecimal digits", text)
		}
		return protocol.SessionID(n), nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a session id; write 0x and hexadecimal digits", text)
	}
	return protocol.SessionID(n), nil
}

// IDFacts is what the number of a session tells by itself. A server makes ids
// from its own in the top byte, a clock in ms at the server's start in the 40
// bits below, and counts up from there, one a session
// (SessionTrackerImpl.initializeNextSessionId in Apache 3.9):
//
//	63      56 55                              16 15            0
//	| server  | clock at the server's start (ms)  | sessions … →
//
// The clock is the time since 1970 up to 3.4 and on zkserver, and one that
// begins with the machine's start (System.nanoTime) on 3.5 and later.
type IDFacts struct {
	Server  int64     // the id of the server that made the session; the client may have moved to another since
	Started time.Time // when that server started, not after the session; zero when its clock is the machine's own
	Nth     int64     // how many sessions that server had made before, while they are fewer than 65,536
}

const (
	clockBits = 40
	clockMask = 1<<clockBits - 1

	// oldestWall separates the clocks: as ms since 1970 with 2^40 added once (as
	// all times from November 2004 to September 2039 have it) a smaller value is
	// before 2010, and as ms of uptime it is at most 5 years.
	oldestWall = 1_262_304_000_000 - 1<<clockBits
)

// FactsOf takes a session id apart.
func FactsOf(id protocol.SessionID) IDFacts {
	clock := int64(uint64(id) >> 16 & clockMask)
	f := IDFacts{Server: int64(uint64(id) >> 56), Nth: int64(uint64(id) & 0xffff)}
	if clock >= oldestWall {
		f.Started = time.UnixMilli(clock + 1<<clockBits)
	}
	return f
}
