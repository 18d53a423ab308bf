package command

// records are what commands emit, for the reference.
var records = []struct {
	commands string
	record   any
}{
	{"stat", ZnodeStat{}},
	{"create, set, setAcl", Changed{}},
	{"getAcl", ZnodeACL{}},
	{"getEphemerals, sync", PathRecord{}},
	{"getAllChildrenNumber", CountRecord{}},
	{"listquota, quota", QuotaRecord{}},
	{"whoami", UserRecord{}},
	{"config, reconfig", ConfigRecord{}},
	{"use", ConnectionRecord{}},
	{"rewatch", RewatchRecord{}},
	{"pwd", Dir{}},
	{"locks", LockRecord{}},
	{"sessions, owner", SessionRecord{}},
	{"watches", WatchRecord{}},
	{"status", StatusRecord{}},
	{"history", HistoryRecord{}},
	{"help", HelpRecord{}},
	{"printwatches", SwitchRecord{}},
	{"completion", ScriptRecord{}},
	{"version", VersionRecord{}},
}
