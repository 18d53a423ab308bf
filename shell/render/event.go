package render

import (
	"strconv"

	"zookit/protocol"
)

// AppendEvent appends the block of a watch or session event: a blank line,
// "WATCHER::", a blank line and the event. path is "" for a session event,
// which Java prints as null. With zxid the line ends as 3.9 added it
// (ZOOKEEPER-4655); −1 stands for none.
func AppendEvent(b []byte, state, kind, path string, zxid protocol.Zxid, withZxid bool) []byte {
	b = append(b, "\nWATCHER::\n\nWatchedEvent state:"...)
	b = append(b, state...)
	b = append(b, " type:"...)
	b = append(b, kind...)
	b = append(b, " path:"...)
	if path == "" {
		path = "null"
	}
	b = append(b, path...)
	if withZxid {
		b = strconv.AppendInt(append(b, " zxid: "...), int64(zxid), 10)
	}
	return append(b, '\n')
}
