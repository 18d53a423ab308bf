package main_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rule takes out of an output what two right runs may differ in. There are
// ten at most; each says why.
type rule struct {
	why   string
	apply func(string) string
}

func replace(pattern, with string) func(string) string {
	re := regexp.MustCompile(`(?m)` + pattern)
	return func(s string) string { return re.ReplaceAllString(s, with) }
}

// event is what a watch event prints: Apache's shell in two writes, between
// which a result may come.
var event = regexp.MustCompile(`\nWATCHER::\n|\nWatchedEvent state:\w+ type:(\w+) path:.*\n`)

// nodeEvents are the watch events in an output, in their order, those of the
// session aside.
func nodeEvents(s string) (events []string) {
	for _, m := range event.FindAllStringSubmatch(s, -1) {
		if kind := m[1]; kind != "" && kind != "None" {
			events = append(events, "\nWATCHER::\n"+m[0])
		}
	}
	return events
}

var rules = []rule{
	{"times are when the test ran; their form is checked",
		replace(`^([cm]time) = (Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d [A-Z]{3,4} \d{4}$`, "$1 = DATE")},
	{"zxids depend on what the server did before; their order within a Stat does not",
		rankZxids},
	{"a session's id is its server's and its moment's",
		replace(`\b(ephemeralOwner =|[Ss]ession) 0x[1-9a-f][0-9a-f]{13,15}\b`, "$1 SESSION")},
	{"the server listens where there was a free port",
		replace(`\b127\.0\.0\.1:\d{4,5}\b`, "SERVER")},
	{"events come from another thread than results: those of nodes go last, in their order, those of the session may never come",
		func(s string) string {
			return event.ReplaceAllString(s, "") + strings.Join(nodeEvents(s), "")
		}},
	{"a 3.9 event line ends with the zxid, which a 3.8 server does not send",
		replace(`^(WatchedEvent .*) zxid: -?\d+$`, "$1")},
	{"Debian's package has no logging binding and says so",
		replace(`^SLF4J: .*\n`, "")},
}

var zxidLine = regexp.MustCompile(`(?m)^([cmp]Zxid) = 0x([0-9a-f]+)$`)

// rankZxids replaces the zxids of one output by their rank among them; 0 stays.
func rankZxids(s string) string {
	var seen []uint64
	for _, m := range zxidLine.FindAllStringSubmatch(s, -1) {
		if z, err := strconv.ParseUint(m[2], 16, 64); err == nil && z != 0 {
			seen = append(seen, z)
		}
	}
	slices.SortFunc(seen, cmp.Compare)
	seen = slices.Compact(seen)
	return zxidLine.ReplaceAllStringFunc(s, func(l string) string {
		m := zxidLine.FindStringSubmatch(l)
		z, err := strconv.ParseUint(m[2], 16, 64)
		if err != nil || z == 0 {
			return l
		}
		at, _ := slices.BinarySearch(seen, z)
		return fmt.Sprintf("%s = Z%d", m[1], at+1)
	})
}

func (o outcome) normalised() outcome {
	for _, r := range rules {
		o.stdout, o.stderr = r.apply(o.stdout), r.apply(o.stderr)
	}
	return o
}

// differs describes how got departs from want, or is empty.
func differs(got, want outcome) string {
	got, want = got.normalised(), want.normalised()
	if got == want {
		return ""
	}
	return fmt.Sprintf("got\n%vwant\n%v", got, want)
}

// TestPlantedChanges changes one character in each of twenty recorded outputs
// and expects every change to be seen, where no rule covers the character.
func TestPlantedChanges(t *testing.T) {
	t.Parallel()
	if len(rules) > 10 {
		t.Errorf("%d rules: a normaliser this large hides defects", len(rules))
	}
	planted := 0
	for _, s := range conformanceScripts(t) {
		for _, e := range s.lines {
			if !e.runs() || planted == 20 || len(e.want.stdout)+len(e.want.stderr) < 2 {
				continue
			}
			for _, at := range plantable(e.want, planted) {
				if changed := plant(e.want, at); differs(changed, e.want) == "" {
					t.Errorf("%s: %v: a change at byte %d goes unseen:\n%v", s.name, &e, at, changed)
				}
			}
			planted++
		}
	}
	if planted != 20 {
		t.Fatalf("only %d outputs to plant in", planted)
	}
	if o := (outcome{stdout: "x\n"}); differs(outcome{stdout: "x\n", exit: 1}, o) == "" {
		t.Error("an exit status goes unseen")
	}
	if o := (outcome{stdout: "x\n"}); differs(outcome{stderr: "x\n"}, o) == "" {
		t.Error("a change of stream goes unseen")
	}
}

// masked are the spans in which a rule lets values differ.
var masked = regexp.MustCompile(`(?m)^[cm]time = .*$|^[cmp]Zxid = .*$|^ephemeralOwner = 0x.*$|127\.0\.0\.1:\d+|zxid: -?\d+$`)

// plantable picks offsets to change, a different one for each round: the
// first byte, the last before the newline, one in between.
func plantable(o outcome, round int) (at []int) {
	all := o.stdout + o.stderr
	spans := masked.FindAllStringIndex(all, -1)
	for _, i := range []int{0, len(all) - 2, (round * 7) % (len(all) - 1)} {
		free := !slices.ContainsFunc(spans, func(s []int) bool { return s[0] <= i && i < s[1] })
		if i >= 0 && free {
			at = append(at, i)
		}
	}
	return at
}

// plant changes the byte at an offset of stdout followed by stderr.
func plant(o outcome, at int) outcome {
	text := &o.stdout
	if at >= len(o.stdout) {
		text, at = &o.stderr, at-len(o.stdout)
	}
	b := []byte(*text)
	if b[at] == '#' {
		b[at] = '+'
	} else {
		b[at] = '#'
	}
	*text = string(b)
	return o
}
