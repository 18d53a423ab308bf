package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
)

// Status is how a server stands (srvr, mntr or the AdminServer's server_stats).
type Status struct {
	Server      string
	Via         Via
	Version     string // without what follows the release: "3.8.0"
	Mode        string // leader, follower, observer, standalone, read-only
	Zxid        protocol.Zxid
	LatencyMin  float64 // ms, from a request's arrival to its reply, since the start or srst
	LatencyAvg  float64
	LatencyMax  float64
	Received    int64 // packets, as Sent
	Sent        int64
	Connections int64
	Outstanding int64 // requests not answered yet
	Nodes       int64
	Uptime      time.Duration     // −1 when it is not known: srvr does not tell
	Metrics     map[string]string // of mntr, without zk_; nil when it is not answered
}

// Status asks how a server stands.
func (p *Prober) Status(ctx context.Context, server string) (*Status, error) {
	s := &Status{Server: server, Uptime: -1}
	via, err := p.ask(ctx, server, "srvr", "server_stats",
		func(text string) error { return s.readSrvr(text) }, s.readServerStats)
	if err != nil {
		return nil, err
	}
	s.Via = via
	if text, err := p.Word(ctx, server, "mntr"); err == nil {
		s.readMntr(text)
	}
	return s, nil
}

// readSrvr reads the lines "Key: value" of srvr.
func (s *Status) readSrvr(text string) error {
	facts := map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if key, value, ok := strings.Cut(line, ": "); ok {
			facts[key] = strings.TrimSpace(value)
		}
	}
	version, ok := facts["Zookeeper version"]
	if !ok {
		return errors.New("its answer to srvr cannot be read")
	}
	s.Version, s.Mode = release(version), facts["Mode"]
	num := func(key string) int64 {
		n, _ := strconv.ParseInt(facts[key], 10, 64)
		return n
	}
	zxid, err := strconv.ParseUint(strings.TrimPrefix(facts["Zxid"], "0x"), 16, 64)
	if err != nil {
		return fmt.Errorf("its answer to srvr has no zxid: %q", facts["Zxid"])
	}
	s.Zxid = protocol.Zxid(zxid)
	latencies := strings.Split(facts["Latency min/avg/max"], "/")
	for i, to := range []*float64{&s.LatencyMin, &s.LatencyAvg, &s.LatencyMax} {
		if i < len(latencies) {
			*to, _ = strconv.ParseFloat(latencies[i], 64)
		}
	}
	s.Received, s.Sent, s.Connections = num("Received"), num("Sent"), num("Connections")
	s.Outstanding, s.Nodes = num("Outstanding"), num("Node count")
	return nil
}

// release is the first word of a version, without the commit: "3.8.0" of
// "3.8.0-${mvngit.commit.id}, built on …".
func release(version string) string {
	version, _, _ = strings.Cut(version, ",")
	version = strings.TrimSpace(version)
	if number, rest, ok := strings.Cut(version, "-"); ok && (len(rest) >= 40 || strings.HasPrefix(rest, "$")) {
		return number
	}
	return version
}

func (s *Status) readServerStats(body []byte) error {
	var a struct {
		Version string
		Nodes   int64 `json:"node_count"`
		Stats   struct {
			Sent        int64         `json:"packets_sent"`
			Received    int64         `json:"packets_received"`
			Mode        string        `json:"server_state"`
			Zxid        protocol.Zxid `json:"last_processed_zxid"`
			Outstanding int64         `json:"outstanding_requests"`
			Avg         float64       `json:"avg_latency"`
			Max         float64       `json:"max_latency"`
			Min         float64       `json:"min_latency"`
			Connections int64         `json:"num_alive_client_connections"`
			Uptime      *int64        `json:"uptime"`
		} `json:"server_stats"`
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	t := a.Stats
	s.Version, s.Mode, s.Zxid, s.Nodes = release(a.Version), t.Mode, t.Zxid, a.Nodes
	s.LatencyMin, s.LatencyAvg, s.LatencyMax = t.Min, t.Avg, t.Max
	s.Received, s.Sent, s.Connections, s.Outstanding = t.Received, t.Sent, t.Connections, t.Outstanding
	if t.Uptime != nil {
		s.Uptime = time.Duration(*t.Uptime) * time.Millisecond
	}
	return nil
}

// readMntr reads lines "zk_key\tvalue".
func (s *Status) readMntr(text string) {
	s.Metrics = map[string]string{}
	for _, line := range strings.Split(text, "\n") {
		if key, value, ok := strings.Cut(line, "\t"); ok {
			s.Metrics[strings.TrimPrefix(key, "zk_")] = value
		}
	}
	if ms, ok := s.Metric("uptime"); ok {
		s.Uptime = time.Duration(ms) * time.Millisecond
	}
}

// Metric is a number of mntr.
func (s *Status) Metric(key string) (int64, bool) {
	n, err := strconv.ParseInt(s.Metrics[key], 10, 64)
	return n, err == nil
}
