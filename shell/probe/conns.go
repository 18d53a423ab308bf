package probe

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
)

// Conn is a client's connection, as the server that has it tells (cons).
type Conn struct {
	Server      string             `json:"server"`           // host:port of the server
	Client      string             `json:"client"`           // host:port of the client
	Session     protocol.SessionID `json:"session"`          // never 0
	TimeoutMs   int64              `json:"timeoutMs"`        // of the session, as granted
	Established time.Time          `json:"established"`      // of the connection; the session may be older
	LastOp      string             `json:"lastOp"`           // Apache's four letters: PING, GETD, CREA …
	Queued      int64              `json:"queued"`           // requests not answered yet
	Received    int64              `json:"received"`         // packets
	Sent        int64              `json:"sent"`             // packets
	LastZxid    protocol.Zxid      `json:"-"`                // of the last reply; −1 none
	AvgMs       int64              `json:"avgLatencyMs"`     // of its requests
	MaxMs       int64              `json:"maxLatencyMs"`     // of its requests
	Secure      bool               `json:"secure,omitempty"` // over the TLS port; told by the AdminServer alone
}

// Conns lists the connections of a server that carry a session.
func (p *Prober) Conns(ctx context.Context, server string) ([]Conn, Via, error) {
	var list []Conn
	via, err := p.ask(ctx, server, "cons", "connections",
		func(text string) error { list = ParseCons(server, text); return nil },
		func(body []byte) (err error) { list, err = parseConnections(server, body); return err })
	return list, via, err
}

// ParseCons reads lines of the form
//
//	/127.0.0.1:44182[1](queued=0,recved=6,sent=6,sid=0x1,lop=PING,est=ms,to=ms,…)
//
// A line without sid is a connection without a session, such as the one that
// asked.
func ParseCons(server, text string) []Conn {
	var list []Conn
	for _, line := range strings.Split(text, "\n") {
		head, rest, ok := strings.Cut(strings.TrimSpace(line), "(")
		if !ok {
			continue
		}
		facts := map[string]string{}
		for _, pair := range strings.Split(strings.TrimSuffix(rest, ")"), ",") {
			key, value, _ := strings.Cut(pair, "=")
			facts[key] = value
		}
		id, err := ParseSession(facts["sid"])
		if err != nil || id == 0 {
			continue
		}
		num := func(key string) int64 {
			n, _ := strconv.ParseInt(facts[key], 10, 64)
			return n
		}
		if i := strings.LastIndexByte(head, '['); i > strings.LastIndexByte(head, ':') { // the ready operations
			head = head[:i]
		}
		zxid, err := strconv.ParseUint(strings.TrimPrefix(facts["lzxid"], "0x"), 16, 64)
		if err != nil {
			zxid = ^uint64(0)
		}
		list = append(list, Conn{Server: server, Client: remote(head), Session: id, TimeoutMs: num("to"), Established: time.UnixMilli(num("est")),
			LastOp: facts["lop"], Queued: num("queued"), Received: num("recved"), Sent: num("sent"),
			LastZxid: protocol.Zxid(zxid), AvgMs: num("avglat"), MaxMs: num("maxlat")})
	}
	return list
}

// remote is a client's address as Java prints it, "/0:0:0:0:0:0:0:1:5000" or
// "/[::1]:5000" included, in the usual form.
func remote(text string) string {
	text = text[strings.LastIndexByte(text, '/')+1:]
	at := strings.LastIndexByte(text, ':')
	if at < 0 {
		return text
	}
	host := strings.Trim(text[:at], "[]")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return net.JoinHostPort(host, text[at+1:])
}

func parseConnections(server string, body []byte) ([]Conn, error) {
	type connection struct {
		Remote      string             `json:"remote_socket_address"`
		Queued      int64              `json:"outstanding_requests"`
		Received    int64              `json:"packets_received"`
		Sent        int64              `json:"packets_sent"`
		Session     protocol.SessionID `json:"session_id"`
		LastOp      string             `json:"last_operation"`
		Established int64              `json:"established"`
		TimeoutMs   int64              `json:"session_timeout"`
		LastZxid    protocol.Zxid      `json:"last_zxid"`
		AvgMs       int64              `json:"avg_latency"`
		MaxMs       int64              `json:"max_latency"`
	}
	var answer struct {
		Plain  []connection `json:"connections"`
		Secure []connection `json:"secure_connections"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	var list []Conn
	for i, c := range append(answer.Plain, answer.Secure...) {
		if c.Session == 0 {
			continue
		}
		list = append(list, Conn{Server: server, Client: remote(c.Remote), Session: c.Session, TimeoutMs: c.TimeoutMs,
			Established: time.UnixMilli(c.Established), LastOp: c.LastOp, Queued: c.Queued, Received: c.Received, Sent: c.Sent,
			LastZxid: c.LastZxid, AvgMs: c.AvgMs, MaxMs: c.MaxMs, Secure: i >= len(answer.Plain)})
	}
	return list, nil
}
