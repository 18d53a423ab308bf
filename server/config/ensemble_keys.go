package config

import (
	"math"
	"strconv"
	"strings"
)

// The keys of ensembles, with the defaults of Apache 3.9.5 in defaultEnsemble. A server alone checks them and does
// nothing with them, in Apache too.
var ensembleKeys = []key{
	only(fileOnly("server.*", anyText)), only(fileOnly("group.*", anyText)), only(fileOnly("weight.*", anyText)),
	only(fileOnly("dynamicConfigFile", anyText)),
	only(fileOnly("standaloneEnabled", flag(func(e *Ensemble) *bool { return &e.StandaloneEnabled }))),
	only(fileOnly("reconfigEnabled", flag(func(e *Ensemble) *bool { return &e.ReconfigEnabled }))),
	only(fileOnly("initLimit", count(func(e *Ensemble) *int { return &e.InitLimit }, math.MinInt32, "ticks"))),
	only(fileOnly("syncLimit", count(func(e *Ensemble) *int { return &e.SyncLimit }, math.MinInt32, "ticks"))),
	only(fileOnly("connectToLearnerMasterLimit", count(func(e *Ensemble) *int { return &e.ConnectLimit }, math.MinInt32, "ticks"))),
	only(fileOnly("electionAlg", electionAlg)),
	only(fileOnly("peerType", peerType)),
	only(fileOnly("quorumListenOnAllIPs", flag(func(e *Ensemble) *bool { return &e.ListenOnAllIPs }))),

	only(zk("multiAddress.enabled", flag(func(e *Ensemble) *bool { return &e.MultiAddress }))),
	instead(allAddresses, "1000", zk("multiAddress.reachabilityCheckTimeoutMs", checked(1, "milliseconds"))),
	instead(allAddresses, "true", zk("multiAddress.reachabilityCheckEnabled", anyBool)),
	only(zk("cnxTimeout", count(func(e *Ensemble) *int { return &e.ConnectTimeoutMs }, 1, "milliseconds"))),
	only(zk("quorumCnxnTimeoutMs", count(func(e *Ensemble) *int { return &e.ReadTimeoutMs }, -1, "milliseconds; -1 leaves it to syncLimit"))),
	only(zk("electionPortBindRetry", count(func(e *Ensemble) *int { return &e.BindRetries }, 0, "attempts; 0 goes on for ever"))),
	only(zk("fastleader.minNotificationInterval", count(func(e *Ensemble) *int { return &e.MinNotificationMs }, 1, "milliseconds"))),
	only(zk("fastleader.maxNotificationInterval", count(func(e *Ensemble) *int { return &e.MaxNotificationMs }, 1, "milliseconds"))),
	only(zk("tcpKeepAlive", flag(func(e *Ensemble) *bool { return &e.TCPKeepAlive }))),
	only(bare("leader.nodelay", flag(func(e *Ensemble) *bool { return &e.LeaderNoDelay }))),
	only(bare("follower.nodelay", flag(func(e *Ensemble) *bool { return &e.FollowerNoDelay }))),
	only(zk("leaderConnectDelayDuringRetryMs", count(func(e *Ensemble) *int { return &e.ConnectRetryMs }, 0, "milliseconds"))),

	only(zk("leaderServes", yesNo(func(c *Config) *bool { return &c.Ensemble.LeaderServes }))),
	instead("a leader waits initLimit for its followers", "-1", zk("leader.maxTimeToWaitForEpoch", checked(-1, "milliseconds; -1 waits for initLimit"))),
	only(zk("leader.maxConcurrentSnapSyncs", count(func(e *Ensemble) *int { return &e.MaxSnapSyncs }, 1, "learners"))),
	only(zk("leader.maxConcurrentDiffSyncs", count(func(e *Ensemble) *int { return &e.MaxDiffSyncs }, 1, "learners"))),
	only(zk("commitLogCount", atLeast(func(c *Config) *int { return &c.Ensemble.CommitLogCount }, minCommitLog, math.MaxInt32, "txns"))),
	only(zk("snapshotSizeFactor", snapshotSizeFactor)),
	only(zk("forceSnapshotSync", flag(func(e *Ensemble) *bool { return &e.ForceSnapshotSync }))),

	instead(keepsLog, "true", fileOnly("syncEnabled", anyBool)),
	instead(keepsLog, "true", zk("observer.syncEnabled", anyBool)),
	instead(atOnce, "0", zk("observer.reconnectDelayMs", checked(0, "milliseconds"))),
	instead(atOnce, "0", zk("observer.election.DelayMs", checked(0, "milliseconds"))),
	only(fileOnly("observerMasterPort", observerMasterPort)),
	only(fileOnly("localSessionsEnabled", flag(func(e *Ensemble) *bool { return &e.LocalSessions }))),
	only(fileOnly("localSessionsUpgradingEnabled", flag(func(e *Ensemble) *bool { return &e.LocalSessionsUpgrading }))),

	only(fileOnly("oraclePath", anyText)), // refused in an ensemble (refusedInEnsemble)

	instead("a follower brings observers up to date from the txns kept for followers (commitLogCount) and the log on disk", "", zk("observerMaster.sizeLimit", anyInt)),
	instead(noSuchPart, "", zk("leader.ackLoggingFrequency", anyInt)),
	instead(noSuchPart, "", bare("leader.closeSocketAsync", anyBool)), instead(noSuchPart, "", bare("learner.closeSocketAsync", anyBool)),
	instead(noSuchPart, "", bare("learner.asyncSending", anyBool)), instead(noSuchPart, "", zk("forward_learner_requests_to_commit_processor_disabled", anyBool)),
	instead("the leader checks the ACL of every write, and it alone", "false", zk("enableEagerACLCheck", anyBool)),
	only(zk("ensembleAuthName", anyText)), // names the ensemble to clients of the scheme ensemble, which answers nothing either way
}

// What holds instead of what some keys ask for.
const (
	allAddresses = "all addresses of a server are tried at once"
	keepsLog     = "an observer keeps its log and snapshots"
	atOnce       = "an observer looks for a leader again at once, and after failures ever later"
	noSuchPart   = "this server has no such part; nothing to tune"
)

// instead marks a key that Apache's servers act on in an ensemble, and ours do not; inert are the values that ask for nothing.
func instead(note, inert string, k key) key {
	k.note, k.inert = note, inert
	return only(k)
}

// only marks a key that means something in an ensemble alone.
func only(k key) key { k.effect = ensemble; return k }

func flag(field func(*Ensemble) *bool) setter {
	return boolean(func(c *Config) *bool { return field(&c.Ensemble) })
}

func count(field func(*Ensemble) *int, min int64, unit string) setter {
	return integer(func(c *Config) *int { return field(&c.Ensemble) }, min, math.MaxInt32, unit)
}

// checked takes a number in its range that nothing is done with.
func checked(min int64, unit string) setter {
	return func(_ *Config, v string) (note, why, mend string) {
		var n int
		return integer(func(*Config) *int { return &n }, min, math.MaxInt32, unit)(nil, v)
	}
}

func electionAlg(_ *Config, v string) (note, why, mend string) {
	if n, why := wholeNumber(v); why != "" || n != 3 {
		return "", "only 3 is supported, as in Apache since 3.6", "leave the line out"
	}
	return "", "", ""
}

func peerType(c *Config, v string) (note, why, mend string) {
	switch v = strings.ToLower(v); v {
	case participant, observer:
		c.Ensemble.PeerType = v
		return "", "", ""
	}
	return "", "neither participant nor observer", "leave the line out: the server lines say which servers observe"
}

// snapshotSizeFactor is above 1 the default, as ZKDatabase reads it; below 0 no log on disk is used.
func snapshotSizeFactor(c *Config, v string) (note, why, mend string) {
	f, err := strconv.ParseFloat(v, 64)
	switch {
	case err != nil || math.IsNaN(f):
		return "", "not a number", "write a fraction such as 0.33, or -1 to use no log on disk"
	case f > 1:
		return "above 1; 0.33 is used, as in Apache", "", ""
	}
	c.Ensemble.SnapshotSizeFactor = f
	return "", "", ""
}
