package session

import (
	"encoding/hex"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"zookit/protocol"
)

// The pairs were sent by Apache 3.8.0.
func TestPasswordIsApaches(t *testing.T) {
	t.Parallel()
	p := Password(0x0200000a3ca30000)
	if got, want := hex.EncodeToString(p[:]), "3f21b8ec60f3ed4cb5ab79cea9029110"; got != want {
		t.Errorf("password of 0x200000a3ca30000 = %s, Apache sent %s", got, want)
	}
	if !CheckPassword(0x0200000a3ca30000, p[:]) {
		t.Error("its own password is refused")
	}
	for name, wrong := range map[string][]byte{"null": nil, "short": p[:15], "long": append(p[:], 0), "other": make([]byte, 16)} {
		if CheckPassword(0x0200000a3ca30000, wrong) {
			t.Errorf("%s password is accepted", name)
		}
	}
	zero := Password(0)
	if CheckPassword(0, zero[:]) {
		t.Error("session 0 validates")
	}
}

func TestFirstID(t *testing.T) {
	t.Parallel()
	if got, want := FirstID(1, 0x0123456789ab), protocol.SessionID(0x01_23456789ab_0000); got != want {
		t.Errorf("FirstID = %v, want %v: server, five bytes of time, two of counter", got, want)
	}
	if got := FirstID(0x80, 0); got == protocol.ContainerOwner {
		t.Error("the id of a session marks a container")
	}
}

func TestIDsAreNeverReserved(t *testing.T) {
	t.Parallel()
	tr := NewTracker(1000, 1)
	tr.Track(math.MinInt64+1, 1000, 0)
	tr.nextID = math.MinInt64
	if h := tr.Create(1000, 0); h.ID() != math.MinInt64+2 {
		t.Errorf("id %v: it marks a container or is in use", h.ID())
	}
	tr.nextID = 0
	if h := tr.Create(1000, 0); h.ID() != 1 {
		t.Errorf("id %v, want 0x1: 0 asks for a new session", h.ID())
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for asked, want := range map[int32]int32{1: 4000, 4000: 4000, 10000: 10000, 40000: 40000, 100000: 40000, 0: 4000, -5: 4000, math.MaxInt32: 40000} {
		if got := Negotiate(asked, 4000, 40000); got != want {
			t.Errorf("Negotiate(%d) = %d, want %d", asked, got, want)
		}
	}
}

func ids(hs []*Handle) []protocol.SessionID {
	out := []protocol.SessionID{}
	for _, h := range hs {
		out = append(out, h.ID())
	}
	return out
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	tr := NewTracker(1000, 1)
	a := tr.Create(4000, 100)  // (100+4000)/1000+1 = 5 → 5000
	b := tr.Create(4000, 900)  // 5000
	c := tr.Create(4900, 100)  // 6000
	d := tr.Create(4000, 1000) // (5000/1000+1) = 6 → 6000

	want := []Bucket{{5000, []protocol.SessionID{1, 2}}, {6000, []protocol.SessionID{3, 4}}}
	if got := tr.Buckets(); !reflect.DeepEqual(got, want) {
		t.Fatalf("buckets %v, want %v", got, want)
	}
	if tr.Deadline() != 5000 {
		t.Fatalf("deadline %d, want 5000", tr.Deadline())
	}
	if got := tr.Expired(4999); len(got) != 0 {
		t.Fatalf("expired before its time: %v", ids(got))
	}

	// A touch moves a session when its bucket is due, not before.
	b.Touch(3000)
	if got := ids(tr.Expired(5000)); !slices.Equal(got, []protocol.SessionID{a.ID()}) {
		t.Fatalf("at 5000 expired %v, want the untouched one", got)
	}
	tr.Close(a)
	if !a.Closing() {
		t.Error("a closing session does not say so")
	}
	if _, ok := tr.Renew(a.ID(), 4000, 5001); ok {
		t.Error("a closing session was renewed")
	}
	if tr.Deadline() != 6000 {
		t.Fatalf("deadline %d, want 6000", tr.Deadline())
	}
	tr.Remove(d.ID())

	// The clock jumped: all that is due comes in the order of its time.
	e := tr.Create(4000, 5500) // 10000
	if got, want := ids(tr.Expired(60_000)), []protocol.SessionID{c.ID(), b.ID(), e.ID()}; !slices.Equal(got, want) {
		t.Fatalf("expired %v, want %v", got, want)
	}
	for _, h := range []*Handle{a, b, c, e} {
		tr.Remove(h.ID())
	}
	if tr.Len() != 0 || tr.Deadline() != math.MaxInt64 {
		t.Errorf("%d sessions left, deadline %d", tr.Len(), tr.Deadline())
	}
}

func TestRenewTakesTheNewTimeout(t *testing.T) {
	t.Parallel()
	tr := NewTracker(1000, 1)
	h := tr.Create(4000, 0)
	if _, ok := tr.Renew(99, 4000, 0); ok {
		t.Error("an unknown session was renewed")
	}
	again, ok := tr.Renew(h.ID(), 20_000, 1000)
	if !ok || again != h || h.TimeoutMs() != 20_000 {
		t.Fatalf("renewed: %v, timeout %d", ok, h.TimeoutMs())
	}
	if got := tr.Expired(21_999); len(got) != 0 {
		t.Error("expired by its old timeout")
	}
	if got := tr.Expired(22_000); len(got) != 1 {
		t.Error("did not expire by its new timeout")
	}
}

// Against a model without buckets: whatever is touched when, a session expires
// at the first look at or after its expiry time, in the same order in both.
func TestExpiryAgainstModel(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 7))
	tr := NewTracker(100, 1)
	live := map[protocol.SessionID]*Handle{}
	now := int64(0)
	for step := range 20_000 {
		switch rng.IntN(10) {
		case 0, 1:
			h := tr.Create(int32(200+rng.IntN(2000)), now)
			live[h.ID()] = h
		case 2, 3, 4, 5, 6:
			for _, h := range live {
				h.Touch(now)
				break
			}
		case 7:
			for id := range live {
				tr.Remove(id)
				delete(live, id)
				break
			}
		default:
			now += int64(rng.IntN(300))
		}
		type due struct {
			at int64
			id protocol.SessionID
		}
		var want []due
		earliest := int64(math.MaxInt64)
		for id, h := range live {
			at := tr.expiry(h)
			if at <= now {
				want = append(want, due{at, id})
			}
			earliest = min(earliest, at)
		}
		slices.SortFunc(want, func(a, b due) int {
			if a.at != b.at {
				return int(a.at - b.at)
			}
			return int(a.id - b.id)
		})
		if tr.Deadline() > earliest {
			t.Fatalf("step %d: deadline %d is after the first expiry %d", step, tr.Deadline(), earliest)
		}
		got := ids(tr.Expired(now))
		if len(got) != len(want) {
			t.Fatalf("step %d at %d: expired %v, want %v", step, now, got, want)
		}
		for i, id := range got {
			if want[i].id != id {
				t.Fatalf("step %d at %d: expired %v, want %v", step, now, got, want)
			}
			tr.Remove(id)
			delete(live, id)
		}
	}
}

// Connections touch while the owner expires; the race detector watches.
func TestTouchFromOtherGoroutines(t *testing.T) {
	t.Parallel()
	tr := NewTracker(10, 1)
	h := tr.Create(1000, 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range int64(1000) {
				h.Touch(i)
				_ = h.Closing()
			}
		})
	}
	for i := range int64(1000) {
		if len(tr.Expired(i)) != 0 {
			t.Error("a touched session expired")
		}
	}
	wg.Wait()
}
