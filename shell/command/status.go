package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/shell/probe"
)

var status = &Command{
	Name:    "status",
	In:      Own,
	Usage:   Usage{R38: "[-admin port]"},
	Flags:   []Flag{adminFlag},
	Summary: "show how every server of the ensemble stands, and what disagrees between them",
	Help: "The servers are those of /zookeeper/config, or of the connect string; none of them needs to serve. lag counts the txns a server\n" +
		"is behind the one that is ahead. up is known where mntr is allowed or the AdminServer answers.",
	Example: []string{"status", "-o json status"},
	RawArgs: false,
	Run:     runStatus,
}

// StatusRecord is how one server stands.
type StatusRecord struct {
	Server      string        `json:"server"`             // client address, host:port
	ID          *int64        `json:"id,omitempty"`       // null when not known
	Mode        string        `json:"mode"`               // leader, follower, observer, standalone, read-only; silent, not serving
	Zxid        protocol.Zxid `json:"-"`                  // last applied
	ZxidText    string        `json:"zxid,omitempty"`     // the same, 0x…
	Lag         int64         `json:"lag"`                // txns behind the first; −1 for another epoch
	LatencyMin  float64       `json:"latencyMinMs"`       // since the start or srst
	LatencyAvg  float64       `json:"latencyAvgMs"`       //
	LatencyMax  float64       `json:"latencyMaxMs"`       //
	Received    int64         `json:"received"`           // packets
	Sent        int64         `json:"sent"`               // packets
	Connections int64         `json:"connections"`        //
	Outstanding int64         `json:"outstanding"`        // requests not answered yet
	Nodes       int64         `json:"znodes"`             //
	Version     string        `json:"version,omitempty"`  //
	UptimeMs    int64         `json:"uptimeMs,omitempty"` // 0 when not known
	Error       string        `json:"error,omitempty"`    // why it does not tell

	metrics map[string]string // of mntr
}

const (
	modeSilent     = "silent"
	modeNotServing = "not serving"
)

// standing asks every server how it stands.
func (e *ensemble) standing(ctx context.Context) []*StatusRecord {
	answers := askAll(ctx, e.Servers, func(ctx context.Context, server string) (*probe.Status, error) { return e.Status(ctx, server) })
	records := make([]*StatusRecord, len(answers))
	for i, a := range answers {
		r := &StatusRecord{Server: a.server}
		if id := e.Members[i].ID; id >= 0 {
			r.ID = &id
		}
		records[i] = r
		if a.err != nil {
			r.Mode, r.Error = modeSilent, a.err.Error()
			if u := (*probe.UnheardError)(nil); errors.As(a.err, &u) {
				r.Error = u.First.Error()
			}
			if errors.Is(a.err, probe.ErrNotServing) {
				r.Mode = modeNotServing
			}
			continue
		}
		st := a.value
		r.Mode, r.Zxid, r.ZxidText, r.Version, r.metrics = st.Mode, st.Zxid, st.Zxid.String(), st.Version, st.Metrics
		r.LatencyMin, r.LatencyAvg, r.LatencyMax = st.LatencyMin, st.LatencyAvg, st.LatencyMax
		r.Received, r.Sent, r.Connections, r.Outstanding, r.Nodes = st.Received, st.Sent, st.Connections, st.Outstanding, st.Nodes
		r.UptimeMs = max(st.Uptime.Milliseconds(), 0)
	}
	setLags(records)
	return records
}

func setLags(records []*StatusRecord) {
	ahead := foremost(records)
	for _, r := range records {
		switch {
		case !r.serves() || r.awaitsEpoch(ahead):
		case r.Zxid.Epoch() != ahead.Epoch():
			r.Lag = -1
		default:
			r.Lag = int64(ahead - r.Zxid)
		}
	}
}

// foremost is the highest zxid.
func foremost(records []*StatusRecord) (ahead protocol.Zxid) {
	for _, r := range records {
		ahead = max(ahead, r.Zxid)
	}
	return ahead
}

// awaitsEpoch tells of a learner beside a leader whose epoch has no txn yet: its
// zxid is of the new epoch from the first one on.
func (r *StatusRecord) awaitsEpoch(ahead protocol.Zxid) bool {
	return ahead.Counter() == 0 && (r.Mode == "follower" || r.Mode == "observer")
}

func (r *StatusRecord) serves() bool { return r.Mode != modeSilent && r.Mode != modeNotServing }

var statusHeader = []string{"server", "id", "mode", "zxid", "lag", "min/avg/max ms", "conns", "outst.", "znodes", "version", "up"}

// statusSpare may be missing on a narrow terminal. That versions differ is told
// below the table.
var statusSpare = []string{"version", "outst.", "id", "min/avg/max ms", "znodes"}

func (r *StatusRecord) row() []string {
	id := "-"
	if r.ID != nil {
		id = fmt.Sprint(*r.ID)
	}
	if !r.serves() {
		return []string{r.Server, id, r.Mode, "-", "-", "-", "-", "-", "-", "-", "-"}
	}
	lag, up := fmt.Sprint(r.Lag), "-"
	if r.Lag < 0 {
		lag = "other epoch"
	}
	if r.UptimeMs > 0 {
		up = short(time.Duration(r.UptimeMs) * time.Millisecond)
	}
	return []string{r.Server, id, dash(r.Mode), r.ZxidText, lag, fmt.Sprintf("%.4g/%.4g/%.4g", r.LatencyMin, r.LatencyAvg, r.LatencyMax),
		fmt.Sprint(r.Connections), fmt.Sprint(r.Outstanding), fmt.Sprint(r.Nodes), r.Version, up}
}

// lagging is how many txns a server may be behind without a word: it was asked
// at another moment than the others.
const lagging = 1000

// disagreements are what a person should know about a set of servers, most
// important first.
func disagreements(records []*StatusRecord, config *quorum.Config) []string {
	var list []string
	say := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	var leaders, alone []string
	ahead := foremost(records)
	versions, epochs := map[string][]string{}, map[int64][]string{}
	for _, r := range records {
		switch {
		case !r.serves():
			say("%s is %s: %s", r.Server, r.Mode, r.Error)
			continue
		case r.Mode == "leader":
			leaders = append(leaders, r.Server)
		case r.Mode == "standalone":
			alone = append(alone, r.Server)
		case r.Mode == "read-only":
			say("%s is read-only: it is cut off from the quorum", r.Server)
		}
		versions[r.Version] = append(versions[r.Version], r.Server)
		epoch := r.Zxid.Epoch()
		if r.awaitsEpoch(ahead) {
			epoch = ahead.Epoch()
		}
		epochs[epoch] = append(epochs[epoch], r.Server)
		if r.Lag > lagging {
			say("%s is %d txns behind", r.Server, r.Lag)
		}
	}
	switch {
	case len(leaders) > 1:
		say("%d servers say they lead: %s", len(leaders), strings.Join(leaders, ", "))
	case len(leaders) == 0 && len(alone) == 0 && len(records) > 1:
		say("no server leads: there is no quorum, so nothing can be written")
	}
	if len(alone) > 0 && (len(records) > 1 || config != nil) {
		for _, server := range alone {
			say("%s stands alone, outside the ensemble: what is written there stays there", server)
		}
	}
	if len(versions) > 1 {
		say("versions differ: %s", eachOf(versions, func(v string) string { return v }))
	}
	if len(epochs) > 1 {
		say("epochs differ: %s", eachOf(epochs, func(e int64) string { return fmt.Sprint(e) }))
	}
	return append(list, divergence(records)...)
}

// divergence tells when servers at the same zxid do not hold the same number of
// znodes: their trees differ.
func divergence(records []*StatusRecord) []string {
	counts := map[protocol.Zxid]map[int64][]string{}
	for _, r := range records {
		if r.serves() {
			if counts[r.Zxid] == nil {
				counts[r.Zxid] = map[int64][]string{}
			}
			counts[r.Zxid][r.Nodes] = append(counts[r.Zxid][r.Nodes], r.Server)
		}
	}
	var list []string
	for _, zxid := range slices.Sorted(maps.Keys(counts)) {
		if len(counts[zxid]) > 1 {
			list = append(list, fmt.Sprintf("at zxid %v the servers hold different numbers of znodes, so their trees differ: %s",
				zxid, eachOf(counts[zxid], func(n int64) string { return fmt.Sprint(n) })))
		}
	}
	return list
}

// memberships tells when servers take the ensemble to be different ones, where
// conf is allowed.
func (e *ensemble) memberships(ctx context.Context) string {
	answers := askAll(ctx, e.Servers, e.Membership)
	by := map[string][]string{}
	for _, a := range answers {
		if a.err == nil {
			text := strings.Join(a.value, "\n")
			by[text] = append(by[text], a.server)
		}
	}
	return differing(by)
}

// differing says in which lines memberships differ, "" when they do not.
func differing(by map[string][]string) string {
	if len(by) < 2 {
		return ""
	}
	lines := map[string][]string{}
	for text, servers := range by {
		for _, l := range strings.Split(text, "\n") {
			lines[l] = append(lines[l], servers...)
		}
	}
	all := 0
	for _, servers := range by {
		all += len(servers)
	}
	for l, servers := range lines {
		slices.Sort(servers)
		if len(servers) == all {
			delete(lines, l)
		}
	}
	return eachOf(lines, func(l string) string { return l })
}

func eachOf[K int64 | string](m map[K][]string, text func(K) string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, text(k)+" on "+strings.Join(m[k], ", "))
	}
	return strings.Join(parts, "; ")
}

// settleTime is the pause before servers that seem to diverge are asked again:
// a write between two questions looks the same.
const settleTime = 200 * time.Millisecond

// settledStanding is standing, asked again while the trees seem to differ.
func (e *ensemble) settledStanding(ctx context.Context) []*StatusRecord {
	records := e.standing(ctx)
	for range 3 {
		if len(divergence(records)) == 0 {
			break
		}
		select {
		case <-ctx.Done():
			return records
		case <-time.After(settleTime):
		}
		records = e.standing(ctx)
	}
	return records
}

func runStatus(c *Context) error {
	if len(c.Args) > 0 {
		return errUsage
	}
	e, err := c.ensemble()
	if err != nil {
		return err
	}
	records := e.settledStanding(c)
	if c.Err() != nil {
		return c.Err()
	}
	if err := Rows(c, statusHeader, records, (*StatusRecord).row, statusSpare...); err != nil {
		return err
	}
	oddities := disagreements(records, e.Config)
	if text := e.memberships(c); text != "" {
		oddities = append(oddities, "the servers take the ensemble to be different ones: "+text)
	}
	for _, text := range oddities {
		if c.Shell.Format == FormatJSON || c.Shell.Format == FormatJSONL {
			c.Shell.Out.Note(text)
		} else {
			c.Print([]byte(text + "\n"))
		}
	}
	if !slices.ContainsFunc(records, (*StatusRecord).serves) {
		return &Failure{Text: "status: no server serves", Exit: ExitNoConnection}
	}
	return nil
}
