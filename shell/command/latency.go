package command

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zookit/shell/session"
)

var latency = &Command{
	Name:  "latency",
	In:    Own,
	Usage: Usage{R38: "[-n count] [-i ms] [-s] [-a] [host:port …]"},
	Flags: []Flag{
		{Name: "n", Arg: "count", Help: "round trips to each server (default 100)", In: Own},
		{Name: "i", Arg: "ms", Help: "pause between them in milliseconds (default 0)", In: Own},
		{Name: "s", Help: "measure sync, which goes through the leader, instead of a read", In: Own},
		allServersFlag,
	},
	Args:    []Arg{{Name: "server", Kind: ServerArg, Repeat: true}},
	Summary: "measure round trips and show their distribution",
	Help: "A round trip is a read of / (exists), one after the other, over the session of this shell, or over one of its own to each server\n" +
		"that is named or, with -a, of the ensemble. Ctrl-C ends it with what there is.",
	Example: []string{"latency", "latency -n 1000 -a", "latency -s -i 10"},
	Run:     runLatency,
}

// LatencyRecord is the distribution of round trips to one server, in
// microseconds.
type LatencyRecord struct {
	Server    string   `json:"server"`
	Op        string   `json:"op"` // exists or sync
	Count     int      `json:"count"`
	Min       int64    `json:"minUs"`
	P50       int64    `json:"p50Us"`
	P90       int64    `json:"p90Us"`
	P99       int64    `json:"p99Us"`
	Max       int64    `json:"maxUs"`
	Histogram []Bucket `json:"histogram"` // from the fastest to the slowest that has any
}

// Bucket counts round trips above the bound of the one before, up to its own.
type Bucket struct {
	UpTo  int64 `json:"upToUs"`
	Count int   `json:"count"`
}

const (
	defaultTrips = 100
	mostTrips    = 10_000_000
)

func runLatency(c *Context) error {
	count, err := c.number("n", defaultTrips, 1, mostTrips)
	if err != nil {
		return err
	}
	pause, err := c.number("i", 0, 0, 3_600_000)
	if err != nil {
		return err
	}
	measure := func(s Session) error {
		trips, err := c.roundTrips(s, count, time.Duration(pause)*time.Millisecond)
		if len(trips) > 0 {
			op := "exists"
			if c.Has("s") {
				op = "sync"
			}
			r := distribution(s.Server(), op, trips)
			if err := c.Emit(r, func() { c.Print(r.text(c.Shell.Out.OutTerminal)) }); err != nil {
				return err
			}
		}
		return err
	}
	if !c.Has("a") && len(c.Args) == 0 {
		if _, err := c.listedServers(c.Shell.here()); err != nil {
			return err
		}
		s, err := c.Session()
		if err != nil {
			return err
		}
		return measure(s)
	}
	servers, err := c.serversToAsk(c.Args)
	if err != nil {
		return err
	}
	var failed error
	for _, server := range servers {
		s, err := c.dialServer(server)
		if err == nil {
			err = measure(s)
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c), closeTimeout)
			_ = s.Close(ctx)
			cancel()
		}
		switch {
		case c.Err() != nil:
			return err
		case err != nil && len(servers) > 1:
			c.Warn("latency: " + server + ": " + err.Error())
			failed = &Failure{Exit: ExitNoConnection, Err: err}
		case err != nil:
			failed = err
		}
	}
	return failed
}

// dialServer opens a session with one server, in the manner of this
// connection, whose events nobody hears.
func (c *Context) dialServer(server string) (Session, error) {
	dial := c.Shell.Profile().Dial
	if dial == nil {
		dial = c.Shell.Dial
	}
	return dial(c, server, func(session.Event) {})
}

// number is the value of a flag that is a whole number within bounds.
func (c *Context) number(flag string, unset, least, most int) (int, error) {
	if !c.Has(flag) {
		return unset, nil
	}
	n, err := strconv.Atoi(c.FlagValue(flag))
	if err != nil || n < least || n > most {
		return 0, &Failure{Text: fmt.Sprintf("%s: -%s takes a number from %d to %d, not %q", c.Command.Name, flag, least, most, c.FlagValue(flag))}
	}
	return n, nil
}

// roundTrips measures one request after the other. What was measured before an
// error or the end of the context is returned with it.
func (c *Context) roundTrips(s Session, count int, pause time.Duration) ([]time.Duration, error) {
	one := func() error { _, err := s.Exists(c, "/", false); return err }
	if c.Has("s") {
		one = func() error { return s.Sync(c, "/") }
	}
	if err := one(); err != nil && !isCode(err) { // the first may wait for the connection
		return nil, err
	}
	trips := make([]time.Duration, 0, min(count, 1<<16))
	for i := range count {
		begin := time.Now()
		err := one()
		if err != nil && !isCode(err) { // an error of the server is a round trip, too
			return trips, err
		}
		trips = append(trips, time.Since(begin))
		if pause > 0 && i+1 < count {
			select {
			case <-c.Done():
				return trips, c.Err()
			case <-time.After(pause):
			}
		}
	}
	return trips, nil
}

// distribution sums round trips up. Percentiles are the smallest measured time
// that so many of them do not exceed.
func distribution(server, op string, trips []time.Duration) *LatencyRecord {
	sorted := slices.Clone(trips)
	slices.Sort(sorted)
	at := func(percent int) int64 {
		rank := (len(sorted)*percent + 99) / 100
		return sorted[max(rank, 1)-1].Microseconds()
	}
	r := &LatencyRecord{Server: server, Op: op, Count: len(sorted), Min: at(0), P50: at(50), P90: at(90), P99: at(99), Max: at(100)}
	for bound, i := int64(1), 0; len(sorted) > 0; bound, i = nextBound(bound, i), i+1 {
		n := 0
		for n < len(sorted) && sorted[n].Microseconds() <= bound {
			n++
		}
		sorted = sorted[n:]
		if n > 0 || len(r.Histogram) > 0 {
			r.Histogram = append(r.Histogram, Bucket{UpTo: bound, Count: n})
		}
	}
	return r
}

// nextBound counts 1, 2, 5, 10, 20, 50, …
func nextBound(bound int64, i int) int64 {
	if i%3 == 1 {
		return bound / 2 * 5
	}
	return bound * 2
}

// barWidth is the longest bar of a histogram, in columns.
const barWidth = 40

func (r *LatencyRecord) text(blocks bool) []byte {
	us := func(n int64) string { return (time.Duration(n) * time.Microsecond).String() }
	b := fmt.Appendf(nil, "%s: %d × %s: min %s, p50 %s, p90 %s, p99 %s, max %s\n", r.Server, r.Count, r.Op, us(r.Min), us(r.P50), us(r.P90), us(r.P99), us(r.Max))
	most := 0
	for _, k := range r.Histogram {
		most = max(most, k.Count)
	}
	mark := "#"
	if blocks {
		mark = "█"
	}
	for _, k := range r.Histogram {
		n := k.Count * barWidth / most
		if k.Count > 0 {
			n = max(n, 1)
		}
		b = fmt.Appendf(b, "%9s  %-*s %d\n", "≤ "+us(k.UpTo), barWidth, strings.Repeat(mark, n), k.Count)
	}
	return b
}
