package probe

import (
	"reflect"
	"testing"

	"zookit/protocol"
	"zookit/server/zktest/apache"
	"zookit/server/zktest/wire"
)

// What a running Apache says in words and what its AdminServer says is read as
// the same.
func TestApacheBothWays(t *testing.T) {
	apache.Need(t)
	t.Parallel()
	srv := apache.Start(t, apache.Options{Admin: true})
	c, err := wire.Dial(srv.Addr, wire.Options{TimeoutMs: 20_000})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Drop()
	for _, path := range []string{"/e", "/f"} {
		if err := c.Do(protocol.OpCreate, &protocol.CreateRequest{Path: path, ACL: protocol.OpenACL, Flags: protocol.FlagEphemeral}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Do(protocol.OpGetData, &protocol.GetDataRequest{Path: "/e", Watch: true}, nil); err != nil {
		t.Fatal(err)
	}
	p := &Prober{AdminPort: srv.AdminPort, Servers: []string{srv.Addr}}
	ctx := t.Context()
	word := func(w string) string {
		t.Helper()
		text, err := p.Word(ctx, srv.Addr, w)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	admin := func(command string) []byte {
		t.Helper()
		body, err := p.Admin(ctx, srv.Addr, command)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}

	said := ParseCons(srv.Addr, word("cons"))
	told, err := parseConnections(srv.Addr, admin("connections"))
	for _, list := range [][]Conn{said, told} { // the counters go on a moment after the last reply
		for i, k := range list {
			list[i] = Conn{Server: k.Server, Client: k.Client, Session: k.Session, TimeoutMs: k.TimeoutMs, Established: k.Established}
		}
	}
	if err != nil || len(said) != 1 || said[0].Session != c.Session.Session || said[0].Client == "" || !reflect.DeepEqual(said, told) {
		t.Errorf("connections: in words\n%+v\nby the AdminServer\n%+v, %v", said, told, err)
	}
	dump := ParseDump(word("dump"))
	adminDump, err := parseAdminDump(admin("dump"))
	want := &Dump{Sessions: []protocol.SessionID{c.Session.Session}, Ephemerals: map[protocol.SessionID][]string{c.Session.Session: {"/e", "/f"}}}
	if err != nil || !reflect.DeepEqual(dump, want) || !reflect.DeepEqual(adminDump, want) {
		t.Errorf("dump: in words\n%+v\nby the AdminServer\n%+v, %v\nwant %+v", dump, adminDump, err, want)
	}
	if got := parseWatches(word("wchp")); !reflect.DeepEqual(got, map[string][]protocol.SessionID{"/e": {c.Session.Session}}) {
		t.Errorf("watches: %v", got)
	}
	var bySrvr, byAdmin Status
	if err := bySrvr.readSrvr(word("srvr")); err != nil {
		t.Fatal(err)
	}
	if err := byAdmin.readServerStats(admin("server_stats")); err != nil {
		t.Fatal(err)
	}
	if bySrvr.Mode != "standalone" || bySrvr.Zxid == 0 || bySrvr.Version == "" || bySrvr.Mode != byAdmin.Mode || bySrvr.Zxid != byAdmin.Zxid ||
		bySrvr.Version != byAdmin.Version || bySrvr.Nodes != byAdmin.Nodes || byAdmin.Uptime <= 0 {
		t.Errorf("status: in words\n%+v\nby the AdminServer\n%+v", bySrvr, byAdmin)
	}
	if f := FactsOf(c.Session.Session); f.Server != 1 || !f.Started.IsZero() {
		t.Errorf("the id %v says %+v; Apache 3.8 alone is server 1 and uses the machine's clock", c.Session.Session, f)
	}
}
