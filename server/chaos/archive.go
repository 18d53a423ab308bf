package chaos

import (
	"context"
	"time"
)

// archiveEvery is how often the logs are read.
const archiveEvery = 500 * time.Millisecond

// archive keeps what the logs of the servers held before a leader's snapshot took
// their place, or a purge their beginning: where an epoch ends only a log that
// crosses it tells what comes behind what, and in a round all servers may have
// been given snapshots since.
func (e *ensemble) archive(ctx context.Context) {
	seen := make([]Log, len(e.nodes))
	for ; ctx.Err() == nil; rest(ctx, archiveEvery) {
		for i, n := range e.nodes {
			now, err := n.log()
			if err != nil {
				continue // a file went while it was read
			}
			if was := seen[i]; was.beginsBefore(now) {
				e.mu.Lock()
				e.saved = append(e.saved, was)
				e.mu.Unlock()
			}
			seen[i] = now
		}
	}
}

// beginsBefore tells that a log has records before the first of another.
func (l *Log) beginsBefore(o Log) bool {
	return len(l.Records) > 0 && (len(o.Records) == 0 || l.Records[0].Zxid < o.Records[0].Zxid)
}
