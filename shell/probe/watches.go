package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"zookit/protocol"
)

// Watches lists, by path, the sessions that watch it on a server (wchp). A
// server tells of watches for data, existence and of lasting ones; those that
// ls sets, for children, it keeps elsewhere and tells nobody.
func (p *Prober) Watches(ctx context.Context, server string) (map[string][]protocol.SessionID, Via, error) {
	var found map[string][]protocol.SessionID
	via, err := p.ask(ctx, server, "wchp", "watches_by_path",
		func(text string) error { found = parseWatches(text); return nil },
		func(body []byte) error {
			var answer struct {
				Paths map[string][]protocol.SessionID `json:"path_to_session_ids"`
			}
			err := json.Unmarshal(body, &answer)
			found = answer.Paths
			return err
		})
	return found, via, err
}

// parseWatches reads a path's line and the "\t0x…" lines below it.
func parseWatches(text string) map[string][]protocol.SessionID {
	found, path := map[string][]protocol.SessionID{}, ""
	for _, line := range strings.Split(text, "\n") {
		if id, ok := strings.CutPrefix(line, "\t"); ok {
			if s, err := ParseSession(id); err == nil && path != "" {
				found[path] = append(found[path], s)
			}
			continue
		}
		path = line
	}
	return found
}

// WatchCount is the sum of a server's watches (wchs).
type WatchCount struct {
	Connections int `json:"connections"` // that watch something
	Paths       int `json:"paths"`
	Watches     int `json:"watches"`
}

// CountWatches asks for the sum of a server's watches.
func (p *Prober) CountWatches(ctx context.Context, server string) (WatchCount, Via, error) {
	var n WatchCount
	via, err := p.ask(ctx, server, "wchs", "watch_summary",
		func(text string) error {
			_, err := fmt.Sscanf(text, "%d connections watching %d paths\nTotal watches:%d", &n.Connections, &n.Paths, &n.Watches)
			return err
		},
		func(body []byte) error {
			var answer struct {
				Connections int `json:"num_connections"`
				Paths       int `json:"num_paths"`
				Watches     int `json:"num_total_watches"`
			}
			err := json.Unmarshal(body, &answer)
			n = WatchCount(answer)
			return err
		})
	return n, via, err
}
