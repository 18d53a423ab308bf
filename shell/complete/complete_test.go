package complete

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var table = []Command{
	{Name: "addWatch", Summary: "watch a znode", Flags: []Flag{{Name: "-m", Value: &Arg{Kind: Choice, Words: []Word{{"PERSISTENT", ""}, {"PERSISTENT_RECURSIVE", ""}}}}}, Args: []Arg{{Kind: Path}}},
	{Name: "create", Summary: "create a znode", Flags: []Flag{{Name: "-e", Summary: "ephemeral"}, {Name: "-s", Summary: "sequential"}, {Name: "-t", Value: &Arg{}}}, Args: []Arg{{Kind: Path}, {}, {Kind: ACL}}},
	{Name: "get", Args: []Arg{{Kind: Path}}, Flags: []Flag{{Name: "-s"}, {Name: "-w"}}},
	{Name: "getAcl", Args: []Arg{{Kind: Path}}},
	{Name: "help", Args: []Arg{{Kind: Name}}},
	{Name: "ls2", Hidden: true, Args: []Arg{{Kind: Path}}},
	{Name: "printwatches", Args: []Arg{{Kind: Choice, Words: []Word{{"on", ""}, {"off", ""}}}}},
	{Name: "sync", Args: []Arg{{Kind: Path, Repeat: true}}},
	{Name: "version"},
}

// tree is a Lookup that knows all there is.
type tree map[string][]string

func (t tree) Children(parent string) ([]string, bool) {
	names, ok := t[parent]
	return names, ok
}

var znodes = tree{
	"/":              {"app", "application", "it's", "my \"app\"", "my app", "zookeeper", "ünï"},
	"/app":           {"config", "config2", "b\x1b[31m", "\xff"},
	"/my app":        {"inner one", "x"},
	"/zookeeper":     {"config", "quota"},
	"/my app/x":      {},
	"/a \"b\" 'c'":   {"unquotable"},
	"/app/config2/d": nil,
}

// Each line is completed where | stands; a suggestion is written as the line would be when it is accepted and the
// argument ends there.
func TestComplete(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		line string
		want []string
	}{
		{`|`, []string{`addWatch`, `create`, `get`, `getAcl`, `help`, `printwatches`, `sync`, `version`}},
		{`g|`, []string{`get`, `getAcl`}},
		{`GETA|`, []string{`getAcl`}},
		{`  ge|x /app`, []string{`  getx /app`, `  getAclx /app`}},
		{`ls2|`, nil},
		{`nosuch /|`, nil},
		{`help get|`, []string{`help get`, `help getAcl`}},
		{`version |`, nil},

		{`create -|`, []string{`create -e`, `create -s`, `create -t`}},
		{`create -e -|`, []string{`create -e -s`, `create -e -t`}},
		{`create /x -|`, []string{`create /x -e`, `create /x -s`, `create /x -t`}},
		{`create -t |`, nil},
		{`create -t 5 /zoo|`, []string{`create -t 5 /zookeeper`}},
		{`create -- -|`, nil},
		{`addWatch -m |`, []string{`addWatch -m PERSISTENT`, `addWatch -m PERSISTENT_RECURSIVE`}},
		{`addWatch -m persistent_|`, []string{`addWatch -m PERSISTENT_RECURSIVE`}},
		{`addWatch -m PERSISTENT /zoo|`, []string{`addWatch -m PERSISTENT /zookeeper`}},
		{`printwatches o|`, []string{`printwatches on`, `printwatches off`}},
		{`printwatches on |`, nil},

		{`get |`, []string{`get /app`, `get /application`, `get /it's`, `get '/my "app"'`, `get "/my app"`, `get /zookeeper`, `get /ünï`}},
		{`get /a|`, []string{`get /app`, `get /application`}},
		{`get /app|`, []string{`get /application`}},
		{`get /app/|`, []string{`get /app/config`, `get /app/config2`}},
		{`get -s /zookeeper/q| -w`, []string{`get -s /zookeeper/quota -w`}},
		{`get /ü|`, []string{`get /ünï`}},
		{`get /my|`, []string{`get '/my "app"'`, `get "/my app"`}},
		{`get "/my app/|`, []string{`get "/my app/inner one"`, `get "/my app/x"`}},
		{`get '/my app/i|`, []string{`get '/my app/inner one'`}},
		{`get "/|`, []string{`get "/app"`, `get "/application"`, `get "/it's"`, `get "/my app"`, `get "/zookeeper"`, `get "/ünï"`}},
		{`get "/app"|`, nil},
		{`get "|`, []string{`get "/app"`, `get "/application"`, `get "/it's"`, `get "/my app"`, `get "/zookeeper"`, `get "/ünï"`}},
		{`get relative|`, nil},
		{`get //|`, nil},
		{`get /nosuch/|`, nil},
		{`get /app /|`, nil},
		{`sync /app /zoo|`, []string{`sync /app /zookeeper`}},
		{`create /x data |`, []string{`create /x data world:anyone:`, `create /x data auth::`, `create /x data digest:`, `create /x data ip:`, `create /x data x509:`, `create /x data sasl:`}},
		{`create /x data w|`, []string{`create /x data world:anyone:`}},
		{`create /x data world:|`, []string{`create /x data world:anyone:`}},
		{`create /x data world:anyone:|`, []string{`create /x data world:anyone:cdrwa`, `create /x data world:anyone:cdrw`, `create /x data world:anyone:r`}},
		{`create /x data ip:127.0.0.1:r,a|`, []string{`create /x data ip:127.0.0.1:r,auth::`}},
		{`create /x data auth::c|`, []string{`create /x data auth::cdrwa`, `create /x data auth::cdrw`}},
		{`create /x data digest:joe:|`, nil},
		{`create /x data digest:joe:hash:|`, []string{`create /x data digest:joe:hash:cdrwa`, `create /x data digest:joe:hash:cdrw`, `create /x data digest:joe:hash:r`}},
	} {
		pos := strings.IndexByte(tt.line, '|')
		line := tt.line[:pos] + tt.line[pos+1:]
		var got []string
		for _, s := range Complete(table, line, pos, znodes) {
			got = append(got, line[:s.Start]+s.Text+s.Close+line[pos:])
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s\n got %q\nwant %q", tt.line, got, tt.want)
		}
	}
}

// A parent of 100,000 children costs no more than what is shown of it.
func TestManyChildren(t *testing.T) {
	var names []string
	for i := range 100_000 {
		names = append(names, fmt.Sprintf("n%09d", i))
	}
	lookup := tree{"/": names}
	got := Complete(table, "get /", 5, lookup)
	if len(got) != maxShown || got[maxShown-1].Summary != "... and 99,950 more: type on" || got[0].Summary != "" {
		t.Fatalf("%d suggestions, the last %+v", len(got), got[len(got)-1])
	}
	if got := Complete(table, "get /n00009999", 14, lookup); len(got) != 10 || got[9].Text != "/n000099999" || got[9].Summary != "" {
		t.Fatalf("%+v", got)
	}
	allocs := testing.AllocsPerRun(10, func() { Complete(table, "get /", 5, lookup) })
	if allocs > 3*maxShown {
		t.Errorf("%v allocations", allocs)
	}
}

func FuzzComplete(f *testing.F) {
	f.Add(`get "/my app/`, 9)
	f.Add(`create /x data digest:joe:hash:`, 31)
	f.Fuzz(func(t *testing.T, line string, pos int) {
		pos = min(max(pos, 0), len(line))
		for _, s := range Complete(table, line, pos, znodes) {
			if s.Start < 0 || s.Start > pos {
				t.Fatalf("%q at %d: %+v", line, pos, s)
			}
		}
	})
}

// TestCache plays a session of typing against the cache with a clock and questions in our hands.
func TestCache(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var asked []Question
	c := NewCache(func(q Question) { asked = append(asked, q) }, func() time.Time { return now })
	expect := func(step, parent string, names []string, known bool, questions int) {
		t.Helper()
		got, ok := c.Children(parent)
		if !slices.Equal(got, names) || ok != known || len(asked) != questions {
			t.Fatalf("%s: %q, %t after %d questions, want %q, %t after %d", step, got, ok, len(asked), names, known, questions)
		}
	}
	expect("nothing is known", "/", nil, false, 1)
	expect("a question runs already", "/", nil, false, 1)
	if !c.Answer(asked[0], []string{"b", "a"}, nil) {
		t.Error("an answer is a change")
	}
	expect("answered", "/", []string{"a", "b"}, true, 1)
	now = now.Add(lifetime + 1)
	expect("shown while asking again", "/", []string{"a", "b"}, true, 2)
	if c.Answer(asked[1], []string{"a", "b"}, nil) {
		t.Error("the same answer is no change")
	}
	now = now.Add(lifetime + 1)
	expect("asked again", "/", []string{"a", "b"}, true, 3)
	if !c.Answer(asked[2], nil, errors.New("no connection")) {
		t.Error("an error takes the names away")
	}
	expect("an error leaves a pause", "/", nil, false, 3)
	now = now.Add(errorPause + 1)
	expect("and then asks again", "/", nil, false, 4)

	c.Reset() // connect
	expect("another server", "/", nil, false, 5)
	if c.Answer(asked[3], []string{"stale"}, nil) {
		t.Error("the old server's answer came through")
	}
	expect("the old answer is dropped", "/", nil, false, 5)
	c.Answer(asked[4], []string{"new"}, nil)
	expect("the new one counts", "/", []string{"new"}, true, 5)
}

// TestCacheBounds fills the cache beyond its bounds.
func TestCacheBounds(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var asked []Question
	c := NewCache(func(q Question) { asked = append(asked, q) }, func() time.Time { return now })
	for i := range 2 * maxQuestions {
		c.Children(fmt.Sprint("/busy", i))
	}
	if len(asked) != maxQuestions {
		t.Fatalf("%d questions run, want %d", len(asked), maxQuestions)
	}
	for _, q := range asked {
		c.Answer(q, nil, errors.New("gone"))
	}
	for i := range 2 * maxParents {
		now = now.Add(time.Millisecond)
		c.Children(fmt.Sprint("/p", i))
		c.Answer(asked[len(asked)-1], make([]string, 3*maxNames/maxParents), nil)
	}
	if len(c.parents) > maxParents || c.names > maxNames+3*maxNames/maxParents {
		t.Errorf("%d parents and %d names are remembered", len(c.parents), c.names)
	}
	if _, ok := c.Children(fmt.Sprint("/p", 2*maxParents-1)); !ok {
		t.Error("the newest is forgotten")
	}
	if _, ok := c.Children("/p0"); ok {
		t.Error("the oldest is remembered")
	}
}

// somewhere is a Lookup of a shell that went to a znode.
type somewhere struct {
	tree
	dir string
}

func (s somewhere) Dir() string { return s.dir }

func TestCompleteRelativePaths(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ dir, typed, want string }{
		{"/", "zoo", "zookeeper"},
		{"/", "zookeeper/q", "zookeeper/quota"},
		{"/app", "", "config config2"},
		{"/zookeeper", "co", "config"},
		{"/app", "../zookeeper/", "../zookeeper/config ../zookeeper/quota"},
		{"/app", "/zookeeper/c", "/zookeeper/config"},
		{"/app", "nothing/", ""},
		{"/app", "c*2", "config2"},
		{"/", "/zookeeper/*o*", "/zookeeper/config /zookeeper/quota"},
		{"", "zoo", ""}, // a manner of Apache's
	} {
		var got []string
		line := "get " + tt.typed
		for _, s := range Complete(table, line, len(line), somewhere{znodes, tt.dir}) {
			got = append(got, strings.Trim(s.Text, `"'`))
		}
		want := strings.Fields(tt.want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q in %s: %q, want %q", tt.typed, tt.dir, got, want)
		}
	}
}

// Below a pattern stand the children of all that match; the pattern stays as it is typed.
func TestCompleteBelowPatterns(t *testing.T) {
	t.Parallel()
	wide := tree{
		"/": {"app", "other"}, "/app": {"a1", "a2", "b 1"}, "/app/a1": {"conf", "config", "only one"}, "/app/a2": {"conf", "data"}, "/app/b 1": {"conf"},
		"/app/a2/data": {"deep"}, "/other": {"a9"},
	}
	many := []string{}
	for i := range 2 * maxMatches {
		name := fmt.Sprintf("m%03d", i)
		many = append(many, name)
		wide["/many/"+name] = []string{"child-" + name}
	}
	wide["/many"] = many
	for _, tt := range []struct{ typed, want string }{
		{"/app/a*/conf", "/app/a*/config in /app/a1"}, // conf is there already
		{"/app/*/co", "/app/*/conf in 3 of 3, /app/*/config in /app/a1"},
		{"/app/*/only", "/app/*/only?one in /app/a1"},
		{"/a*/a?/data/", "/a*/a?/data/deep in /app/a2/data"},
		{"/app/[!b]*/d*", "/app/[!b]*/data in /app/a2"},
		{"/nothing*/x", ""},
		{"/**/conf", ""},
		{`"/app/a*/co`, ""}, // between quotation marks * is a name
		{"/many/*/child-m00", "/many/*/child-m000 in /many/m000, /many/*/child-m001 in /many/m001, /many/*/child-m002 in /many/m002, " +
			"/many/*/child-m003 in /many/m003, /many/*/child-m004 in /many/m004, /many/*/child-m005 in /many/m005, " +
			"/many/*/child-m006 in /many/m006, /many/*/child-m007 in /many/m007, /many/*/child-m008 in /many/m008, /many/*/child-m009 in /many/m009"},
		{"/many/*/child-m63", ""}, // beyond the first maxMatches
	} {
		var got []string
		line := "get " + tt.typed
		for _, s := range Complete(table, line, len(line), wide) {
			got = append(got, s.Text+" "+s.Summary)
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.typed, got, tt.want)
		}
	}
}

// Words that servers are asked for are remembered as children are, beside them.
func TestCacheListed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var asked []Question
	c := NewCache(func(q Question) { asked = append(asked, q) }, func() time.Time { return now })
	if words, known := c.Listed(Session); known || len(words) != 0 || len(asked) != 1 || asked[0].Kind != Session {
		t.Fatalf("%v, %t, asked %v", words, known, asked)
	}
	c.Children("/")
	if !c.Answer(asked[0], []string{"0x2\tclient b", "0x1\tclient a"}, nil) {
		t.Error("an answer is a change")
	}
	if words, known := c.Listed(Session); !known || !slices.Equal(words, []Word{{"0x1", "client a"}, {"0x2", "client b"}}) {
		t.Errorf("%v, %t", words, known)
	}
	if _, known := c.Listed(Server); known || len(asked) != 3 {
		t.Errorf("servers are known: asked %v", asked)
	}
}
