package config

import "math"

// A Throttle is what Apache's RequestThrottler, BlueThrottle and its limit of large requests are told. Each is off as
// long as its first field is 0.
type Throttle struct {
	MaxRequests      int  // request_throttle_max_requests: writes under way at most
	StallMs          int  // request_throttle_stall_time: how often one that waits looks again
	DropStale        bool // request_throttle_drop_stale: close the connection of one that is stale instead
	StaleConnections bool // request_stale_connection_check: it is when its connection has ended
	StaleLatency     bool // request_stale_latency_check: it is when it is older than its session's timeout
	OpWaitMs         int  // throttled_op_wait_time: one that waited longer is answered ThrottledOp; 0: none is

	LargeThreshold int // largeRequestThreshold: longer requests are large, bytes
	LargeMaxBytes  int // largeRequestMaxBytes: of large requests under way; one above it costs the connection

	Tokens        int     // connection_throttle_tokens: connections at once
	FillMs        int     // connection_throttle_fill_time: so often
	FillCount     int     // connection_throttle_fill_count: come so many more
	FreezeMs      int     // connection_throttle_freeze_time: so often the chance to be dropped changes; -1: never
	DropIncrease  float64 // connection_throttle_drop_increase: by this, while no token is left
	DropDecrease  float64 // connection_throttle_drop_decrease: or by this down
	DecreaseRatio float64 // connection_throttle_decrease_ratio: while no more than this share is taken
	Weighted      bool    // connection_throttle_weight_enabled: sessions cost as many tokens as follow
	GlobalWeight  int     // connection_throttle_global_session_weight
	LocalWeight   int     // connection_throttle_local_session_weight
	RenewWeight   int     // connection_throttle_renew_session_weight
}

// defaultThrottle is Apache 3.9.5's.
func defaultThrottle() Throttle {
	return Throttle{
		StallMs: 100, DropStale: true, StaleConnections: true, LargeMaxBytes: 100 << 20,
		FillMs: 1, FillCount: 1, FreezeMs: -1, DropIncrease: 0.02, DropDecrease: 0.002,
		GlobalWeight: 3, LocalWeight: 1, RenewWeight: 2,
	}
}

func throttleInt(field func(*Throttle) *int, min int64, unit string) setter {
	return integer(func(c *Config) *int { return field(&c.Throttle) }, min, math.MaxInt32, unit)
}

func throttleBool(field func(*Throttle) *bool) setter {
	return boolean(func(c *Config) *bool { return field(&c.Throttle) })
}

func throttleShare(field func(*Throttle) *float64) setter {
	return fraction(func(c *Config) *float64 { return field(&c.Throttle) })
}

var throttleKeys = []key{
	zk("request_throttle_max_requests", throttleInt(func(t *Throttle) *int { return &t.MaxRequests }, 0, "requests; 0 is no limit")),
	zk("request_throttle_stall_time", throttleInt(func(t *Throttle) *int { return &t.StallMs }, 1, "milliseconds")),
	zk("request_throttle_drop_stale", throttleBool(func(t *Throttle) *bool { return &t.DropStale })),
	zk("request_stale_connection_check", throttleBool(func(t *Throttle) *bool { return &t.StaleConnections })),
	zk("request_stale_latency_check", throttleBool(func(t *Throttle) *bool { return &t.StaleLatency })),
	zk("throttled_op_wait_time", throttleInt(func(t *Throttle) *int { return &t.OpWaitMs }, 0, "milliseconds; 0 answers every request")),
	zk("largeRequestThreshold", largeThreshold),
	zk("largeRequestMaxBytes", throttleInt(func(t *Throttle) *int { return &t.LargeMaxBytes }, 1, "bytes")),
	zk("connection_throttle_tokens", throttleInt(func(t *Throttle) *int { return &t.Tokens }, 0, "connections; 0 is no limit")),
	zk("connection_throttle_fill_time", throttleInt(func(t *Throttle) *int { return &t.FillMs }, 1, "milliseconds")),
	zk("connection_throttle_fill_count", throttleInt(func(t *Throttle) *int { return &t.FillCount }, 1, "tokens")),
	zk("connection_throttle_freeze_time", throttleInt(func(t *Throttle) *int { return &t.FreezeMs }, -1, "milliseconds; -1 drops none by chance")),
	zk("connection_throttle_drop_increase", throttleShare(func(t *Throttle) *float64 { return &t.DropIncrease })),
	zk("connection_throttle_drop_decrease", throttleShare(func(t *Throttle) *float64 { return &t.DropDecrease })),
	zk("connection_throttle_decrease_ratio", throttleShare(func(t *Throttle) *float64 { return &t.DecreaseRatio })),
	zk("connection_throttle_weight_enabled", throttleBool(func(t *Throttle) *bool { return &t.Weighted })),
	zk("connection_throttle_global_session_weight", throttleInt(func(t *Throttle) *int { return &t.GlobalWeight }, 1, "tokens")),
	zk("connection_throttle_local_session_weight", throttleInt(func(t *Throttle) *int { return &t.LocalWeight }, 1, "tokens")),
	zk("connection_throttle_renew_session_weight", throttleInt(func(t *Throttle) *int { return &t.RenewWeight }, 1, "tokens")),
}

// largeThreshold is none at -1, which is stored as 0; 0 and other numbers below -1 are -1 in Apache, with a warning.
func largeThreshold(c *Config, v string) (note, why, mend string) {
	note, why, mend = throttleInt(func(t *Throttle) *int { return &t.LargeThreshold }, math.MinInt32, "bytes; -1 is no limit")(c, v)
	if n := &c.Throttle.LargeThreshold; why == "" && *n <= 0 {
		if *n != -1 {
			note = "no request is large below 1 byte; -1 is used, as in Apache"
		}
		*n = 0
	}
	return note, why, mend
}

// throttle brings the weights into the order Apache gives them: no session costs less than a local one.
func (l *loader) throttle() {
	t := &l.config.Throttle
	t.GlobalWeight, t.RenewWeight = max(t.GlobalWeight, t.LocalWeight), max(t.RenewWeight, t.LocalWeight)
}
