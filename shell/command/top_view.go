package command

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/clipperhouse/displaywidth"

	"zookit/protocol"
	"zookit/shell/probe"
	"zookit/shell/render"
)

// topView is what top shows and how: it takes looks and keys and draws rows.
type topView struct {
	mu       sync.Mutex // looks come from another goroutine than keys and drawings
	now      *topLook
	before   *topLook // nil after the first
	interval time.Duration
	paused   bool
	clients  bool   // the clients are shown, else the servers
	column   [2]int // sorted by, in each table
	reversed [2]bool
	offset   int // rows scrolled by
	page     int // rows that fit, of the last drawing
}

// A topCell is a cell with what it is sorted by. Numbers begin with the largest.
type topCell struct {
	text   string
	number float64
	isText bool
}

func textCell(s string) topCell              { return topCell{text: render.Visible(s), isText: true} }
func numberCell(s string, n float64) topCell { return topCell{text: s, number: n} }
func countCell(n int64) topCell              { return topCell{text: fmt.Sprint(n), number: float64(n)} }

func (v *topView) update(l *topLook) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.paused || v.now == nil {
		v.now, v.before = l, v.now
	}
}

func (v *topView) pause() time.Duration {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.interval
}

func (v *topView) table() int {
	if v.clients {
		return 1
	}
	return 0
}

// key acts on a key. done ends top; now asks for another look at once.
func (v *topView) key(key string) (done, now bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	t := v.table()
	switch key {
	case "q", "Q", "esc", "ctrl-c":
		return true, false
	case "tab":
		v.clients, v.offset = !v.clients, 0
	case "left", "<", "right", ">":
		header := topHeaders[t]
		step := 1
		if key == "left" || key == "<" {
			step = len(header) - 1
		}
		v.column[t] = (v.column[t] + step) % len(header)
	case "r":
		v.reversed[t] = !v.reversed[t]
	case "up", "k":
		v.offset--
	case "down", "j":
		v.offset++
	case "pgup":
		v.offset -= v.page
	case "pgdn":
		v.offset += v.page
	case "home":
		v.offset = 0
	case " ":
		v.paused = !v.paused
		return false, !v.paused
	case "+":
		v.interval = min(v.interval+leastLook, mostLook)
	case "-":
		v.interval = max(v.interval-leastLook, leastLook)
		return false, true
	}
	return false, false
}

var topHeaders = [2][]string{
	{"server", "id", "mode", "zxid", "lag", "recv/s", "sent/s", "avg ms", "max ms", "conns", "outst.", "znodes", "version", "up"},
	{"client", "session", "server", "recv/s", "sent/s", "queued", "avg ms", "max ms", "last op", "connected", "timeout"},
}

// topSpare may be missing in a narrow window, unless rows are sorted by it; the
// first goes first.
var topSpare = [2][]string{
	{"version", "id", "sent/s", "max ms", "znodes", "avg ms", "outst.", "lag", "zxid"},
	{"timeout", "sent/s", "max ms", "connected", "avg ms", "queued", "server"},
}

// draw is the window: two lines of summary, the table, a line of keys.
func (v *topView) draw(cols, rows int) []ScreenRow {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.now == nil {
		return []ScreenRow{{Text: "asking the servers …"}}
	}
	out := []ScreenRow{{Text: v.summary(), Bold: true}}
	for i, text := range v.now.oddity {
		if i == 3 || rows < 12 {
			break
		}
		out = append(out, ScreenRow{Text: "! " + render.Visible(text)})
	}
	cells := v.serverCells()
	if v.clients {
		if cells = v.clientCells(); len(v.now.unheard) > 0 {
			u := v.now.unheard[0]
			out = append(out, ScreenRow{Text: render.Visible(fmt.Sprintf("! %s does not tell its clients: %s: %v", u.Server, u.Word, u.First))})
		}
	}
	t := v.table()
	v.sort(cells, v.column[t], v.reversed[t])
	out = append(out, ScreenRow{})
	v.page = max(rows-len(out)-2, 1)
	v.offset = max(min(v.offset, len(cells)-v.page), 0)
	shown := cells[v.offset:min(v.offset+v.page, len(cells))]
	out = append(out, layOut(topHeaders[t], v.column[t], v.reversed[t], shown, cols, topSpare[t])...)
	for len(out) < rows-1 {
		out = append(out, ScreenRow{})
	}
	keys := fmt.Sprintf("q leaves  Tab %s  ←→ sort  r reverse  ↑↓ scroll  space pause  +- interval", [2]string{"clients", "servers"}[t])
	if len(cells) > v.page {
		keys = fmt.Sprintf("%d-%d of %d  %s", v.offset+1, v.offset+len(shown), len(cells), keys)
	}
	return append(out, ScreenRow{Text: keys, Mark: true})
}

func (v *topView) summary() string {
	serving, leader := 0, "no leader"
	var zxid protocol.Zxid
	var conns, outstanding int64
	for _, r := range v.now.servers {
		if r.serves() {
			serving++
		}
		switch r.Mode {
		case "leader":
			leader = "leader " + r.Server
		case "standalone":
			leader = "standalone"
		}
		zxid = max(zxid, r.Zxid)
		conns += r.Connections
		outstanding += r.Outstanding
	}
	state := fmt.Sprintf("every %v", v.interval)
	if v.paused {
		state = "paused"
	}
	return fmt.Sprintf("%s (%s)  %d of %d serve, %s, zxid %v, %d connections, %d outstanding",
		v.now.at.Format("15:04:05"), state, serving, len(v.now.servers), render.Visible(leader), zxid, conns, outstanding)
}

func (v *topView) serverCells() [][]topCell {
	before := map[string]*StatusRecord{}
	var d time.Duration
	if v.before != nil {
		d = v.now.at.Sub(v.before.at)
		for _, r := range v.before.servers {
			before[r.Server] = r
		}
	}
	var all [][]topCell
	for _, r := range v.now.servers {
		row := r.row()
		received, sent := 0.0, 0.0
		if b := before[r.Server]; b != nil && b.serves() && r.serves() {
			received, sent = rate(r.Received, b.Received, d), rate(r.Sent, b.Sent, d)
		}
		id := -1.0
		if r.ID != nil {
			id = float64(*r.ID)
		}
		if !r.serves() {
			all = append(all, []topCell{textCell(r.Server), numberCell(row[1], id), textCell(r.Mode), textCell("-"), textCell("-"), numberCell("-", -1), numberCell("-", -1),
				numberCell("-", -1), numberCell("-", -1), numberCell("-", -1), numberCell("-", -1), numberCell("-", -1), textCell("-"), numberCell("-", -1)})
			continue
		}
		all = append(all, []topCell{textCell(r.Server), numberCell(row[1], id), textCell(row[2]), numberCell(row[3], float64(r.Zxid)), numberCell(row[4], float64(r.Lag)),
			numberCell(perSecond(received), received), numberCell(perSecond(sent), sent),
			numberCell(fmt.Sprintf("%.4g", r.LatencyAvg), r.LatencyAvg), numberCell(fmt.Sprintf("%.4g", r.LatencyMax), r.LatencyMax),
			countCell(r.Connections), countCell(r.Outstanding), countCell(r.Nodes), textCell(r.Version), numberCell(row[10], float64(r.UptimeMs))})
	}
	return all
}

func (v *topView) clientCells() [][]topCell {
	type key struct {
		session protocol.SessionID
		client  string
	}
	before := map[key]probe.Conn{}
	var d time.Duration
	if v.before != nil {
		d = v.now.at.Sub(v.before.at)
		for _, k := range v.before.conns {
			before[key{k.Session, k.Client}] = k
		}
	}
	var all [][]topCell
	for _, k := range v.now.conns {
		received, sent := 0.0, 0.0
		if b, ok := before[key{k.Session, k.Client}]; ok {
			received, sent = rate(k.Received, b.Received, d), rate(k.Sent, b.Sent, d)
		}
		age := v.now.at.Sub(k.Established)
		timeout := time.Duration(k.TimeoutMs) * time.Millisecond
		all = append(all, []topCell{textCell(k.Client), textCell(k.Session.String()), textCell(k.Server),
			numberCell(perSecond(received), received), numberCell(perSecond(sent), sent), countCell(k.Queued), countCell(k.AvgMs), countCell(k.MaxMs),
			textCell(k.LastOp), numberCell(short(age), age.Seconds()), numberCell(short(timeout), timeout.Seconds())})
	}
	return all
}

// sort orders rows by a column: text ascending, numbers from the largest; ties
// by the first column.
func (v *topView) sort(rows [][]topCell, column int, reversed bool) {
	order := func(a, b topCell) int {
		if a.isText || b.isText {
			return strings.Compare(a.text, b.text)
		}
		return cmp.Compare(b.number, a.number)
	}
	slices.SortStableFunc(rows, func(a, b []topCell) int {
		n := order(a[column], b[column])
		if reversed {
			n = -n
		}
		return cmp.Or(n, strings.Compare(a[0].text, b[0].text))
	})
}

// layOut sets rows in columns under their header; the column they are sorted by
// has an arrow. Columns that can be spared are left out until the rest fits.
func layOut(header []string, column int, reversed bool, rows [][]topCell, cols int, spare []string) []ScreenRow {
	names := slices.Clone(header)
	arrow := "↓"
	if reversed {
		arrow = "↑"
	}
	names[column] += arrow
	wide := make([]int, len(names))
	for i, n := range names {
		wide[i] = displaywidth.String(n)
		for _, row := range rows {
			wide[i] = max(wide[i], displaywidth.String(row[i].text))
		}
	}
	shown := make([]int, len(names))
	total := -2
	for i := range shown {
		shown[i] = i
		total += wide[i] + 2
	}
	for _, name := range spare {
		if i := slices.Index(header, name); total > cols && i != column {
			shown = slices.DeleteFunc(shown, func(k int) bool { return k == i })
			total -= wide[i] + 2
		}
	}
	pad := func(text string, i int, right bool) string {
		gap := strings.Repeat(" ", wide[i]-displaywidth.String(text))
		if right {
			return gap + text
		}
		return text + gap
	}
	right := make([]bool, len(names))
	for i := range names {
		right[i] = len(rows) > 0 && !slices.ContainsFunc(rows, func(r []topCell) bool { return r[i].isText && r[i].text != "-" })
	}
	join := func(cell func(i int) string) string {
		parts := make([]string, len(shown))
		for k, i := range shown {
			parts[k] = pad(cell(i), i, right[i])
		}
		return strings.TrimRight(strings.Join(parts, "  "), " ")
	}
	out := []ScreenRow{{Text: join(func(i int) string { return names[i] }), Mark: true}}
	for _, row := range rows {
		out = append(out, ScreenRow{Text: join(func(i int) string { return row[i].text })})
	}
	return out
}
