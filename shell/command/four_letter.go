package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"zookit/shell/probe"
	"zookit/shell/session"
)

// fourLetterTimeout bounds the whole exchange; a server answers at once and
// closes.
const fourLetterTimeout = 10 * time.Second

// words are the four-letter words of Apache 3.9 and what each answers. All are
// commands of their own but stat, which is ZooKeeper's command on a znode.
var words = []struct{ name, summary string }{
	{"conf", "print the configuration a server runs with"},
	{"cons", "list a server's connections with their sessions"},
	{"crst", "reset the counters of a server's connections"},
	{"dirs", "print the size of a server's snapshots and logs in bytes"},
	{"dump", "list the ensemble's sessions and their ephemeral znodes"},
	{"envi", "print a server's environment: versions, paths, memory"},
	{"gtmk", "print a server's trace mask"},
	{"hash", "list the digests of a server's tree by zxid"},
	{"isro", "tell whether a server is read-only (ro) or not (rw)"},
	{"mntr", "print a server's metrics"},
	{"ruok", "ask a server whether it runs (imok); it need not serve"},
	{"srst", "reset a server's counters"},
	{"srvr", "print how a server stands: mode, zxid, latency, connections"},
	{"stat", "print how a server stands, with its connections"},
	{"wchc", "list the watches of a server by session"},
	{"wchp", "list the watches of a server by path"},
	{"wchs", "count the watches of a server"},
}

var fourLetterWords = func() []Word {
	var list []Word
	for _, w := range words {
		list = append(list, Word{w.name, w.summary})
	}
	return list
}()

// wordHelp is what the help of every word ends with.
const wordHelp = "The server is the one of this session unless others are named (host:port …) or -a asks all of the ensemble.\n" +
	"A server answers the words of its 4lw.commands.whitelist, srvr alone when that is not set."

var allServersFlag = Flag{Name: "a", Help: "ask every server of the ensemble", In: Own}

var fourLetter = &Command{
	Name:    "4lw",
	In:      Own,
	Usage:   Usage{R38: "[-a] word [host:port …]"},
	Flags:   []Flag{allServersFlag},
	Args:    []Arg{{Name: "word", Kind: ChoiceArg, Words: fourLetterWords}, {Name: "server", Kind: ServerArg, Repeat: true}},
	Summary: "send a four-letter word to the server and print its answer",
	Help:    wordHelp,
	Example: []string{"4lw stat", "4lw ruok zk2:2181", "4lw -a mntr"},
	Min:     1,
	Run:     func(c *Context) error { return runWord(c, c.Args[0], c.Args[1:]) },
}

// wordCommands are the commands named after words.
func wordCommands() []*Command {
	var list []*Command
	for _, w := range words {
		if w.name == "stat" {
			continue
		}
		list = append(list, &Command{
			Name: w.name, In: Own,
			Usage:   Usage{R38: "[-a] [host:port …]"},
			Flags:   []Flag{allServersFlag},
			Args:    []Arg{{Name: "server", Kind: ServerArg, Repeat: true}},
			Summary: w.summary,
			Help:    wordHelp,
			Example: []string{w.name, w.name + " zk2:2181", w.name + " -a"},
			Run:     func(c *Context) error { return runWord(c, w.name, c.Args) },
		})
	}
	return list
}

// WordAnswer is what one server answered to a four-letter word.
type WordAnswer struct {
	Server string            `json:"server"`           // host:port
	Word   string            `json:"word"`             // as sent
	Values map[string]string `json:"values,omitempty"` // of an answer that is pairs, such as mntr
	Text   string            `json:"text,omitempty"`   // the whole of any other
}

func runWord(c *Context, word string, servers []string) error {
	if len(word) != 4 {
		return &Failure{Text: "4lw: a word has four letters: " + word}
	}
	asked, err := c.serversToAsk(servers)
	if err != nil {
		return err
	}
	p, err := c.prober(c.Shell.here())
	if err != nil {
		return err
	}
	answers := askAll(c, asked, func(ctx context.Context, server string) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, fourLetterTimeout)
		defer cancel()
		text, err := p.Exchange(ctx, server, word)
		switch {
		case errors.Is(err, probe.ErrTLSPort):
			return "", &Failure{Text: fmt.Sprintf("%s to %s: %v", word, server, err), Err: err}
		case err != nil:
			return "", err
		case probe.Refused(text):
			return "", &Failure{Text: fmt.Sprintf("%s to %s: %s is not in its 4lw.commands.whitelist; this line in its zoo.cfg allows it: 4lw.commands.whitelist=srvr,%[1]s",
				word, server, word)}
		case text == "":
			return "", &Failure{Text: fmt.Sprintf("%s to %s: it closed the connection without an answer: it does not know the word", word, server)}
		}
		return text, nil
	})
	if c.Tables() && len(answers) > 1 {
		if err := c.printWordTable(word, answers); err != errNotPairs {
			return errors.Join(err, c.wordFailures(word, answers, true))
		}
	}
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		record := WordAnswer{Server: a.server, Word: word, Text: a.value}
		if rows := pairsOf(word, a.value); rows != nil {
			record.Text, record.Values = "", map[string]string{}
			for _, r := range rows {
				record.Values[r[0]] = r[1]
			}
		}
		if err := c.Emit(record, func() { c.printAnswer(a, word, len(answers) > 1) }); err != nil {
			return err
		}
	}
	return c.wordFailures(word, answers, len(answers) > 1)
}

func (c *Context) printAnswer(a answer[string], word string, named bool) {
	if c.Tables() {
		if rows := pairsOf(word, a.value); rows != nil {
			_ = c.PrintTable([]string{a.server, word}, rows)
			return
		}
		if header, rows := listOf(word, a.value); len(rows) > 0 {
			if named {
				c.Print([]byte(a.server + "\n"))
			}
			_ = c.PrintTable(header, rows)
			return
		}
	}
	if named {
		c.Print([]byte(a.server + "\n"))
	}
	c.Print([]byte(a.value))
	if !strings.HasSuffix(a.value, "\n") {
		c.Print([]byte("\n"))
	}
}

var errNotPairs = errors.New("the answers are not pairs")

// printWordTable sets the answers of several servers side by side, a key a
// line.
func (c *Context) printWordTable(word string, answers []answer[string]) error {
	header, keys := []string{word}, []string{}
	values := map[string][]string{}
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		rows := pairsOf(word, a.value)
		if rows == nil {
			return errNotPairs
		}
		header = append(header, a.server)
		for _, r := range rows {
			if values[r[0]] == nil {
				keys = append(keys, r[0])
				values[r[0]] = []string{}
			}
			for len(values[r[0]]) < len(header)-2 {
				values[r[0]] = append(values[r[0]], "")
			}
			values[r[0]] = append(values[r[0]], r[1])
		}
	}
	if len(header) == 1 {
		return nil
	}
	var rows [][]string
	for _, key := range keys {
		row := append([]string{key}, values[key]...)
		for len(row) < len(header) {
			row = append(row, "")
		}
		rows = append(rows, row)
	}
	return c.PrintTable(header, rows)
}

// wordFailures tells which servers did not answer; one silent server alone
// fails as it always did.
func (c *Context) wordFailures(word string, answers []answer[string], several bool) error {
	name := c.Command.Name
	var failed error
	for _, a := range answers {
		if a.err == nil {
			continue
		}
		exit := ExitNoConnection
		if f := (*Failure)(nil); errors.As(a.err, &f) {
			exit = ExitFailed
		}
		text := a.err.Error()
		if !strings.HasPrefix(text, name+" ") {
			text = name + ": " + text
		}
		failed = &Failure{Text: text, Exit: exit, Err: a.err}
		if several {
			c.Warn(failed.Error())
			failed = &Failure{Exit: exit, Err: a.err}
		}
	}
	return failed
}

// serversToAsk are those named, or all, or the one of the session; without a
// session the first of the connect string that answers, since some words are
// asked of servers that do not serve.
func (c *Context) serversToAsk(named []string) ([]string, error) {
	if c.Has("a") {
		if len(named) > 0 {
			return nil, &Failure{Text: c.Command.Name + ": -a asks all servers; name none beside it"}
		}
		e, err := c.ensemble()
		if err != nil {
			return nil, err
		}
		return e.Servers, nil
	}
	if len(named) > 0 {
		addrs := make([]string, len(named))
		for i, name := range named {
			list, chroot, err := session.ParseServers(name)
			if err != nil || chroot != "" || len(list) != 1 {
				return nil, &Failure{Text: c.Command.Name + ": not a server's host:port: " + name}
			}
			addrs[i] = list[0]
		}
		return addrs, nil
	}
	if s := c.Shell.Current(); s != nil {
		if addr := s.Server(); addr != "" {
			return []string{addr}, nil
		}
	}
	listed, err := c.listedServers(c.Shell.here())
	if err != nil || len(listed) == 1 {
		return listed, err
	}
	alive := askAll(c, listed, func(ctx context.Context, addr string) (string, error) {
		return new(probe.Prober).Word(ctx, addr, "srvr")
	})
	if i := slices.IndexFunc(alive, func(a answer[string]) bool { return a.err == nil }); i >= 0 {
		return listed[i : i+1], nil
	}
	for i, a := range alive {
		if op := (*net.OpError)(nil); !errors.As(a.err, &op) {
			return listed[i : i+1], nil
		}
	}
	return listed[:1], nil
}

// pairsOf reads an answer whose lines are all pairs: "key\tvalue" as in mntr,
// "key=value" as in conf and envi, "Key: value" as in srvr. Nil when the word's
// answer is of another kind.
func pairsOf(word, answer string) [][]string {
	switch word {
	case "conf", "dirs", "envi", "hash", "mntr", "srvr":
	default:
		return nil
	}
	lines := strings.Split(strings.TrimRight(answer, "\n"), "\n")
	if len(lines) < 2 {
		return nil
	}
	var rows [][]string
	for i, l := range lines {
		found := false
		for _, sep := range []string{"\t", "=", ": "} {
			if key, value, ok := strings.Cut(l, sep); ok {
				rows, found = append(rows, []string{strings.TrimSpace(key), strings.TrimSpace(value)}), true
				break
			}
		}
		if !found && i > 0 { // envi begins with a heading
			return nil
		}
	}
	return rows
}

// listOf reads an answer that is a list into rows under a header: the
// connections of cons, the ephemerals of dump, the watches of wchp and wchc.
func listOf(word, answer string) (header []string, rows [][]string) {
	switch word {
	case "cons":
		for _, k := range probe.ParseCons("", answer) {
			rows = append(rows, []string{k.Client, k.Session.String(), short(time.Since(k.Established)), short(time.Duration(k.TimeoutMs) * time.Millisecond), k.LastOp,
				fmt.Sprint(k.Queued), fmt.Sprint(k.Received), fmt.Sprint(k.Sent), fmt.Sprint(k.AvgMs), fmt.Sprint(k.MaxMs)})
		}
		return []string{"client", "session", "connected", "timeout", "last op", "queued", "received", "sent", "avg ms", "max ms"}, rows
	case "dump":
		d := probe.ParseDump(answer)
		ids := append(slices.Clone(d.Sessions), slices.Collect(maps.Keys(d.Ephemerals))...)
		slices.Sort(ids)
		for _, id := range slices.Compact(ids) {
			paths := d.Ephemerals[id]
			if len(paths) == 0 {
				paths = []string{""}
			}
			for i, p := range paths {
				name := id.String()
				if i > 0 {
					name = ""
				}
				rows = append(rows, []string{name, p})
			}
		}
		return []string{"session", "ephemeral"}, rows
	case "wchc", "wchp":
		head, item := "session", "watched path"
		if word == "wchp" {
			head, item = "watched path", "session"
		}
		of := ""
		for _, l := range strings.Split(answer, "\n") {
			if text, ok := strings.CutPrefix(l, "\t"); ok {
				rows = append(rows, []string{of, text})
				of = ""
			} else {
				of = l
			}
		}
		return []string{head, item}, rows
	}
	return nil, nil
}
