package command

import (
	"context"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"zookit/protocol/quorum"
)

// servers judges who serves, who leads and who is behind.
func (x *examination) servers(records []*StatusRecord) {
	for _, r := range records {
		if !r.serves() {
			x.find(problem, "a server is "+r.Mode+": "+r.Error, r.Server, x.whatIsLeft(records),
				"start it, or look into its log; \"status\" shows the others")
		}
		switch {
		case r.Lag < 0:
			x.find(problem, fmt.Sprintf("a server is in epoch %d while others are in another", r.Zxid.Epoch()), r.Server,
				"it follows another leader, or has not heard of an election: what it answers is old", "look at \"status\" again; if it stays, restart that server")
		case r.Lag > lagging:
			x.find(problem, fmt.Sprintf("a server is %d txns behind", r.Lag), r.Server,
				"clients connected there read what was true a while ago", "look at its disk and network: mntr's fsync times, and pending_syncs of the leader")
		}
	}
	x.leaders(records)
	for _, text := range divergence(records) {
		x.find(problem, "the servers' trees differ", text, "the answer to a read depends on the server", "compare them (diff), then let the wrong one begin again with an empty data directory")
	}
	versions := map[string][]string{}
	for _, r := range records {
		if r.serves() {
			versions[r.Version] = append(versions[r.Version], r.Server)
		}
	}
	if len(versions) > 1 {
		x.find(hint, "the servers run different versions", eachOf(versions, func(v string) string { return v }),
			"fine during an upgrade, but not for long: what only the newer know must not be used", "bring all to one version")
	}
	if c := x.e.Config; c != nil {
		if n := len(voters(c)); n%2 == 0 && n > 0 && len(c.Groups) == 0 {
			x.find(hint, fmt.Sprintf("an even number of voters: %d", n), "/zookeeper/config",
				fmt.Sprintf("%d voters survive the loss of %d, as %d do, and one more must agree to each write", n, (n-1)/2, n-1), "make one an observer, or add a voter")
		}
	}
}

func voters(c *quorum.Config) []int64 {
	var ids []int64
	for _, m := range c.Members {
		if !m.Observer {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// whatIsLeft says how many voters may still be lost.
func (x *examination) whatIsLeft(records []*StatusRecord) string {
	if x.e.Config == nil {
		return "it answers no client"
	}
	v, err := quorum.NewVerifier(x.e.Config)
	if err != nil {
		return "it answers no client"
	}
	serving := map[int64]bool{}
	for _, r := range records {
		if r.ID != nil && r.serves() && v.Voting(*r.ID) {
			serving[*r.ID] = true
		}
	}
	text := fmt.Sprintf("%d of %d voters serve", len(serving), len(v.Voters()))
	if !v.ContainsQuorum(func(sid int64) bool { return serving[sid] }) {
		return text + ": that is no quorum, so nothing can be written"
	}
	for _, sid := range slices.Sorted(maps.Keys(serving)) {
		if !v.ContainsQuorum(func(id int64) bool { return serving[id] && id != sid }) {
			return text + ": the loss of one more ends the service"
		}
	}
	return text + "; the service stands"
}

func (x *examination) leaders(records []*StatusRecord) {
	var leaders, alone []string
	serving := 0
	for _, r := range records {
		if r.serves() {
			serving++
		}
		switch r.Mode {
		case "leader":
			leaders = append(leaders, r.Server)
		case "standalone":
			alone = append(alone, r.Server)
		case "read-only":
			x.find(problem, "a server is read-only", r.Server, "it is cut off from the quorum", "look at its network to the other servers' quorum and election ports")
		}
	}
	switch {
	case len(leaders) > 1:
		x.find(problem, fmt.Sprintf("%d servers say they lead", len(leaders)), strings.Join(leaders, ", "),
			"they belong to different ensembles, or one has just lost its quorum", "look again; if it stays, compare the server lines of their zoo.cfg")
	case len(leaders) == 0 && len(alone) == 0 && (len(records) > 1 || serving == 0):
		x.find(problem, "no server leads", "the ensemble", "without a leader nothing can be written", "start enough voters for a quorum; their logs tell whom they hear in the election")
	}
	if len(alone) > 0 && (x.e.Config != nil || len(records) > 1) {
		x.find(problem, "a server stands alone", strings.Join(alone, ", "), "what is written there is not in the ensemble", "put the server lines of the others into its zoo.cfg")
	}
}

// metrics judges what mntr tells.
func (x *examination) metrics(records []*StatusRecord) {
	var silent []string
	for _, r := range records {
		switch {
		case !r.serves():
			continue
		case r.metrics == nil:
			silent = append(silent, r.Server)
			continue
		}
		get := func(key string) int64 { n, _ := strconv.ParseInt(r.metrics[key], 10, 64); return n }
		if open, most := get("open_file_descriptor_count"), get("max_file_descriptor_count"); most > 0 && open*100 > most*80 {
			x.find(problem, fmt.Sprintf("%d of %d file descriptors are open", open, most), r.Server, "when they run out no client can connect and no log be begun",
				"raise the limit (LimitNOFILE, ulimit -n), or find out who opens so many connections: \"sessions\"")
		}
		if n := get("digest_mismatches_count"); n > 0 {
			x.find(problem, counted(n, "txn")+" whose digest is not that of the tree", r.Server, "this server's tree differs from the leader's",
				"let it begin again with an empty data directory, so that it takes a snapshot from the leader")
		}
		if n := get("fsync_threshold_exceed_count"); n > 0 {
			x.find(hint, counted(n, "sync")+" of the log took longer than a second since the start", r.Server, "each write waits for the disks of a quorum",
				"give the log a disk of its own (dataLogDir)")
		}
		if n := r.Outstanding; n > 1000 {
			x.find(hint, fmt.Sprintf("%d requests wait for their answer", n), r.Server, "the server cannot keep up", "look at \"top\" for who sends them, and at mntr's fsync times")
		}
	}
	if len(silent) > 0 {
		x.skip("descriptors, digests and sync times of %s: mntr is not in the 4lw.commands.whitelist", strings.Join(silent, ", "))
	}
}

// lookupTimeout bounds one question to the name service.
const lookupTimeout = 2 * time.Second

// names looks for hosts in the configuration that are this machine for each who
// reads them.
func (x *examination) names() {
	if x.e.Config == nil || len(x.e.Config.Members) < 2 {
		return
	}
	type host struct {
		name string
		ids  []int64
	}
	var hosts []*host
	for _, m := range x.e.Config.Members {
		for _, a := range m.Addresses {
			i := slices.IndexFunc(hosts, func(h *host) bool { return h.name == a.Host })
			if i < 0 {
				hosts = append(hosts, &host{name: a.Host})
				i = len(hosts) - 1
			}
			hosts[i].ids = append(hosts[i].ids, m.ID)
		}
	}
	inward := 0
	for _, h := range hosts {
		loops, text := x.loops(h.name)
		if !loops {
			if text != "" {
				x.find(hint, "a name that cannot be resolved from here", h.name, text, "give it an address in DNS, or in /etc/hosts of all machines")
			}
			continue
		}
		inward++
		if len(hosts) > 1 {
			x.find(problem, "a name that means the machine itself: "+text, fmt.Sprintf("server.%d=%s", h.ids[0], h.name),
				"on another machine it leads to that one, so the servers cannot find each other", "write an address that all machines reach; on Debian, take the name out of the 127.0.1.1 line of /etc/hosts")
		}
	}
	if len(hosts) == 1 {
		where := hosts[0].name
		if inward == 1 {
			where += " (loopback)"
		}
		x.find(hint, "all servers are on one machine", where, "its failure ends the whole service", "spread them, unless this is for tests")
	}
}

// loops tells whether a host is a loopback address, and how it is known; text
// is why it is not known otherwise.
func (x *examination) loops(host string) (loops bool, text string) {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback(), host
	}
	ctx, cancel := context.WithTimeout(x.c, lookupTimeout)
	defer cancel()
	addrs, err := x.lookup(ctx, host)
	if err != nil {
		return false, err.Error()
	}
	for _, a := range addrs {
		if ip := net.ParseIP(a); ip != nil && ip.IsLoopback() {
			return true, host + " is " + a
		}
	}
	return false, ""
}

// When a certificate's end is worth a word, and when it is a problem.
const (
	soonExpires     = 30 * 24 * time.Hour
	verySoonExpires = 14 * 24 * time.Hour
)

// certificates reads those of the TLS ports that are known of: secureClientPort
// in conf, and client ports that answer no word.
func (x *examination) certificates() {
	ports := askAll(x.c, x.e.Servers, func(ctx context.Context, server string) (string, error) {
		host, port, _ := net.SplitHostPort(server)
		text, err := x.e.Word(ctx, server, "conf")
		if err != nil {
			return net.JoinHostPort(host, port), err
		}
		for _, l := range strings.Split(text, "\n") {
			if p, ok := strings.CutPrefix(l, "secureClientPort="); ok && p != "-1" && p != "0" {
				return net.JoinHostPort(host, p), nil
			}
		}
		return "", nil
	})
	for _, a := range ports {
		if a.value == "" {
			continue
		}
		shown, err := x.e.Certificates(x.c, a.value)
		if err != nil {
			continue // it is no TLS port
		}
		x.expiry(a.value, shown)
	}
}

// expiry judges how long the certificates of a port are good.
func (x *examination) expiry(addr string, shown []*x509.Certificate) {
	const mend = "renew it; servers take a new key store without a restart when client.certReload and sslQuorumReloadCertFiles are set"
	for _, cert := range shown {
		name, day := cert.Subject.String(), cert.NotAfter.UTC().Format(time.DateOnly)
		switch left := time.Until(cert.NotAfter); {
		case left <= 0:
			x.find(problem, "a certificate has expired: "+name, addr, "clients that check it cannot connect since "+day, mend)
		case left <= verySoonExpires:
			x.find(problem, "a certificate is about to expire: "+name, addr, "clients cannot connect after "+day, mend)
		case left <= soonExpires:
			x.find(hint, "a certificate expires soon: "+name, addr, "clients cannot connect after "+day, mend)
		}
	}
}
