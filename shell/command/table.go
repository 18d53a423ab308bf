package command

// all is the command table. It is filled in init, since help and redo refer
// back to it.
var all []*Command

func init() {
	all = []*Command{
		addAuth,
		addWatch,
		cd,
		closeSession,
		config,
		connect,
		create,
		del,
		deleteAll,
		delQuota,
		diff,
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
		logCommand,
		locks,
		ls,
		ls2,
		owner,
		printWatches,
		pwd,
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
