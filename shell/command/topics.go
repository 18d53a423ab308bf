package command

// topic is a page of help that is about no single command.
type topic struct{ name, summary, text string }

// record is a topic as help lists it.
func (t *topic) record() HelpRecord { return HelpRecord{t.name, "help " + t.name, t.summary} }

// topics are in the order in which help lists them.
var topics = []topic{
	{"paths", "absolute, relative, and on another connection", `
/app/config       a path of this connection, below its chroot
config, ../other  relative to where cd went; "cd -" goes back
/app/*            the children that match, where several paths may stand
prod:/app         a path on the connection or profile prod
file:DIR:/app     a path in the data of a stopped server
`},
	{"line", "several commands, files, other programs, quotation marks", `
ls /; get /a            one after the other
get /a > file           the results into a file, byte by byte; >> adds to it
get /a | jq .x          the results into a command of the system, up to the next ;
create /a "two words"   quotation marks, single or double, around a whole word
set /a 'x; y > z | w'   inside them ; > and | are data
set /a x;y=>z           and so they are inside a word: only at its beginning (> |)
                        or at its beginning and end (;) they are signs
addauth digest u:p      the history holds it without the password
addauth digest u -      the password is typed and not shown

With -compat the grammar is Apache's, which has no signs.
`},
	{"output", "forms of results", `
-o text    for people and for scripts that read Apache's lines (the default)
-o table   the records as a table
-o json    an array of records; -o jsonl one a line; their fields are in docs/commands.md
-q         nothing but results and failures
-y         yes to every question
-no-pager  at the prompt, results longer than the screen are not shown in $PAGER
           (less -FRX when it is not set)
NO_COLOR, -color always|auto|never

-o and -y stand before the command on zkcli's command line, or behind any command.
In forms other than text stdout has records alone; events of watches go to stderr.
`},
	{"profiles", "names for servers, with identities and TLS", `
In ~/.config/zkcli/config.yaml (XDG_CONFIG_HOME):

default: test
profiles:
  prod:
    servers: zk1:2181,zk2:2181
    chroot: /app
    color: red            the prompt's
    readonly: true        nothing is written, whatever the command
    protected: true       at the prompt, what changes something asks for the name
    undo: false           changes are not kept for undo
    pager: off            or a command line; $PAGER when it is left out
    auth:
      - {scheme: digest, user: joe, password-command: pass show zk}
    tls: {trust: ca.pem, key: client.p12, key-password-env: ZK_KEY}

Secrets come from password-file, password-env or password-command alone.
"zkcli prod" begins there, "connect prod" goes there, "use prod" goes there and
keeps the session there is, "use" lists them, prod:/path names a znode there.
`},
	{"prompt", "what it says, and its keys", `
[zk: NAME(STATE) PATH NUMBER]

CONNECTED          a server serves the session; behind "to", which one
CONNECTEDREADONLY  a server without a quorum serves it: nothing can be written
CONNECTING         none has been found yet
SUSPENDED          the connection is lost, the session may still live
EXPIRED            the session ended, with its ephemerals and watches
CLOSED             it was closed; "connect" opens another

Tab completes, Ctrl-R searches the history, Ctrl-C ends a command,
Alt-W sets the watches of an expired session again, Ctrl-D leaves.
`},
	{"exit", "exit codes", `
0    done
1    failed or misused
2    bad configuration
3    no connection, nothing was written
4    connection lost after a write was sent: look before you repeat it
127  unknown command
130  interrupted
`},
}

// findTopic is a topic by its name, nil when there is none.
func findTopic(name string) *topic {
	for i := range topics {
		if topics[i].name == name {
			return &topics[i]
		}
	}
	return nil
}
