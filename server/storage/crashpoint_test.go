package storage

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"

	"zookit/protocol"
	"zookit/server/vfs"
)

// crashCase is a directory whose newest log is spoiled in every way.
type crashCase struct {
	files   map[string][]byte // all of version-2
	log     []byte            // the newest log, log.b
	ends    []int             // where its records end; ends[0] is the header's end
	before  protocol.Zxid     // the last txn of the older log
	witness map[string][]byte // by what it knows
	vouches map[string]int    // how many of the newest log's records it vouches for
}

// newCrashCase builds log.1 with ten txns and log.b with twelve of many sizes,
// and the witness as it stood at the end, and in the middle; "none" is for a
// log that another server wrote.
func newCrashCase(t *testing.T) *crashCase {
	c := &crashCase{before: 10, witness: map[string][]byte{"none": nil}, vouches: map[string]int{"none": 0, "middle": 5, "exact": 12}}
	fsys := vfs.NewMem()
	s, st := start(t, memConfig(fsys))
	add(t, s, st, entries(1, 10, 30))
	must(t, s.Roll())
	sizes := []int{10, 600, 0, 1, 300, 45, 0, 900, 20, 511, 2, 33}
	for i, size := range sizes {
		z := c.before + 1 + protocol.Zxid(i)
		add(t, s, st, entries(z, z, size))
		if i+1 == c.vouches["middle"] {
			c.witness["middle"] = readFile(t, fsys, inVersion(witnessName))
		}
	}
	must(t, s.Close())
	c.files = make(map[string][]byte)
	for _, n := range names(t, fsys, inVersion("")) {
		c.files[n] = readFile(t, fsys, inVersion(n))
	}
	c.witness["exact"] = c.files[witnessName]
	c.log = c.files["log.b"]
	for _, at := range records(t, fsys, "log.b") {
		c.ends = append(c.ends, int(at))
	}
	return c
}

// complete is how many records lie wholly in the first n bytes of the log.
func (c *crashCase) complete(n int) int {
	k := 0
	for k+1 < len(c.ends) && c.ends[k+1] <= n {
		k++
	}
	return k
}

// open recovers the directory with one file replaced.
func (c *crashCase) open(t *testing.T, witness, name string, content []byte) (*state, error) {
	fsys := vfs.NewMem()
	for n, b := range c.files {
		switch n {
		case name:
			b = content
		case witnessName:
			b = c.witness[witness]
		}
		if b != nil {
			putFile(t, fsys, inVersion(n), b)
		}
	}
	s, st, rec, err := open(memConfig(fsys))
	if err != nil {
		if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("open: %v", err)
		}
		return nil, err
	}
	if err := st.check(rec.LastZxid); err != nil {
		t.Fatalf("recovered, but %v", err)
	}
	must(t, s.Append(entries(rec.LastZxid+1, rec.LastZxid+1, 1)))
	must(t, s.Close())
	return st, nil
}

// TestCrashPointPrefixes: the newest log ends at any byte, with nothing, zeros
// or garbage behind. Exactly the complete records are recovered, unless the
// witness vouches for more: then it is damage.
func TestCrashPointPrefixes(t *testing.T) {
	t.Parallel()
	c := newCrashCase(t)
	rng := rand.New(rand.NewSource(seed(t)))
	garbage := make([]byte, 3000)
	rng.Read(garbage)
	for i := range garbage {
		garbage[i] |= 1 // no zeros, which could complete a record that ends in them
	}
	fill := map[string][]byte{"": nil, "zeros": make([]byte, 5000), "garbage": garbage}
	for n := range len(c.log) + 1 {
		for kind, tail := range fill {
			for witness, vouched := range c.vouches {
				if !everything() && rng.Intn(10) != 0 {
					continue
				}
				content := append(bytes.Clone(c.log[:n]), tail...)
				if kind == "garbage" && n < fileHeadLen {
					continue // not a crash: the header is durable before anything else
				}
				st, err := c.open(t, witness, "log.b", content)
				complete := c.complete(n)
				if kind == "zeros" {
					complete = c.complete(len(bytes.TrimRight(c.log[:n], "\x00")))
					for complete < len(c.ends)-1 && bytes.HasPrefix(content, c.log[:c.ends[complete+1]]) {
						complete++ // what was cut off were zeros
					}
				}
				switch want := c.before + protocol.Zxid(complete); {
				case complete < vouched:
					if err == nil {
						t.Errorf("prefix %d, %s, witness %s: started at %v, %d records are vouched for", n, kind, witness, st.last, vouched)
					}
				case err != nil:
					t.Errorf("prefix %d, %s, witness %s: %v", n, kind, witness, err)
				case st.last != want:
					t.Errorf("prefix %d, %s, witness %s: recovered to %v, want %v", n, kind, witness, st.last, want)
				}
			}
		}
	}
}

// TestCrashPointFlips: any single bit of the newest log, of the older one or
// of the snapshot. Either everything is recovered or it is damage. The one
// exception is the last record above the witness, which a power cut may spoil.
func TestCrashPointFlips(t *testing.T) {
	t.Parallel()
	c := newCrashCase(t)
	rng := rand.New(rand.NewSource(seed(t)))
	all := c.before + protocol.Zxid(len(c.ends)-1)
	for _, name := range []string{"log.b", "log.1", "snapshot.0"} {
		for bit := range 8 * len(c.files[name]) {
			for witness, vouched := range c.vouches {
				if !everything() && rng.Intn(10) != 0 {
					continue
				}
				b := bytes.Clone(c.files[name])
				b[bit/8] ^= 1 << (bit % 8)
				st, err := c.open(t, witness, name, b)
				last := len(c.ends) - 2
				mayDrop := name == "log.b" && bit/8 >= c.ends[last] && vouched <= last
				if err == nil && st.last != all && !(mayDrop && st.last == all-1) {
					t.Errorf("%s bit %d, witness %s: started at %v instead of %v", name, bit, witness, st.last, all)
				}
			}
		}
	}
}

// TestCrashPointSectors: a sector zeroed or filled with garbage. Records that
// the witness vouches for are never missed in silence; above it a lost sector
// costs the records from there on, as after a power cut, and so does one that
// no whole record follows.
func TestCrashPointSectors(t *testing.T) {
	t.Parallel()
	c := newCrashCase(t)
	all := c.before + protocol.Zxid(len(c.ends)-1)
	for _, fill := range []byte{0, 0xa5} {
		for off := 0; off < len(c.log); off += 64 {
			for witness, vouched := range c.vouches {
				b := bytes.Clone(c.log)
				end := min(off+sectorLength, len(b))
				copy(b[off:end], bytes.Repeat([]byte{fill}, end-off))
				st, err := c.open(t, witness, "log.b", b)
				if err != nil || st.last == all {
					continue
				}
				floor := c.before + protocol.Zxid(max(vouched, c.complete(off)))
				noneBehind := c.ends[len(c.ends)-2] < end
				torn := noneBehind || witness == "middle" && fill == 0
				if st.last < floor || !torn {
					t.Errorf("sector at %d filled with %#x, witness %s: started at %v", off, fill, witness, st.last)
				}
			}
		}
	}
}
