package protocol_test

import (
	"bufio"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"zookit/protocol"
)

// packet is one captured packet: who sent it, what it is, its bytes without
// the length before it.
type packet struct {
	fromClient bool
	kind       string // the operation; a failed reply's ends in "!"
	body       []byte
}

// captured reads traffic recorded between Apache's shell, or a raw client, and
// Apache 3.8.0.
func captured(t testing.TB) []packet {
	t.Helper()
	f, err := os.Open("../testdata/wire/client-3.8.0.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []packet
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		parts := strings.Fields(lines.Text())
		if len(parts) != 3 {
			t.Fatalf("line %q", lines.Text())
		}
		body, err := hex.DecodeString(parts[2])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, packet{parts[0] == ">", parts[1], body})
	}
	if len(out) < 100 {
		t.Fatalf("only %d packets captured", len(out))
	}
	return out
}

// requests and replies give an empty record for each operation's body.
var requests = map[string]func() protocol.Record{
	"create":               func() protocol.Record { return new(protocol.CreateRequest) },
	"create2":              func() protocol.Record { return new(protocol.CreateRequest) },
	"createContainer":      func() protocol.Record { return new(protocol.CreateRequest) },
	"createTTL":            func() protocol.Record { return new(protocol.CreateTTLRequest) },
	"delete":               func() protocol.Record { return new(protocol.DeleteRequest) },
	"exists":               func() protocol.Record { return new(protocol.ExistsRequest) },
	"getData":              func() protocol.Record { return new(protocol.GetDataRequest) },
	"setData":              func() protocol.Record { return new(protocol.SetDataRequest) },
	"getACL":               func() protocol.Record { return new(protocol.GetACLRequest) },
	"setACL":               func() protocol.Record { return new(protocol.SetACLRequest) },
	"getChildren":          func() protocol.Record { return new(protocol.GetChildrenRequest) },
	"getChildren2":         func() protocol.Record { return new(protocol.GetChildren2Request) },
	"sync":                 func() protocol.Record { return new(protocol.SyncRequest) },
	"check":                func() protocol.Record { return new(protocol.CheckVersionRequest) },
	"multi":                func() protocol.Record { return new(protocol.MultiRequest) },
	"multiRead":            func() protocol.Record { return new(protocol.MultiRequest) },
	"reconfig":             func() protocol.Record { return new(protocol.ReconfigRequest) },
	"checkWatches":         func() protocol.Record { return new(protocol.CheckWatchesRequest) },
	"removeWatches":        func() protocol.Record { return new(protocol.RemoveWatchesRequest) },
	"auth":                 func() protocol.Record { return new(protocol.AuthRequest) },
	"setWatches":           func() protocol.Record { return new(protocol.SetWatchesRequest) },
	"setWatches2":          func() protocol.Record { return new(protocol.SetWatches2Request) },
	"sasl":                 func() protocol.Record { return new(protocol.SASLRequest) },
	"getEphemerals":        func() protocol.Record { return new(protocol.GetEphemeralsRequest) },
	"getAllChildrenNumber": func() protocol.Record { return new(protocol.GetAllChildrenNumberRequest) },
	"addWatch":             func() protocol.Record { return new(protocol.AddWatchRequest) },
	"whoAmI":               nil,
	"ping":                 nil,
	"closeSession":         nil,
}

var replies = map[string]func() protocol.Record{
	"create":               func() protocol.Record { return new(protocol.PathResponse) },
	"create2":              func() protocol.Record { return new(protocol.Create2Response) },
	"createContainer":      func() protocol.Record { return new(protocol.Create2Response) },
	"createTTL":            func() protocol.Record { return new(protocol.Create2Response) },
	"delete":               nil,
	"exists":               func() protocol.Record { return new(protocol.StatResponse) },
	"getData":              func() protocol.Record { return new(protocol.GetDataResponse) },
	"setData":              func() protocol.Record { return new(protocol.StatResponse) },
	"getACL":               func() protocol.Record { return new(protocol.GetACLResponse) },
	"setACL":               func() protocol.Record { return new(protocol.StatResponse) },
	"getChildren":          func() protocol.Record { return new(protocol.GetChildrenResponse) },
	"getChildren2":         func() protocol.Record { return new(protocol.GetChildren2Response) },
	"sync":                 func() protocol.Record { return new(protocol.SyncResponse) },
	"multi":                func() protocol.Record { return new(protocol.MultiResponse) },
	"multiRead":            func() protocol.Record { return new(protocol.MultiResponse) },
	"reconfig":             func() protocol.Record { return new(protocol.GetDataResponse) },
	"checkWatches":         nil,
	"removeWatches":        nil,
	"auth":                 nil,
	"setWatches":           nil,
	"setWatches2":          nil,
	"sasl":                 func() protocol.Record { return new(protocol.SASLResponse) },
	"getEphemerals":        func() protocol.Record { return new(protocol.GetEphemeralsResponse) },
	"getAllChildrenNumber": func() protocol.Record { return new(protocol.GetAllChildrenNumberResponse) },
	"addWatch":             func() protocol.Record { return new(protocol.ErrorResponse) },
	"whoAmI":               func() protocol.Record { return new(protocol.WhoAmIResponse) },
	"ping":                 nil,
	"closeSession":         nil,
	"notification":         func() protocol.Record { return new(protocol.WatcherEvent) },
}

// connects are the records without a header before them.
var connects = map[bool]func() protocol.Record{
	true:  func() protocol.Record { return new(protocol.ConnectRequest) },
	false: func() protocol.Record { return new(protocol.ConnectResponse) },
}
