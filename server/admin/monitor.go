package admin

import (
	"fmt"
	"strings"
	"time"
)

// monitor prints mntr: the keys that Apache prints first, in its order, and some
// of its metrics, each with a value that was measured here. Three keys speak of
// TLS, which this server does not have; Apache's default server prints the same
// zeros.
func monitor(b *strings.Builder, st Status) {
	put := func(key string, value any) { fmt.Fprintf(b, "zk_%s\t%v\n", key, value) }
	put("version", built(st))
	put("server_state", st.Mode)
	if st.Ensemble != nil && !st.ReadOnly { // its figures are a plain server's (ReadOnlyZooKeeperServer)
		monitorPeer(put, st)
	}
	put("ephemerals_count", st.Ephemerals)
	put("num_alive_connections", st.Connections)
	put("avg_latency", decimal(st.LatencyAvg))
	put("outstanding_requests", st.Outstanding)
	put("znode_count", st.Nodes)
	put("global_sessions", st.Sessions)
	put("non_mtls_remote_conn_count", 0)
	put("last_client_response_size", st.ResponseLast)
	put("packets_sent", st.Sent)
	put("packets_received", st.Received)
	put("max_client_response_size", st.ResponseMax)
	put("connection_drop_probability", decimal(st.DropChance))
	put("watch_count", st.Watches)
	put("auth_failed_count", st.AuthFailed)
	put("min_latency", st.LatencyMin)
	if st.MaxFiles >= 0 {
		put("max_file_descriptor_count", st.MaxFiles)
	}
	put("approximate_data_size", st.DataBytes)
	if st.OpenFiles >= 0 {
		put("open_file_descriptor_count", st.OpenFiles)
	}
	put("local_sessions", st.LocalSessions)
	put("uptime", time.Since(st.Started).Milliseconds())
	put("max_latency", st.LatencyMax)
	put("outstanding_tls_handshake", 0)
	put("min_client_response_size", st.ResponseMin)
	put("non_mtls_local_conn_count", 0)
	put("throttled_ops", st.ThrottledOps)
	put("stale_requests_dropped", st.StaleDropped)
	put("large_requests_rejected", st.LargeRejected)
	put("connection_rejected", st.Rejected)
	put("snap_count", st.Snapshots)
	put("fsync_threshold_exceed_count", st.Syncs.Slow)
	s, mean := st.Syncs, 0.0
	if s.Count > 0 {
		mean = float64(s.SumMs) / float64(s.Count)
	}
	put("avg_fsynctime", decimal(mean))
	put("min_fsynctime", s.MinMs)
	put("max_fsynctime", s.MaxMs)
	put("cnt_fsynctime", s.Count)
	put("sum_fsynctime", s.SumMs)
	if st.Ensemble != nil && !st.ReadOnly {
		monitorEnsemble(put, st)
	}
}
