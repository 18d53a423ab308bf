package conformance

import (
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
)

// A difference is one place where our server is meant not to answer as Apache 3.8.0 does. Every other difference fails.
type difference struct {
	story, step string // regular expressions; "" is any
	reason      string
	// want turns the lines of Apache into what ours must be. It gets copies; ours is there for what cannot be known.
	want rewrite
}

type rewrite func(step string, apache, ours []string) []string

// Where 3.9.5 answers otherwise than 3.8.0, ours follows 3.9.5 (its source is named); the rest is for safety.
var differences = []difference{
	{"", "", "a notification carries the zxid of the change since 3.9.0 (ZOOKEEPER-4655); the replays of setWatches still have -1", notificationZxid},
	{"^permissions$", "^(bob|main): exists ", "exists needs READ since 3.8.4 and 3.9.2 (ZOOKEEPER-2590)", existsNeedsRead},

	// Operations a client cannot send.
	{"^createSession$", "^createSession of a client", "createSession is the server's own; 3.8.0 makes a session and answers with a connect response",
		always("zxid -1 err -6 (Unimplemented)")},
	{"^deleteContainer$", "^deleteContainer of a client", "deleteContainer is the server's own (3.8.0 reads its body in a form no client sends)",
		always("own xid zxid -1 err -6 (Unimplemented)")},
	{"^ZK-2623 check alone$", "^one: check ", "a check outside of a multi writes a txn that no reader knows (ZOOKEEPER-2623); refused since 3.9.3",
		always("own xid zxid -1 err -6 (Unimplemented)")},

	// Multi.
	{"^multi$", "^main: multi create .*; create2 ", "the result of create2 in a multi is that of create2 since 3.9 (MultiOperationRecord.java, Op.java); 3.8.0 takes it for create",
		replace("[create 0 (ok) path a/b]", "[create2 0 (ok) path a/b stat {c +2 m +2 p +2 ctime T mtime ctime version 0 cversion 0 aversion 0 owner 0 length 1 children 0}]")},
	{"^multi$", "Path:a/bad .*Flags:7", "create flags nobody knows make a multi undecodable since 3.9 (MultiOperationRecord.java)",
		replace("err 0 (ok) [error 0 (ok)] [error -8 (BadArguments)] [error -2 (RuntimeInconsistency)]", "err -5 (MarshallingError)")},
	{"^multi bodies$", "^main: multiRead create ", "3.8.0 puts an empty list of results behind an error, where no client reads",
		replace(" and bytes ffffffff01ffffffff", "")},

	// Watches: 3.8.0 keeps one mode for a path and a client, so that the last one set replaces the others; since 3.9 they
	// live side by side (ZOOKEEPER-4466), and checkWatches and removeWatches tell them apart (ZOOKEEPER-4471).
	{"^checkWatches and removeWatches$", "^(persistent|recursive) watcher: (check|remove)Watches .*Type:[12]}$", "the types children and data mean one-shot watches alone since 3.9 (DataTree.java)",
		replace("err 0 (ok)", "err -121 (No such watcher)")},
	{"^removeWatches of 3.9$", "^persistent .*Type:4}$|Type:5}$", "the types persistent and persistent recursive exist since 3.9", replace("err -5 (MarshallingError)", "err 0 (ok)")},
	{"^removeWatches of 3.9$", "^recursive .*Type:4}$", "a recursive watch is no persistent one", replace("err -5 (MarshallingError)", "err -121 (No such watcher)")},

	// Null, which no client sends.
	{"^multi$", "Path:noacl ", "a null list of ACLs makes a multi undecodable since 3.9 (CreateOptions.java)",
		replace("err 0 (ok) [error 0 (ok)] [error -114 (InvalidACL)] [error -2 (RuntimeInconsistency)]", "err -5 (MarshallingError)")},
	{"^undecodable bodies$", "^addWatch with a null path$", "a null path is refused", replace("err 0 (ok) body 0", "err -5 (MarshallingError)")},
	{"^setWatches$", "^setWatches with null lists$", "a null list is an empty one", replace("err -5 (MarshallingError)", "err 0 (ok)")},
	{"^reads$", "sync .*😀", "a path is echoed as it came; Java's encoder writes what is beyond U+FFFF as two surrogates", echoed},
}

// used tells which differences were met: one that never is has no place in the list.
var used = make([]atomic.Bool, len(differences))

// expected is what ours must say where Apache says lines.
func expected(story, step string, apache, ours []string) []string {
	lines := sideBySide(story, slices.Clone(apache))
	for i, d := range differences {
		if regexp.MustCompile(d.story).MatchString(story) && regexp.MustCompile(d.step).MatchString(step) {
			before := slices.Clone(lines)
			lines = d.want(step, lines, ours)
			if !slices.Equal(before, lines) {
				used[i].Store(true)
			}
		}
	}
	return lines
}

func always(line string) rewrite {
	return func(string, []string, []string) []string { return []string{line} }
}

func replace(from, to string) rewrite {
	return func(_ string, apache, _ []string) []string {
		for i := range apache {
			apache[i] = strings.ReplaceAll(apache[i], from, to)
		}
		return apache
	}
}

// notificationZxid puts the zxid of the change where 3.8.0 has -1. An event can be of a change before the request it is
// read with; ours says which it is, and -1 is wrong in either case.
func notificationZxid(step string, apache, ours []string) []string {
	if strings.HasPrefix(step, "setWatches") {
		return apache
	}
	for i, l := range apache {
		event, found := strings.CutSuffix(l, " zxid -1")
		if !found || !strings.Contains(l, " is told ") {
			continue
		}
		apache[i] = event + " zxid of the change"
		if i < len(ours) && ours[i] == event+" zxid of an earlier change" {
			apache[i] = ours[i]
		}
	}
	return apache
}

// existsNeedsRead knows the permissions from the znode's name, pA for none to p` for all, which bob has and main has not.
func existsNeedsRead(step string, apache, _ []string) []string {
	who, rest, _ := strings.Cut(step, ": exists &{Path:p")
	if readable := who == "bob" && (rest[0]-'A')&1 != 0; readable || len(apache) != 1 {
		return apache
	}
	reply, _, _ := strings.Cut(apache[0], " err ")
	return []string{reply + " err -102 (NoAuth)"}
}

func echoed(_ string, apache, _ []string) []string {
	reply, _, _ := strings.Cut(apache[0], " path ")
	return []string{reply + " path /a\U0001F600b"}
}

// bothHeard are the stories in which 3.8.0 loses one of two watches: what the watcher hears since 3.9, by the zxid of the
// change, with a digit for the type of the event. It is what each watch hears in a story of its own, taken together, and
// nothing twice.
var bothHeard = []struct {
	stories []string
	heard   map[string]string
}{
	{[]string{"watch persistent and getData", "watch persistent and exists"}, map[string]string{"+13": "1 w", "+14": "3 w,4 w,4 w,3 w"}},
	{[]string{"watch recursive and getData", "watch recursive and exists"},
		map[string]string{"+3": "1 w/n", "+4": "3 w/n", "+5": "1 w/n/g", "+6": "3 w/n/g", "+13": "1 w", "+14": "3 w,1 w/m,2 w/m,3 w"}},
	{[]string{"watch persistent and getChildren", "watch persistent and getChildren2"}, map[string]string{"+8": "4 w", "+14": "3 w,4 w,4 w,3 w"}},
	{[]string{"watch getChildren and recursive", "watch getChildren2 and recursive"}, map[string]string{"+3": "1 w/n,4 w"}},
	{[]string{"watch persistent and recursive"}, map[string]string{"+3": "1 w/n,4 w", "+8": "2 w/n,4 w", "+14": "3 w,1 w/m,4 w,2 w/m,4 w,3 w"}},
	{[]string{"watch recursive and persistent"},
		map[string]string{"+3": "1 w/n,4 w", "+4": "3 w/n", "+5": "1 w/n/g", "+6": "3 w/n/g", "+7": "2 w/n/g", "+8": "2 w/n,4 w", "+14": "3 w,1 w/m,4 w,2 w/m,4 w,3 w"}},
}

var eventNames = map[byte]string{'1': "NodeCreated", '2': "NodeDeleted", '3': "NodeDataChanged", '4': "NodeChildrenChanged"}

// sideBySide replaces the events of a step where 3.8.0 loses a watch.
func sideBySide(story string, apache []string) []string {
	for _, b := range bothHeard {
		if !slices.Contains(b.stories, story) || len(apache) == 0 {
			continue
		}
		fields := strings.Fields(apache[0]) // own xid zxid +3 err …
		if len(fields) < 4 || !strings.HasPrefix(apache[0], "own xid zxid ") || b.heard[fields[3]] == "" {
			return apache
		}
		lines := apache[:1]
		for _, e := range strings.Split(b.heard[fields[3]], ",") {
			lines = append(lines, "watcher is told "+eventNames[e[0]]+" of "+e[2:]+" state 3 zxid of the change")
		}
		return lines
	}
	return apache
}
