package command

// records are what commands emit, for the reference. Behind a command's name
// stands with which flags it does.
var records = []struct {
	commands string
	record   any
}{
	{"get", DataRecord{}},
	{"stat", ZnodeStat{}},
	{"ls, ls2", Listing{}},
	{"ls -l or -R, find, tree", Znode{}},
	{"create, set, setAcl", Changed{}},
	{"delete, getEphemerals, sync, setquota, delquota, removewatches", PathRecord{}},
	{"deleteall, rmr, setAcl -R, cp, mv", PlanRecord{}},
	{"edit", EditRecord{}},
	{"multi, commit", OpRecord{}},
	{"undo", UndoRecord{}},
	{"undo -l", ChangeRecord{}},
	{"getAcl", ZnodeACL{}},
	{"acl", AccessRecord{}},
	{"digest", DigestRecord{}},
	{"whoami", UserRecord{}},
	{"getAllChildrenNumber", CountRecord{}},
	{"du", SubtreeUse{}},
	{"grep", GrepMatch{}},
	{"diff", Difference{}},
	{"log", LogEntry{}},
	{"export", ExportResult{}},
	{"import", ImportResult{}},
	{"listquota, quota", QuotaRecord{}},
	{"config, reconfig", ConfigRecord{}},
	{"use", ConnectionRecord{}},
	{"addWatch, rewatch", RewatchRecord{}},
	{"pwd", Dir{}},
	{"locks", LockRecord{}},
	{"sessions, owner", SessionRecord{}},
	{"watch", WatchedChange{}},
	{"watches", WatchRecord{}},
	{"watches of servers that only count them", WatchCountRecord{}},
	{"status", StatusRecord{}},
	{"doctor", Finding{}},
	{"latency", LatencyRecord{}},
	{"4lw and each word", WordAnswer{}},
	{"history", HistoryRecord{}},
	{"help", HelpRecord{}},
	{"printwatches", SwitchRecord{}},
	{"completion", ScriptRecord{}},
	{"version", VersionRecord{}},
}

// recordless are the commands that emit nothing.
var recordless = []struct{ commands, why string }{
	{"addauth", "what it takes is secret; whoami shows the identities"},
	{"cd, close, connect, quit, exit", "the exit code tells all; use lists the connections, pwd the path"},
	{"check, abort", "commit has the records of a transaction, as multi has within one"},
	{"redo", "the records are those of the line that it runs"},
	{"top", "it is a screen; status and sessions have the records"},
}
