//go:build bench && unix

package shell

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"runtime/pprof"

	"zookit/server/zktest/apache"
	"zookit/shell/bulk"
	"zookit/shell/session"
)

func TestZZPhases(t *testing.T) {
	server := apache.Start(t, apache.Options{})
	ctx := context.Background()
	s, err := session.Dial(ctx, session.Options{Servers: server.Addr})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(ctx)
	_, port, _ := strings.Cut(server.Addr, ":")
	out, _ := exec.Command("sh", "-c", "ss -ltnpH sport = :"+port+" | grep -o 'pid=[0-9]*' | head -1 | cut -c5-").CombinedOutput()
	pid := strings.TrimSpace(string(out))
	cpu := func() (me, it time.Duration) {
		var ru syscall.Rusage
		syscall.Getrusage(0, &ru)
		me = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
		f := strings.Fields(string(b))
		u, _ := strconv.Atoi(f[13])
		v, _ := strconv.Atoi(f[14])
		return me, time.Duration(u+v) * 10 * time.Millisecond
	}
	f, _ := os.Create("/tmp/zz.prof")
	for i := range 6 {
		p, l := 100, 999
		if i%2 == 1 {
			p, l = 2, 49999
		}
		plantBench(t, s, p, l)
		if i == 2 {
			pprof.StartCPUProfile(f)
		}
		m0, i0 := cpu()
		t0 := time.Now()
		plan, err := bulk.Survey(ctx, s, "/bench", bulk.SurveyOptions{ACLs: bulk.NoACLs, Visit: func(*bulk.Node) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		t1 := time.Now()
		m1, i1 := cpu()
		plan, err = bulk.Survey(ctx, s, "/bench", bulk.SurveyOptions{ACLs: bulk.MostACLs, Visit: func(*bulk.Node) error { return nil }})
		if err != nil {
			t.Fatal(err)
		}
		t2 := time.Now()
		t3 := time.Now()
		m3, i3 := cpu()
		if _, err := bulk.Apply(ctx, s, plan.Deletes(true), bulk.Options{Batch: 1000}); err != nil {
			t.Fatal(err)
		}
		t4 := time.Now()
		m4, i4 := cpu()
		t.Logf("noacl %v (me %v, server %v) most %v apply %v (me %v, server %v)", t1.Sub(t0), m1-m0, i1-i0, t2.Sub(t1), t4.Sub(t3), m4-m3, i4-i3)
	}
	pprof.StopCPUProfile()
}
