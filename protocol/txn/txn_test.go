package txn_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"reflect"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/protocol/txn"
)

// captured are the records of a log that Apache 3.8.0 wrote.
func captured(t testing.TB) (payloads [][]byte) {
	t.Helper()
	f, err := os.Open("../../testdata/wire/txn-3.8.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		_, text, _ := strings.Cut(lines.Text(), " ")
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, b)
	}
	return payloads
}

func TestCapturedTxns(t *testing.T) {
	t.Parallel()
	kinds := map[protocol.OpCode]bool{}
	for _, b := range captured(t) {
		x, err := txn.Decode(b)
		if err != nil {
			t.Fatalf("%x: %v", b, err)
		}
		kinds[x.Type] = true
		if again := x.AppendTo(nil); !bytes.Equal(again, b) {
			t.Errorf("%v\n got %x\nwant %x", x.Type, again, b)
		}
		borrowed, err := txn.DecodeBorrowed(b)
		if err != nil || !reflect.DeepEqual(borrowed, x) {
			t.Errorf("borrowed decoding differs: %+v, %+v, %v", borrowed, x, err)
		}
		// Only what succeeded carries a digest.
		if (x.Digest == nil) != (x.Type == protocol.OpError) && x.Type != protocol.OpMulti {
			t.Errorf("%v %v: digest %v", x.Zxid, x.Type, x.Digest)
		}
	}
	for _, want := range []protocol.OpCode{protocol.OpCreate, protocol.OpCreate2, protocol.OpCreateContainer,
		protocol.OpCreateTTL, protocol.OpDelete, protocol.OpSetData, protocol.OpSetACL, protocol.OpMulti,
		protocol.OpCreateSession, protocol.OpCloseSession, protocol.OpError} {
		if !kinds[want] {
			t.Errorf("no captured %v", want)
		}
	}
}

// TestOldForms: a create without parentCVersion (before 3.4) and a
// closeSession without paths (before 3.6).
func TestOldForms(t *testing.T) {
	t.Parallel()
	create := &txn.Txn{Header: txn.Header{Type: protocol.OpCreate},
		Body: &txn.Create{Path: "/a", ACL: protocol.OpenACL, ParentCversion: 7}}
	b := create.AppendTo(nil)
	x, err := txn.Decode(b[:len(b)-4])
	if err != nil || x.Body.(*txn.Create).ParentCversion != -1 {
		t.Errorf("old create: %+v, %v", x, err)
	}
	closing := &txn.Txn{Header: txn.Header{Type: protocol.OpCloseSession}, Body: &txn.CloseSession{}}
	x, err = txn.Decode(closing.AppendTo(nil))
	if err != nil || x.Body.(*txn.CloseSession).Paths != nil {
		t.Errorf("old closeSession: %+v, %v", x, err)
	}
}

func TestUnknownTypeIsAnError(t *testing.T) {
	t.Parallel()
	x := &txn.Txn{Header: txn.Header{Type: 77}}
	if _, err := txn.Decode(x.AppendTo(nil)); !errors.Is(err, txn.ErrType) {
		t.Errorf("got %v, want ErrType", err)
	}
	nested := &txn.Txn{Header: txn.Header{Type: protocol.OpMulti},
		Body: &txn.Multi{Txns: []txn.Sub{{Type: protocol.OpMulti, Body: &txn.Multi{}}}}}
	if _, err := txn.Decode(nested.AppendTo(nil)); !errors.Is(err, txn.ErrType) {
		t.Errorf("multi in multi: %v, want ErrType", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, b := range captured(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		x, err := txn.Decode(in)
		if err != nil {
			return
		}
		once := x.AppendTo(nil)
		y, err := txn.Decode(once)
		if err != nil {
			t.Fatalf("own encoding %x does not decode: %v", once, err)
		}
		if twice := y.AppendTo(nil); !bytes.Equal(once, twice) {
			t.Fatalf("%x became %x", once, twice)
		}
	})
}
