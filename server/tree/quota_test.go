package tree

import (
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

func TestParseQuota(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Quota{
		"":                 {-1, -1, -1, -1},
		"count=5,bytes=-1": {5, -1, -1, -1},
		"count=1,bytes=20=;byteHardLimit=30;countHardLimit=4": {1, 20, 4, 30},
		"bytes=2;count=1":   {1, 2, -1, -1},
		"count=,bytes=7":    {-1, 7, -1, -1},
		"count=x,bytes=7":   {-1, 7, -1, -1},
		"count":             {-1, -1, -1, -1},
		",;,other=1,;=,=,;": {-1, -1, -1, -1},
	} {
		got := ParseQuota([]byte(text))
		if got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
		if again := ParseQuota(got.appendTo(nil)); again != got {
			t.Errorf("%q is written as %q", text, got.appendTo(nil))
		}
	}
	if got := string(Quota{1, 20, 4, 30}.appendTo(nil)); got != "count=1,bytes=20=;byteHardLimit=30;countHardLimit=4" {
		t.Errorf("written: %q", got)
	}
}

func TestQuotaStory(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{Digest: true})
	stats := func(at string) string { return string(s.node(quotaPath + at + "/" + statsName).Data()) }
	setQuota := func(at string) {
		s.t.Helper()
		for path := quotaPath; at != ""; {
			rest := at[1:]
			cut := 0
			for cut < len(rest) && rest[cut] != '/' {
				cut++
			}
			path, at = path+"/"+rest[:cut], rest[cut:]
			if _, ok := s.Lookup(path); !ok {
				s.create(path, nil)
			}
			if at == "" {
				s.create(path+"/"+limitsName, []byte("count=3,bytes=-1=;byteHardLimit=10"))
				s.create(path+"/"+statsName, []byte("count=0,bytes=0"))
			}
		}
	}
	step := func(what, at, want string) {
		t.Helper()
		if got := stats(at); got != want {
			t.Errorf("%s: %s has %q, want %q", what, at, got, want)
		}
	}
	s.create("/a", []byte("1"))
	s.create("/a/b", []byte("1"))
	setQuota("/a")
	step("creation of the stats", "/a", "count=2,bytes=2")
	version := s.node(quotaPath + "/a/" + statsName).Version()
	digest := s.Digest()
	s.create("/a/c", []byte("12345"))
	step("create", "/a", "count=3,bytes=7")
	s.create("/ab", []byte("not below /a"))
	step("a sibling", "/a", "count=3,bytes=7")
	s.ok(protocol.OpSetData, &txn.SetData{Path: "/a/c", Data: []byte("1")})
	step("set", "/a", "count=3,bytes=3")
	s.ok(protocol.OpSetData, &txn.SetData{Path: "/a", Data: nil})
	step("set of the top", "/a", "count=3,bytes=2")
	s.ok(protocol.OpDelete, &txn.Delete{Path: "/a/c"})
	step("delete", "/a", "count=2,bytes=1")
	n := s.node(quotaPath + "/a/" + statsName)
	if n.Version() != version || n.Mzxid() > 6 {
		t.Errorf("the stats znode has version %d, mzxid %v", n.Version(), n.Mzxid())
	}
	if s.Digest() == digest {
		t.Error("the digest should have followed /a")
	}

	limits, usage, at, ok := s.QuotaFor("/a/b/new")
	if !ok || at != "/a" || limits != (Quota{3, -1, -1, 10}) || usage != (Quota{2, 1, -1, -1}) {
		t.Errorf("quota for /a/b/new: %+v %+v %q %v", limits, usage, at, ok)
	}
	setQuota("/a/b")
	if _, _, at, _ := s.QuotaFor("/a/b/new"); at != "/a/b" {
		t.Errorf("the deepest quota: %q", at)
	}
	s.create("/a/b/new", []byte("22"))
	step("below the deeper quota", "/a/b", "count=2,bytes=3")
	step("the upper one is not charged", "/a", "count=2,bytes=1")
	s.ok(protocol.OpDelete, &txn.Delete{Path: quotaPath + "/a/b/" + limitsName})
	if _, _, at, _ := s.QuotaFor("/a/b/new"); at != "/a" {
		t.Errorf("after the deletion of the limits: %q", at)
	}
	if _, _, _, ok := s.QuotaFor("/ab"); ok {
		t.Error("a quota for /ab")
	}

	// A loaded tree counts anew.
	s.ok(protocol.OpSetData, &txn.SetData{Path: quotaPath + "/a/" + statsName, Data: []byte("garbage")})
	loaded := cloneTree(s.Tree)
	got, _ := loaded.Lookup(quotaPath + "/a/" + statsName)
	if string(got.Data()) != "count=3,bytes=3" {
		t.Errorf("after a restart: %q", got.Data())
	}
	if _, _, at, ok := loaded.QuotaFor("/a/b/new"); at != "/a" || !ok {
		t.Errorf("after a restart the quota is %q", at)
	}

	// No quota on the root, and a limits znode elsewhere is an ordinary one.
	s.create(quotaPath+"/"+limitsName, []byte("count=1"))
	s.create("/zookeeper/"+limitsName, []byte("count=1"))
	if _, _, at, ok := s.QuotaFor("/free"); ok {
		t.Errorf("a quota at %q", at)
	}
}

func TestQuotaWithoutStats(t *testing.T) {
	t.Parallel()
	s := newScript(t, Options{})
	s.create("/a", nil)
	s.create(quotaPath+"/a", nil)
	s.create(quotaPath+"/a/"+limitsName, []byte("count=1"))
	if _, _, _, ok := s.QuotaFor("/a/x"); ok {
		t.Error("a quota without statistics can be enforced")
	}
	s.create("/a/x", nil)
	s.create(quotaPath+"/a/"+statsName, nil)
	s.ok(protocol.OpSetData, &txn.SetData{Path: quotaPath + "/a/" + statsName, Data: []byte("what?")})
	s.create("/a/y", []byte("1")) // unreadable counts as −1
	if got := string(s.node(quotaPath + "/a/" + statsName).Data()); got != "count=0,bytes=0" {
		t.Errorf("charged to an unreadable text: %q", got)
	}
}
