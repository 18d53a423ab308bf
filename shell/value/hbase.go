package value

import (
	"bytes"
	"encoding/binary"
	"strings"
	"time"
)

// hbase knows the znodes of Apache HBase: a header of RecoverableZooKeeper,
// the mark "PBUF", a protobuf message (ZooKeeper.proto, ClusterStatus.proto).
func hbase(z *znode) string {
	body, ok := hbaseMessage(z.value.Data)
	if !ok {
		return ""
	}
	m, ok := parseMessage(body)
	if !ok {
		return ""
	}
	name := z.at(0)
	switch {
	case strings.HasPrefix(name, "meta-region-server"):
		return hbaseMeta(z, m)
	case name == "master" || z.at(1) == "backup-masters":
		return hbaseMaster(z, m)
	case z.at(1) == "rs":
		z.record(Field{"info_port", m.number(1)})
		host, _, _ := strings.Cut(name, ",")
		return sentence("HBase region server "+strings.Replace(name, ",", ":", 1), with("its status page is at "+host+":", m.number(1)))
	case name == "hbaseid" && m.text(1) != "":
		z.record(Field{"cluster_id", m.text(1)})
		return "the HBase cluster's id is " + m.text(1)
	case name == "running" && m.text(1) != "":
		z.record(Field{"start_date", m.text(1)})
		return "the HBase cluster is up, started " + m.text(1)
	case z.at(1) == "table" || z.at(1) == "table-lock":
		state := enum(m[1].number, "ENABLED", "DISABLED", "DISABLING", "ENABLING")
		z.record(Field{"state", state})
		return "HBase table " + name + " is " + state
	case name == "balancer" || name == "normalizer" || z.at(1) == "switch":
		state := "off"
		if m[1].number != 0 {
			state = "on"
		}
		z.record(Field{"enabled", state})
		return "HBase's " + name + " is " + state
	case z.at(1) == "splitWAL":
		state := enum(m[1].number, "UNASSIGNED", "OWNED", "RESIGNED", "DONE", "ERR")
		server := serverName(m.sub(2))
		z.record(Field{"state", state}, Field{"server_name", server})
		return "HBase splits a write-ahead log: " + state + ", by " + server
	}
	return ""
}

func hbaseMeta(z *znode, m message) string {
	server := serverName(m.sub(1))
	if server == "" {
		return ""
	}
	state := "OPEN"
	if m.has(3) {
		state = enum(m[3].number, "OFFLINE", "PENDING_OPEN", "OPENING", "OPEN", "PENDING_CLOSE", "CLOSING", "CLOSED",
			"SPLITTING", "SPLIT", "FAILED_OPEN", "FAILED_CLOSE", "MERGING", "MERGED")
	}
	z.record(append(serverFields(m.sub(1)), Field{"rpc_version", m.number(2)}, Field{"state", state})...)
	return sentence("HBase's meta region is on region server "+server, "state "+state)
}

func hbaseMaster(z *znode, m message) string {
	server := serverName(m.sub(1))
	if server == "" {
		return ""
	}
	z.record(append(serverFields(m.sub(1)), Field{"rpc_version", m.number(2)}, Field{"info_port", m.number(3)})...)
	role := "HBase's master is "
	if z.at(0) != "master" {
		role = "an HBase backup master is "
	}
	return sentence(role+server, with("up since ", since(m.sub(1).number(3))), "its status page is on port "+m.number(3))
}

// hbaseMessage takes off what stands before the message. RecoverableZooKeeper
// puts a byte 0xff, a length of four bytes, big-endian, and as many bytes that
// name the writer; ProtobufMagic puts "PBUF".
func hbaseMessage(data []byte) ([]byte, bool) {
	if len(data) > 5 && data[0] == 0xff {
		n := binary.BigEndian.Uint32(data[1:])
		if uint64(n) > uint64(len(data)-5) {
			return nil, false
		}
		data = data[5+n:]
	}
	return bytes.CutPrefix(data, []byte("PBUF"))
}

// serverName is host:port of HBase.proto's ServerName.
func serverName(m message) string {
	if m.text(1) == "" {
		return ""
	}
	return m.text(1) + ":" + m.number(2)
}

func serverFields(m message) []Field {
	fields := []Field{{"host_name", m.text(1)}, {"port", m.number(2)}}
	if m.has(3) {
		at := time.UnixMilli(int64(m[3].number)).UTC().Format(time.RFC3339)
		fields = append(fields, Field{"start_code", m.number(3) + " (" + at + ")"})
	}
	return fields
}

func enum(n uint64, names ...string) string {
	if n < uint64(len(names)) {
		return names[n]
	}
	return "unknown (" + itoa(int64(n)) + ")"
}
