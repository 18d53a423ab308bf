package ctl

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
	"zookit/server/config"
	"zookit/server/storage"
)

// recover shows what is in a data directory and what of it is at stake, and
// accepts the loss of that by its number. What is damaged is set aside, and
// nothing is deleted. The exit code is 10 while a server would not start with
// this history, or would not use it.
func (c *invocation) recover(env Env) int {
	cfg, _, err := c.load(env)
	if err != nil {
		return refuse(env, err)
	}
	sc := storageOf(cfg)
	if c.acceptLoss != "" {
		zxid, err := strconv.ParseInt(strings.TrimPrefix(c.acceptLoss, "0x"), 16, 64)
		if err != nil || zxid <= 0 {
			fmt.Fprintf(env.Stderr, "zkserver: -accept-loss %s is no zxid; take the number that zkserver recover prints\n", c.acceptLoss)
			return ExitInvocation
		}
		return c.acceptIt(env, sc, protocol.Zxid(zxid))
	}
	v, err := storage.Look(sc)
	if err != nil {
		return refuse(env, err)
	}
	printSurvey(env.Stdout, v)
	return c.verdict(env.Stdout, v, cfg.Distributed())
}

// storageOf is what storage has to know to read a server's directory as it does.
func storageOf(cfg *config.Config) storage.Config {
	return storage.Config{
		DataDir: cfg.DataDir, LogDir: cfg.DataLogDir, TrustEmptySnapshot: cfg.TrustEmpty, NoAutoCreateDirs: true,
		MaxRecordBytes: cfg.MaxBuffer + cfg.MaxBufferExtra, NoSync: !cfg.ForceSync,
	}
}

func (c *invocation) acceptIt(env Env, sc storage.Config, zxid protocol.Zxid) int {
	before, err := storage.Look(sc)
	if err != nil {
		return refuse(env, err)
	}
	if at, ok := acceptable(before); !ok || at != zxid {
		printSurvey(env.Stdout, before)
		fmt.Fprintf(env.Stderr, "zkserver: the loss of the transactions from %v on cannot be accepted: that is not the number below\n", zxid)
		return c.verdict(env.Stdout, before, false)
	}
	lost, err := storage.Accept(sc, zxid)
	if err != nil {
		return refuse(env, err)
	}
	fmt.Fprintf(env.Stdout, "Accepted: the history ends at %v now. %s\n", zxid-1, lost.Cause)
	fmt.Fprintf(env.Stdout, "What was damaged is kept in %s/damaged-*. Start the server.\n", filepath.Dir(lost.File))
	return ExitOK
}

// acceptable is the number by which a loss can be accepted.
func acceptable(v *storage.Survey) (protocol.Zxid, bool) {
	switch {
	case v.Damage != nil:
		return v.Damage.FirstZxid, v.Damage.Acceptable
	case v.Quarantine != nil:
		return v.Last + 1, true
	}
	return 0, false
}

func printSurvey(w io.Writer, v *storage.Survey) {
	fmt.Fprintf(w, "snapshots in %s\n", v.SnapshotDir)
	for _, s := range v.Snapshots {
		if s.Err != nil {
			fmt.Fprintf(w, "  %-24s cannot be read: %v\n", filepath.Base(s.Path), s.Err)
			continue
		}
		fmt.Fprintf(w, "  %-24s whole, up to %v\n", filepath.Base(s.Path), s.Zxid)
	}
	fmt.Fprintf(w, "logs in %s\n", v.LogDir)
	for _, l := range v.Logs {
		name := filepath.Base(l.Path)
		if len(l.Spans) == 0 {
			fmt.Fprintf(w, "  %-24s empty\n", name)
		}
		for _, s := range l.Spans {
			if s.Cause != "" {
				fmt.Fprintf(w, "  %-24s DAMAGED, offset %d to %d: %s\n", name, s.From, s.To, s.Cause)
			} else {
				fmt.Fprintf(w, "  %-24s transactions %v to %v, %d of them, offset %d to %d\n", name, s.First, s.Last, s.Records, s.From, s.To)
			}
			name = ""
		}
	}
	epoch := func(n int64) string {
		if n < 0 {
			return "missing"
		}
		return strconv.FormatInt(n, 10)
	}
	if v.EpochsErr != nil {
		fmt.Fprintf(w, "epochs: %v\n", v.EpochsErr)
	} else {
		fmt.Fprintf(w, "epochs: acceptedEpoch %s, currentEpoch %s\n", epoch(v.AcceptedEpoch), epoch(v.CurrentEpoch))
	}
	if q := v.Quarantine; q != nil {
		fmt.Fprintf(w, "in quarantine since %s: %s\n", time.UnixMilli(q.Since).UTC().Format(time.RFC3339), q.Why)
	}
}

// verdict says what a server would make of it, and what the operator can do.
func (c *invocation) verdict(w io.Writer, v *storage.Survey, member bool) int {
	fmt.Fprintln(w)
	if v.Damage == nil && v.Quarantine == nil {
		fmt.Fprintf(w, "Nothing is at stake: the history is whole, up to %v.\n", v.Last)
		return ExitOK
	}
	if d := v.Damage; d != nil {
		fmt.Fprintf(w, "%s, offset %d: %s\n", d.File, d.Offset, d.Cause)
		switch {
		case d.FirstZxid > 0 && d.LastZxid > d.FirstZxid:
			fmt.Fprintf(w, "At stake: the transactions %v to at least %v. The history before is whole, up to %v.\n", d.FirstZxid, d.LastZxid, d.FirstZxid-1)
		case d.FirstZxid > 0:
			fmt.Fprintf(w, "At stake: the transactions from %v on. The history before is whole, up to %v.\n", d.FirstZxid, d.FirstZxid-1)
		default:
			fmt.Fprintf(w, "At stake: everything in this directory.\n")
		}
	} else {
		seen := ""
		if v.Quarantine.Seen > v.Last {
			seen = fmt.Sprintf(" (the history is known to have gone to %v)", v.Quarantine.Seen)
		}
		fmt.Fprintf(w, "No file is damaged, but this server is in quarantine: what it may have lost begins behind %v%s.\n", v.Last, seen)
	}
	if member {
		fmt.Fprintf(w, "\nLeave it to the ensemble: start this server and the others. A leader that they elect gives it everything; nothing is lost while\none intact copy can be reached. Only if the others are lost:\n")
	} else {
		fmt.Fprintf(w, "\nRestore the directory from a copy that is whole, if there is one. If there is none:\n")
	}
	if at, ok := acceptable(v); ok {
		fmt.Fprintf(w, "  zkserver recover -accept-loss %v %s\ngoes on without the transactions from %v on, for good. What is damaged is set aside, nothing is deleted.\n", at, strings.Join(c.words, " "), at)
	} else {
		mend := "restore the directory from a backup"
		if v.Damage != nil && v.Damage.Mend != "" {
			mend = v.Damage.Mend
		}
		fmt.Fprintf(w, "  there is no number to accept this by: %s\n", mend)
	}
	return ExitDamage
}
