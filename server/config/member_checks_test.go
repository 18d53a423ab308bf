package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// What this machine sees of the server lines before the first election. The server is number 2 unless myid says
// otherwise; line 5 is the first of the server lines.
func TestCheckMembers(t *testing.T) {
	t.Parallel()
	hosts := map[string][]netip.Addr{}
	for name, addrs := range map[string]string{
		"zk1": "10.0.0.1", "zk2": "10.0.0.2", "zk3": "10.0.0.3 fd00::3", "alias3": "fd00::3", "localhost": "127.0.0.1 ::1",
		"debian": "127.0.1.1", "public": "203.0.113.7", "vip": "10.0.0.99",
	} {
		for _, a := range strings.Fields(addrs) {
			hosts[name] = append(hosts[name], netip.MustParseAddr(a))
		}
	}
	local := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fe80::2%eth0")}
	lines := func(one, two, three string) string {
		return fmt.Sprintf("server.1=%s:2888:3888\nserver.2=%s:2888:3888\nserver.3=%s:2888:3888\n", one, two, three)
	}
	const everywhere = "quorumListenOnAllIPs=true\n"
	for _, tt := range []struct {
		name, lines, myid string
		warning, err      string
	}{
		{name: "by name", lines: lines("zk1", "zk2", "zk3")},
		{name: "by address", lines: lines("10.0.0.1", "10.0.0.2", "10.0.0.3")},
		{name: "link-local", lines: lines("[fe80::1%eth0]", "[fe80::2%eth0]", "[fe80::3%eth0]")},
		{name: "one host, other ports", lines: "server.1=localhost:1:11\nserver.2=127.0.0.1:2:12\nserver.3=[::1]:3:13\n"},
		{name: "every interface", lines: lines("zk1", "0.0.0.0", "zk3")},

		{name: "Debian's hosts file", lines: lines("zk1", "debian", "zk3"),
			err: "zoo.cfg:6: server.2=debian:2888:3888: this server's own host is 127.0.1.1, the loopback address, which server.1 on another machine cannot reach; let debian resolve to an address the others reach (its line in /etc/hosts is the usual cause), or set quorumListenOnAllIPs=true"},
		{name: "Debian's hosts file, every interface", lines: lines("zk1", "debian", "zk3") + everywhere},
		{name: "localhost", lines: lines("zk1", "localhost", "zk3") + everywhere,
			err: "zoo.cfg:6: server.2=localhost:2888:3888: this server's own host is 127.0.0.1, the loopback address, which server.1 on another machine cannot reach; write a name or an address the others reach"},
		{name: "loopback, the others on this machine too", lines: "server.1=10.0.0.2:1:11\nserver.2=127.0.0.1:2:12\nserver.3=10.0.0.2:3:13\n"},
		{name: "a peer at loopback", lines: lines("localhost", "zk2", "zk3"), warning: "zoo.cfg:5: server.1: 127.0.0.1 is the loopback address, so server 1 is only reached if it runs on this machine"},
		{name: "a peer at every interface", lines: lines("0.0.0.0", "zk2", "zk3"), err: "zoo.cfg:5: server.1=0.0.0.0:2888:3888: 0.0.0.0 is no address to reach another server at; write the host of that server"},

		{name: "same host twice", lines: lines("zk1", "zk2", "zk1"), err: "zoo.cfg:7: server.3=zk1:2888:3888: zk1:2888 is an address of server.1 too; give each server an address or ports of its own"},
		{name: "two names of one host", lines: "server.1=alias3:1:3888\nserver.2=zk2:1:2\nserver.3=zk3:3888:2888\n", err: "zoo.cfg:7: server.3=zk3:3888:2888: [fd00::3]:3888 is an address of server.1 too"},
		{name: "same host twice, unknown", lines: lines("nowhere", "zk2", "nowhere"), err: "nowhere:2888 is an address of server.1 too"},
		{name: "own twice", lines: lines("10.0.0.2", "zk2", "zk3"), err: "zoo.cfg:6: server.2=zk2:2888:3888: 10.0.0.2:2888 is an address of server.1 too"},

		{name: "a peer unknown", lines: lines("nowhere", "zk2", "zk3"), warning: "zoo.cfg:5: server.1: nowhere resolves to nothing here (no such host); server 1 is not reached until the name is known"},
		{name: "a peer without addresses", lines: lines("empty", "zk2", "zk3"), warning: "empty resolves to nothing here; server 1"},
		{name: "itself unknown", lines: lines("zk1", "nowhere", "zk3"),
			err: "zoo.cfg:6: server.2=nowhere:2888:3888: nowhere, this server's own host, resolves to nothing here (no such host); enter it in the DNS or in /etc/hosts, or write an address of this machine"},
		{name: "itself unknown, every interface", lines: lines("zk1", "nowhere", "zk3") + everywhere, warning: "zoo.cfg:6: server.2: nowhere, this server's own host, resolves to nothing here (no such host); the others must know it"},

		{name: "a peer's id", lines: lines("zk1", "zk2", "zk3"), myid: "3",
			err: "zoo.cfg:7: server.3=zk3:2888:3888: myid says 3, but this machine has the address of server.2, zk2; write 2 into myid, or mend the server lines"},
		{name: "an address of nobody here", lines: lines("zk1", "vip", "zk3"),
			err: "zoo.cfg:6: server.2=vip:2888:3888: 10.0.0.99 is none of this machine's addresses, so the quorum port cannot be bound; mend the address or myid (it says 2), or set quorumListenOnAllIPs=true behind a translated address"},
		{name: "a translated address", lines: lines("zk1", "public", "zk3") + everywhere, warning: "zoo.cfg:6: server.2: 203.0.113.7 is none of this machine's addresses; that is right behind a translated address, and a wrong myid otherwise"},
		{name: "alone", lines: "server.2=nowhere:1:2\n"},
	} {
		files := map[string]string{"/var/zk/myid": "2"}
		if tt.myid != "" {
			files["/var/zk/myid"] = tt.myid
		}
		c, _, err := Parse("zoo.cfg", []byte(minimal+limits+tt.lines), memEnv(nil, files))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		asked := map[string]bool{}
		warnings, err := c.CheckMembers(local, func(host string) ([]netip.Addr, error) {
			if asked[host] {
				t.Errorf("%s: asked for %s again", tt.name, host)
			}
			asked[host] = true
			if addrs, known := hosts[host]; known || host == "empty" {
				return addrs, nil
			}
			return nil, errors.New("no such host")
		})
		switch {
		case tt.err == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: got %v\nwant %s", tt.name, err, tt.err)
		case tt.err == "":
			checkWarnings(t, tt.name, warnings, tt.warning)
		}
	}
}
