package command

// all is the command table. It is filled in init, since help and redo refer
// back to it.
var all []*Command

func init() {
	all = []*Command{
		aclCommand,
		addAuth,
		addWatch,
		closeSession,
		config,
		connect,
		create,
		del,
		deleteAll,
		delQuota,
		digest,
		edit,
		exit,
		exportTree,
		fourLetter,
		get,
		getACL,
		getAllChildrenNumber,
		getEphemerals,
		help,
		history,
		latency,
		importTree,
		listQuota,
		locks,
		ls,
		ls2,
		owner,
		printWatches,
		quit,
		quotas,
		reconfig,
		redo,
		removeWatches,
		rmr,
		sessions,
		set,
		setACL,
		setQuota,
		stat,
		status,
		syncPath,
		use,
		version,
		watches,
		whoAmI,
	}
	all = append(all, wordCommands()...)
}
