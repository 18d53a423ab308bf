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
		fourLetter,
		get,
		getACL,
		getAllChildrenNumber,
		getEphemerals,
		help,
		history,
		listQuota,
		ls,
		ls2,
		printWatches,
		quit,
		reconfig,
		redo,
		removeWatches,
		rmr,
		set,
		setACL,
		setQuota,
		stat,
		syncPath,
		use,
		version,
		whoAmI,
	}
}
