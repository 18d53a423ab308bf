package command

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"zookit/protocol"
	"zookit/protocol/quorum"
	"zookit/shell/probe"
)

// standing makes records from words "mode zxid znodes version", a server each.
func standing(lines ...string) []*StatusRecord {
	var records []*StatusRecord
	for i, l := range lines {
		id := int64(i + 1)
		f := strings.Split(l, " ")
		r := &StatusRecord{Server: fmt.Sprintf("h%d:2181", id), ID: &id, Mode: f[0]}
		if f[0] == modeSilent {
			r.Error = "connect: connection refused"
		} else {
			var zxid int64
			fmt.Sscanf(f[1], "0x%x", &zxid)
			r.Zxid = protocol.Zxid(zxid)
			fmt.Sscanf(f[2], "%d", &r.Nodes)
			r.Version = f[3]
		}
		records = append(records, r)
	}
	for _, r := range records {
		r.ZxidText = r.Zxid.String()
	}
	setLags(records)
	return records
}

func configOf(t *testing.T, text string) *quorum.Config {
	t.Helper()
	c, err := quorum.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const threeVoters = "server.1=h1:2888:3888:participant\nserver.2=h2:2888:3888:participant\nserver.3=h3:2888:3888:participant"

// What status and doctor say of the same servers.
func TestDisagreements(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		servers  []string
		config   string
		status   []string // in order, each a part of a line
		problems []string // of doctor, in order of finding
		hints    []string
	}{
		{"all well", []string{"leader 0x100000005 9 3.8.0", "follower 0x100000005 9 3.8.0", "follower 0x100000004 8 3.8.0"}, threeVoters, nil, nil, nil},
		{"one down", []string{"leader 0x100000005 9 3.8.0", "follower 0x100000005 9 3.8.0", "silent"}, threeVoters,
			[]string{"h3:2181 is silent: connect: connection refused"}, []string{"a server is silent: connect: connection refused; 2 of 3 voters serve: the loss of one more ends the service"}, nil},
		{"no quorum", []string{"silent", "silent", "read-only 0x100000005 9 3.8.0"}, threeVoters,
			[]string{"h1:2181 is silent", "h2:2181 is silent", "h3:2181 is read-only", "no server leads"},
			[]string{"a server is silent", "a server is silent", "a server is read-only", "no server leads"}, nil},
		{"trees differ", []string{"leader 0x100000005 9 3.8.0", "follower 0x100000005 8 3.8.0", "follower 0x100000005 9 3.8.0"}, threeVoters,
			[]string{"at zxid 0x100000005 the servers hold different numbers of znodes, so their trees differ: 8 on h2:2181; 9 on h1:2181, h3:2181"},
			[]string{"the servers' trees differ"}, nil},
		{"behind, and another version", []string{"leader 0x100001005 9 3.9.5", "follower 0x100000005 8 3.8.0", "follower 0x100000c1e 9 3.9.5"}, threeVoters,
			[]string{"h2:2181 is 4096 txns behind", "versions differ: 3.8.0 on h2:2181; 3.9.5 on h1:2181, h3:2181"},
			[]string{"a server is 4096 txns behind"}, []string{"the servers run different versions"}},
		{"a new epoch without a txn", []string{"leader 0x200000000 9 3.8.0", "follower 0x100000005 9 3.8.0", "observer 0x100000005 9 3.8.0"}, threeVoters, nil, nil, nil},
		{"another epoch, two leaders", []string{"leader 0x200000000 9 3.8.0", "leader 0x100000005 8 3.8.0", "follower 0x200000000 9 3.8.0"}, threeVoters,
			[]string{"2 servers say they lead: h1:2181, h2:2181", "epochs differ: 1 on h2:2181; 2 on h1:2181, h3:2181"},
			[]string{"a server is in epoch 1", "2 servers say they lead"}, nil},
		{"one of the ensemble alone", []string{"leader 0x100000005 9 3.8.0", "standalone 0x5 3 3.8.0", "follower 0x100000005 9 3.8.0"}, threeVoters,
			[]string{"h2:2181 stands alone", "epochs differ"}, []string{"a server is in epoch 0", "a server stands alone"}, nil},
		{"two that know nothing of each other", []string{"standalone 0x5 3 3.8.0", "standalone 0x5 3 3.8.0"}, "",
			[]string{"h1:2181 stands alone", "h2:2181 stands alone"}, []string{"a server stands alone"}, nil},
		{"a server alone, as it is meant", []string{"standalone 0x5 3 3.8.0"}, "", nil, nil, nil},
		{"even voters", []string{"leader 0x1 9 3.8.0", "follower 0x1 9 3.8.0", "follower 0x1 9 3.8.0", "follower 0x1 9 3.8.0", "observer 0x1 9 3.8.0"},
			threeVoters + "\nserver.4=h4:2888:3888:participant\nserver.5=h5:2888:3888:observer", nil, nil, []string{"an even number of voters: 4"}},
	} {
		records := standing(tt.servers...)
		var config *quorum.Config
		if tt.config != "" {
			config = configOf(t, tt.config)
		}
		got := disagreements(records, config)
		if !slices.EqualFunc(got, tt.status, strings.Contains) {
			t.Errorf("%s: status says %q, want %q", tt.name, got, tt.status)
		}
		x := &examination{e: &ensemble{Config: config}}
		x.servers(records)
		var problems, hints []string
		for _, f := range x.findings {
			if f.What == "" || f.Where == "" || f.Why == "" || f.Mend == "" {
				t.Errorf("%s: %+v says too little", tt.name, f)
			}
			if f.Weight == problem {
				problems = append(problems, f.What+"; "+f.Why)
			} else {
				hints = append(hints, f.What)
			}
		}
		if !slices.EqualFunc(problems, tt.problems, strings.Contains) || !slices.EqualFunc(hints, tt.hints, strings.Contains) {
			t.Errorf("%s: doctor finds %q and %q, want %q and %q", tt.name, problems, hints, tt.problems, tt.hints)
		}
	}
}

// Which addresses stand for the servers of a configuration.
func TestClientMembers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, config, listed, current, want string
	}{
		{"in the configuration", "server.1=h1:1:2:participant;0.0.0.0:2181\nserver.2=h2:1:2:observer;10.0.0.2:2182", "h1:2181", "h1:2181", "h1:2181 10.0.0.2:2182"},
		{"clientPort in zoo.cfg", "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant", "h2:2281,h1:2280", "h2:2281", "h1:2280 h2:2281"},
		{"not listed", "server.1=h1:1:2:participant\nserver.2=h2:1:2:participant", "h2:2281", "h2:2281", "h1:2281 h2:2281"},
		{"loopback elsewhere", "server.1=localhost:1:2:participant;2181\nserver.2=127.0.0.1:1:2:participant;127.0.0.1:2182", "far:2181", "far:2181", "far:2181 far:2182"},
		{"loopback here", "server.1=127.0.0.1:1:2:participant;[::]:2181", "localhost:2181", "localhost:2181", "127.0.0.1:2181"},
	} {
		var got []string
		for _, m := range clientMembers(configOf(t, tt.config), strings.Split(tt.listed, ","), tt.current) {
			got = append(got, m.Addr)
		}
		if strings.Join(got, " ") != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Names that lead each machine to itself, and those that lead nowhere.
func TestDoctorNames(t *testing.T) {
	t.Parallel()
	hosts := map[string]string{"h1": "10.0.0.1", "h2": "127.0.1.1", "h3": "10.0.0.3"}
	look := func(config string) []string {
		x := &examination{c: &Context{Context: t.Context()}, e: &ensemble{Config: configOf(t, config)},
			lookup: func(_ context.Context, host string) ([]string, error) {
				if a, ok := hosts[host]; ok {
					return []string{a}, nil
				}
				return nil, errors.New("no such host")
			}}
		x.names()
		var list []string
		for _, f := range x.findings {
			list = append(list, f.Weight+" "+f.What+" @ "+f.Where)
		}
		return list
	}
	for config, want := range map[string][]string{
		threeVoters: {"problem a name that means the machine itself: h2 is 127.0.1.1 @ server.2=h2"},
		strings.ReplaceAll(threeVoters, "h2", "unknown"):                         {"hint a name that cannot be resolved from here @ unknown"},
		"server.1=127.0.0.1:1:2:participant\nserver.2=127.0.0.1:3:4:participant": {"hint all servers are on one machine @ 127.0.0.1 (loopback)"},
		"server.1=h1:1:2:participant\nserver.2=h3:1:2:participant":               nil,
		"server.1=localhost:1:2:participant":                                     nil,
	} {
		if got := look(config); !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", config, got, want)
		}
	}
}

// Certificates that a TLS port shows, by how long they are good.
func TestDoctorCertificates(t *testing.T) {
	t.Parallel()
	for left, want := range map[time.Duration]string{
		-time.Hour: "problem a certificate has expired", 10 * 24 * time.Hour: "problem a certificate is about to expire",
		20 * 24 * time.Hour: "hint a certificate expires soon", 90 * 24 * time.Hour: "",
	} {
		addr := tlsPort(t, time.Now().Add(left))
		shown, err := new(probe.Prober).Certificates(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		x := &examination{}
		x.expiry(addr, shown)
		got := ""
		for _, f := range x.findings {
			got += f.Weight + " " + f.What
		}
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) || want != "" && !strings.Contains(got, "CN=zk1") {
			t.Errorf("%v left: %q, want %q", left, got, want)
		}
	}
}

// tlsPort shows a certificate that ends then, and hangs up.
func tlsPort(t *testing.T, ends time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "zk1"}, NotBefore: ends.Add(-1000 * time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func(c net.Conn) {
				_ = c.(*tls.Conn).Handshake()
				c.Close()
			}(c)
		}
	}()
	return ln.Addr().String()
}

func TestDistribution(t *testing.T) {
	t.Parallel()
	var trips []time.Duration
	for i := range 100 {
		trips = append(trips, time.Duration(i+1)*time.Microsecond)
	}
	slices.Reverse(trips)
	r := distribution("h:1", "exists", trips)
	want := &LatencyRecord{Server: "h:1", Op: "exists", Count: 100, Min: 1, P50: 50, P90: 90, P99: 99, Max: 100,
		Histogram: []Bucket{{1, 1}, {2, 1}, {5, 3}, {10, 5}, {20, 10}, {50, 30}, {100, 50}}}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v, want %+v", r, want)
	}
	one := distribution("h:1", "exists", []time.Duration{1700 * time.Microsecond})
	if one.Min != 1700 || one.P50 != 1700 || one.Max != 1700 || !reflect.DeepEqual(one.Histogram, []Bucket{{2000, 1}}) {
		t.Errorf("one round trip: %+v", one)
	}
	if got, want := string(one.text(false)), "h:1: 1 × exists: min 1.7ms, p50 1.7ms, p90 1.7ms, p99 1.7ms, max 1.7ms\n    ≤ 2ms  ######################################## 1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The lines in which servers differ about the ensemble.
func TestMemberships(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		by   map[string][]string
		want string
	}{
		{map[string][]string{"server.1=a\nserver.2=b": {"h1", "h2"}}, ""},
		{map[string][]string{"server.1=a\nserver.2=b": {"h2", "h1"}, "server.1=a\nserver.2=c": {"h3"}}, "server.2=b on h1, h2; server.2=c on h3"},
		{map[string][]string{"server.1=a": {"h1"}, "server.1=a\nserver.2=c": {"h2"}}, "server.2=c on h2"},
	} {
		if got := differing(tt.by); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.by, got, tt.want)
		}
	}
}

func TestGauge(t *testing.T) {
	t.Parallel()
	for full, want := range map[float64]string{0: "------------ 0%", 0.5: "######------ 50%", 1: "############ 100%", 2.5: "############ 250%"} {
		if got := gauge(full, false); got != want {
			t.Errorf("%v: %q, want %q", full, got, want)
		}
	}
	if got := fullness(5, -1, 10); got != 0.5 {
		t.Errorf("no soft limit: %v", got)
	}
	if got := fullness(3, 0, -1); got <= 1 {
		t.Errorf("a limit of 0 that is exceeded: %v", got)
	}
}
