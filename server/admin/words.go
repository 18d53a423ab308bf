package admin

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const notServing = "This ZooKeeper instance is not currently serving requests\n"

// Words answers four-letter words.
type Words struct {
	Source Source
	// Allowed is 4lw.commands.whitelist; "*" alone allows every word.
	Allowed []string

	listing sync.Mutex // one long listing at a time
}

// Write answers a word on out. The answers of dump, wchc and wchp can be as
// large as the server's tables: of these one at a time is made, and sent, so that
// many callers cost no more memory than one.
func (w *Words) Write(out io.Writer, word string, arg int64) error {
	if (word == "dump" || word == "wchc" || word == "wchp") && w.allowed(word) {
		w.listing.Lock()
		defer w.listing.Unlock()
	}
	_, err := io.WriteString(out, w.Answer(word, arg))
	return err
}

// Answer is the text a client gets for a word; arg is the mask of stmk.
func (w *Words) Answer(word string, arg int64) string {
	if !w.allowed(word) {
		return w.refusal(word)
	}
	switch word {
	case "ruok": // alive, serving or not
		return "imok"
	case "gtmk":
		return strconv.FormatInt(w.Source.TraceMask(), 10)
	case "stmk":
		w.Source.SetTraceMask(arg)
		return strconv.FormatInt(arg, 10)
	case "envi":
		return environment(w.Source.Status())
	}
	st := w.Source.Status()
	if !st.Serving {
		if word == "isro" {
			return "null"
		}
		return notServing + quarantine(word, st.Quarantine)
	}
	var b strings.Builder
	switch word {
	case "srvr":
		w.srvr(&b, st, false)
	case "stat":
		w.srvr(&b, st, true)
	case "conf":
		w.conf(&b, st)
	case "cons":
		w.cons(&b)
	case "dump":
		w.dump(&b, st)
	case "mntr":
		monitor(&b, st)
	case "wchs":
		fmt.Fprintf(&b, "%d connections watching %d paths\nTotal watches:%d\n", st.WatchingConns, st.WatchedPaths, st.DataWatches)
	case "wchc":
		w.watchesBySession(&b)
	case "wchp":
		w.watchesByPath(&b)
	case "dirs":
		data, log := w.Source.Sizes()
		fmt.Fprintf(&b, "datadir_size: %d\nlogdir_size: %d\n", data, log)
	case "isro":
		if st.ReadOnly {
			return "ro"
		}
		return "rw"
	case "hash":
		for _, d := range w.Source.Digests() {
			fmt.Fprintf(&b, "%x: %d\n", uint64(d.Zxid), d.Digest)
		}
	case "crst":
		w.Source.ResetConns()
		return "Connection stats reset.\n"
	case "srst":
		w.Source.ResetServer()
		return "Server stats reset.\n"
	}
	return b.String()
}

func (w *Words) allowed(word string) bool {
	return slices.Contains(w.Allowed, "*") || slices.Contains(w.Allowed, word)
}

// refusal begins with Apache's sentence, which scripts look for, and goes on
// with the mend.
func (w *Words) refusal(word string) string {
	line := strings.Join(append(slices.Clone(w.Allowed), word), ", ")
	return fmt.Sprintf("%s is not executed because it is not in the whitelist.\n"+
		"To allow it, put this line into zoo.cfg and restart the server: 4lw.commands.whitelist=%s\n", word, line)
}

// built is the date in the form go-zookeeper parses (01/02/2006 15:04 MST),
// which is that of Apache up to 3.5.
func built(st Status) string {
	return Version + ", built on " + st.Built.UTC().Format("01/02/2006 15:04 MST")
}

func (w *Words) srvr(b *strings.Builder, st Status, clients bool) {
	fmt.Fprintf(b, "Zookeeper version: %s\n", built(st))
	if st.ReadOnly {
		b.WriteString("READ-ONLY mode; serving only read-only clients\n")
	}
	if clients {
		b.WriteString("Clients:\n")
		for _, c := range w.Source.Conns() {
			connection(b, c, true)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "Latency min/avg/max: %d/%s/%d\n", st.LatencyMin, decimal(st.LatencyAvg), st.LatencyMax)
	fmt.Fprintf(b, "Received: %d\nSent: %d\nConnections: %d\nOutstanding: %d\n", st.Received, st.Sent, st.Connections, st.Outstanding)
	fmt.Fprintf(b, "Zxid: %s\nMode: %s\nNode count: %d\n", st.Zxid, st.Mode, st.Nodes)
	if st.Ensemble != nil && st.Ensemble.Leader != nil {
		srvrLeader(b, st.Ensemble.Leader)
	}
}

// decimal prints a mean as Apache does: up to four decimals, at least one.
func decimal(v float64) string {
	s := strconv.FormatFloat(v, 'f', 4, 64)
	s = strings.TrimRight(s, "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

func (w *Words) conf(b *strings.Builder, st Status) {
	c := st.Settings
	data, log := w.Source.Sizes()
	fmt.Fprintf(b, "clientPort=%d\nsecureClientPort=%d\n", c.ClientPort, c.SecureClientPort)
	fmt.Fprintf(b, "dataDir=%s\ndataDirSize=%d\ndataLogDir=%s\ndataLogSize=%d\n", c.DataDir, data, c.LogDir, log)
	fmt.Fprintf(b, "tickTime=%d\nmaxClientCnxns=%d\n", c.TickMs, c.MaxClientCnxns)
	fmt.Fprintf(b, "minSessionTimeout=%d\nmaxSessionTimeout=%d\n", c.MinSessionTimeoutMs, c.MaxSessionTimeoutMs)
	fmt.Fprintf(b, "clientPortListenBacklog=%d\nserverId=%d\n", c.ListenBacklog, c.ServerID)
	if st.Ensemble != nil {
		confEnsemble(b, st)
	}
}
