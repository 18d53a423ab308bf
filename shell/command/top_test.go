package command

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/shell/probe"
)

func topFixture() *topView {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	look := func(at time.Time, received int64) *topLook {
		l := &topLook{at: at, servers: standing("leader 0x100000005 9 3.8.0", "follower 0x100000005 9 3.8.0", "silent")}
		l.servers[0].Received, l.servers[1].Received = received, 2*received
		for i := range 20 {
			l.conns = append(l.conns, probe.Conn{Client: fmt.Sprintf("10.0.0.%d:5", i+1), Session: protocol.SessionID(i + 1), Server: "h1:2181",
				Received: received * int64(i), LastOp: "PING", Established: at.Add(-time.Minute)})
		}
		l.oddity = disagreements(l.servers, nil)
		return l
	}
	v := &topView{interval: 2 * time.Second}
	v.update(look(at, 100))
	v.update(look(at.Add(2*time.Second), 300))
	return v
}

func (v *topView) text(cols, rows int) []string {
	var out []string
	for _, r := range v.draw(cols, rows) {
		out = append(out, r.Text)
	}
	return out
}

func TestTopView(t *testing.T) {
	t.Parallel()
	if got := (&topView{}).text(80, 24); len(got) != 1 || !strings.Contains(got[0], "asking") {
		t.Errorf("before the first look: %q", got)
	}
	v := topFixture()
	rows := v.text(120, 14)
	if len(rows) != 14 {
		t.Fatalf("%d rows in a window of 14", len(rows))
	}
	if !strings.HasPrefix(rows[0], "12:00:02 (every 2s)  2 of 3 serve, leader h1:2181, zxid 0x100000005") || rows[1] != "! h3:2181 is silent: connect: connection refused" {
		t.Errorf("summary: %q", rows[:2])
	}
	if f := strings.Fields(rows[4]); f[0] != "h1:2181" || f[5] != "100" {
		t.Errorf("the leader received 200 packets in 2 s: %q", rows[4])
	}
	press := func(keys ...string) {
		for _, k := range keys {
			if done, _ := v.key(k); done {
				t.Fatalf("%q ended it", k)
			}
		}
	}
	first := func() string { return strings.Fields(v.text(120, 14)[4])[0] }
	press("right", "right", "right", "right", "right") // recv/s, the largest first
	if first() != "h2:2181" {
		t.Errorf("by received packets: %q", v.text(120, 14))
	}
	press("r")
	if first() != "h3:2181" {
		t.Errorf("the order turned round: %q", v.text(120, 14))
	}
	press("tab", "right", "right", "right")
	rows = v.text(120, 14)
	if !strings.HasPrefix(rows[4], "10.0.0.20:5") || !strings.HasPrefix(rows[13], "1-9 of 20  q leaves") {
		t.Errorf("clients: %q", rows)
	}
	press("pgdn", "down", "up", "pgdn", "pgdn")
	if rows = v.text(120, 14); !strings.HasPrefix(rows[13], "12-20 of 20") || !strings.HasPrefix(rows[12], "10.0.0.1:5") {
		t.Errorf("scrolled to the end: %q", rows)
	}
	press("home")
	if rows = v.text(120, 14); !strings.HasPrefix(rows[13], "1-9 of 20") {
		t.Errorf("scrolled back: %q", rows)
	}
	press(" ", "+")
	if rows = v.text(120, 14); !strings.HasPrefix(rows[0], "12:00:02 (paused) ") || v.pause() != 3*time.Second {
		t.Errorf("paused: %q, %v", rows[0], v.pause())
	}
	before := v.now
	v.update(&topLook{})
	if v.now != before {
		t.Error("a look came through a pause")
	}
	for _, key := range []string{"q", "esc", "ctrl-c"} {
		if done, _ := v.key(key); !done {
			t.Errorf("%s does not end it", key)
		}
	}
	// A narrow window has whole columns, that of the order always.
	narrow := topFixture()
	narrow.column[0] = 12 // version
	if rows = narrow.text(60, 14); rows[3] != "server   mode             zxid  recv/s  conns  version↓  up" {
		t.Errorf("60 columns: %q", rows[3])
	}
	for rows := range 6 { // a window that is too small draws what it can
		v.draw(1, rows)
	}
}
