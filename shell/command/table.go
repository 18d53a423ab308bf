package command

// all is the command table. It is filled in init, since help and redo refer
// back to it.
var all []*Command

func init() {
	all = []*Command{
		abort,
		addAuth,
		addWatch,
		check,
		closeSession,
		commit,
		config,
		connect,
		cp,
		create,
		del,
		deleteAll,
		delQuota,
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
		multi,
		mv,
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
		undo,
		use,
		version,
		whoAmI,
	}
}
