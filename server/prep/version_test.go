package prep

import (
	"math"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
	"zookit/server/tree"
)

// TestZK4743VersionsSkipMinusOne: the versions of a znode's data and of its ACL
// run over to the negative ones and from −2 on to 0, so that −1 in a request
// always means any; one that Apache has brought to −1 goes on with 0.
func TestZK4743VersionsSkipMinusOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at   int32
		want []int32
	}{
		{math.MaxInt32 - 1, []int32{math.MaxInt32, math.MinInt32, math.MinInt32 + 1}},
		{-4, []int32{-3, -2, 0, 1}},
		{-1, []int32{0, 1}},
	} {
		w := newWorld(t, everything)
		r := tree.Restorer{Tree: w.tree}
		r.Reset()
		for _, path := range []string{"", "/zookeeper", "/v"} {
			if err := r.RestoreNode(path, nil, -1, &protocol.StatPersisted{Version: c.at, Aversion: c.at}); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.EndSnapshot(5, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
		w.prep.Reset()
		have := c.at
		for i, want := range c.want {
			stale := w.propose(7, protocol.OpSetData, &protocol.SetDataRequest{Path: "/v", Version: want})
			data := w.propose(7, protocol.OpSetData, &protocol.SetDataRequest{Path: "/v", Version: have})
			list := w.propose(7, protocol.OpSetACL, &protocol.SetACLRequest{Path: "/v", ACL: protocol.OpenACL, Version: have})
			check := w.propose(7, protocol.OpMulti, multi(protocol.MultiOp{Type: protocol.OpCheck, Record: &protocol.CheckVersionRequest{Path: "/v", Version: want}}))
			if i%2 == 0 { // the next is checked against what is applied, or in flight
				w.applyAll()
			}
			if stale.Err != protocol.BadVersion || data.Err != protocol.OK || list.Err != protocol.OK || check.MultiErr != protocol.OK {
				t.Fatalf("from %d: %v, %v, %v, %v, want BadVersion alone", have, stale.Err, data.Err, list.Err, check.MultiErr)
			}
			if got, acl := data.Body.(*txn.SetData).Version, list.Body.(*txn.SetACL).Version; got != want || acl != want {
				t.Errorf("after version %d come %d of the data and %d of the ACL, want %d", have, got, acl, want)
			}
			have = want
		}
		w.applyAll()
	}
}
