package command

import (
	"cmp"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"zookit/protocol"
)

// How locks and elections are built on ZooKeeper: every contender makes an
// ephemeral sequential child of one znode, and the lowest number has it. The
// libraries tell their kinds apart by what stands before the number:
//
//	_c_<uuid>-lock-N                 Curator InterProcessMutex, LeaderSelector; go-zookeeper's Lock
//	_c_<uuid>-latch-N                Curator LeaderLatch
//	_c_<uuid>-__READ__N, …__WRIT__N  Curator InterProcessReadWriteLock
//	_c_<uuid>-lease-N                Curator InterProcessSemaphoreV2 (below leases; locks holds its mutex)
//	<hex>__lock__N, <hex>__rlock__N  kazoo Lock, Election, WriteLock, ReadLock
//	x-<session>-N                    the lock recipe of ZooKeeper itself
//	anything-N                       plain: a lock, an election or a list of members
//
// (LockInternals, LeaderLatch, InterProcessReadWriteLock and
// InterProcessSemaphoreV2 in Curator 5; kazoo/recipe/lock.py in kazoo 2.10.)
type recipe struct {
	name  string
	holds string // what the one in front does: holds, leads, first
	mode  lockMode
}

type lockMode int

const (
	exclusive lockMode = iota
	sharedRead
	sharedWrite
	leased // every one holds
)

var recipes = []struct {
	match  *regexp.Regexp // of the name without its number
	family string         // contenders of one family stand in one line
	recipe
}{
	{regexp.MustCompile(`__READ__$`), "curator rw", recipe{"Curator read/write lock", "holds (read)", sharedRead}},
	{regexp.MustCompile(`__WRIT__$`), "curator rw", recipe{"Curator read/write lock", "holds (write)", sharedWrite}},
	{regexp.MustCompile(`^_c_.*-latch-$`), "latch", recipe{"Curator LeaderLatch", "leads", exclusive}},
	{regexp.MustCompile(`^_c_.*-lease-$`), "lease", recipe{"Curator semaphore", "holds a lease", leased}},
	{regexp.MustCompile(`^_c_.*-lock-$`), "lock", recipe{"Curator lock or LeaderSelector", "holds", exclusive}},
	{regexp.MustCompile(`^[0-9a-f]{32}__rlock__$`), "kazoo", recipe{"kazoo read/write lock", "holds (read)", sharedRead}},
	{regexp.MustCompile(`^[0-9a-f]{32}__lock__$`), "kazoo", recipe{"kazoo Lock or Election", "holds", sharedWrite}},
	{regexp.MustCompile(`^x-(0x)?[0-9a-f]+-$`), "x", recipe{"ZooKeeper lock", "holds", exclusive}},
}

// numbered is what a server put behind a name: ten digits, or a minus sign and
// nine (Java's %010d of an int that has overflowed).
var numbered = regexp.MustCompile(`^(-\d{9}|\d{10})$`)

// A contender is one child in line.
type contender struct {
	name   string
	number int64
	stat   *protocol.Stat
	recipe recipe
	family string
	state  string // what it does: holds, leads, first, waits
	place  int    // 1 is in front
}

// contenderOf reads a child; false when it is not ephemeral, or not numbered.
func contenderOf(name string, st *protocol.Stat) (contender, bool) {
	if st == nil || st.EphemeralOwner == 0 {
		return contender{}, false
	}
	at := len(name) - 10
	if at < 0 {
		return contender{}, false
	}
	prefix, digits := name[:at], name[at:]
	if !numbered.MatchString(digits) {
		return contender{}, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return contender{}, false
	}
	if prefix != "" && prefix[len(prefix)-1] == '-' && (n > math.MaxInt32 || strings.HasSuffix(prefix, "--")) {
		prefix, n = prefix[:len(prefix)-1], -n // an overflown number of ten digits
	}
	c := contender{name: name, number: n, stat: st}
	for _, r := range recipes {
		if r.match.MatchString(prefix) {
			c.recipe, c.family = r.recipe, r.family
			return c, true
		}
	}
	c.recipe, c.family = recipe{"sequential ephemerals", "first", exclusive}, "plain "+withoutID(prefix)
	return c, true
}

// uuids and the like make every contender's name its own.
var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|0x[0-9a-f]+`)

func withoutID(prefix string) string { return uuids.ReplaceAllString(prefix, "*") }

// inLine puts the contenders of one znode in order, family by family, and says
// what each does.
func inLine(all []contender) [][]contender {
	families := map[string][]contender{}
	for _, c := range all {
		families[c.family] = append(families[c.family], c)
	}
	var lines [][]contender
	for _, list := range families {
		slices.SortFunc(list, func(a, b contender) int { return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.name, b.name)) })
		readers := slices.ContainsFunc(list, func(c contender) bool { return c.recipe.mode == sharedRead })
		writers := 0
		for i := range list {
			k := &list[i]
			k.place = i + 1
			if readers && k.family == "kazoo" {
				k.recipe.name = "kazoo read/write lock"
			}
			free := i == 0
			switch k.recipe.mode {
			case leased:
				free = true
			case sharedRead:
				free = writers == 0
			case sharedWrite:
				writers++
			}
			k.state = "waits"
			if free {
				k.state = k.recipe.holds
			}
		}
		lines = append(lines, list)
	}
	slices.SortFunc(lines, func(a, b []contender) int { return cmp.Compare(a[0].family, b[0].family) })
	return lines
}

// single reads a znode that is a lock by itself: an ephemeral that whoever
// comes first makes under a fixed name, as Kafka's /controller is. Asked about
// it, any ephemeral counts; found on the way, only one whose name says so.
func single(name string, st *protocol.Stat, asked bool) (contender, bool) {
	if st == nil || st.EphemeralOwner == 0 {
		return contender{}, false
	}
	low := strings.ToLower(name)
	says := slices.ContainsFunc([]string{"lock", "leader", "master", "controller", "elector", "active"}, func(w string) bool { return strings.Contains(low, w) })
	if !asked && !says {
		return contender{}, false
	}
	return contender{name: name, stat: st, recipe: recipe{"single ephemeral", "holds", exclusive}, state: "holds", place: 1}, true
}
