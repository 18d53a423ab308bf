package tree

import "testing"

func TestEmptyDigest(t *testing.T) {
	if got := New(Options{Digest: true}).Digest(); got != 0x51c6d660 {
		t.Fatalf("digest of the empty tree: %#x", got)
	}
}
