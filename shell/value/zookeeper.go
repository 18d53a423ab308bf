package value

import "strings"

// zooKeeper knows ZooKeeper's own: quotas and what they count, and the
// configuration of the ensemble.
func zooKeeper(z *znode) string {
	text := string(z.value.Data)
	switch {
	case z.is("zookeeper_limits") && z.names[0] == "zookeeper" && len(z.names) > 2:
		return "the quota of " + quotaOf(z) + ": " + z.text()
	case z.is("zookeeper_stats") && z.names[0] == "zookeeper" && len(z.names) > 2:
		return "what " + quotaOf(z) + " holds against its quota: " + z.text()
	case z.is("zookeeper", "config") && strings.Contains(text, "version="):
		servers := 0
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "server.") {
				servers++
			}
		}
		return "the configuration of the ensemble: " + count(servers, "server", "servers")
	}
	return ""
}

// quotaOf is the path below /zookeeper/quota that a quota is for.
func quotaOf(z *znode) string { return "/" + strings.Join(z.names[2:len(z.names)-1], "/") }
