package command

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"zookit/protocol"
	"zookit/shell/bulk"
	"zookit/shell/export"
	"zookit/shell/session"
)

// What others do to a znode between the look at it and its write is decided by
// the rule, on what is there now.
func TestImportAmongOthers(t *testing.T) {
	t.Parallel()
	refused := func(op protocol.OpCode, code protocol.Code) error {
		return &session.OpError{Op: op, Path: "/a", Code: code}
	}
	for _, test := range []struct {
		name   string
		rule   conflictRule
		now    string // the data that is there now, "-" for nothing
		step   protocol.OpCode
		code   protocol.Code
		want   string // the steps instead, or the failure
		same   int
		differ int
	}{
		{"made as it shall be", conflictFail, "x", protocol.OpCreate, protocol.NodeExists, "", 1, 0},
		{"made otherwise", conflictFail, "y", protocol.OpCreate, protocol.NodeExists, "/a has appeared with other data", 0, 1},
		{"made otherwise, skip", conflictSkip, "y", protocol.OpCreate, protocol.NodeExists, "", 0, 1},
		{"made otherwise, overwrite", conflictOverwrite, "y", protocol.OpCreate, protocol.NodeExists, "setData", 0, 1},
		{"made and gone again", conflictFail, "-", protocol.OpCreate, protocol.NodeExists, "create", 0, 0},
		{"its parent is gone", conflictOverwrite, "-", protocol.OpCreate, protocol.NoNode, "NoNode", 0, 0},
		{"written again", conflictOverwrite, "y", protocol.OpSetData, protocol.BadVersion, "setData", 0, 0},
		{"deleted", conflictOverwrite, "-", protocol.OpSetData, protocol.NoNode, "create", 0, 0},
		{"its ACL was changed", conflictOverwrite, "y", protocol.OpSetACL, protocol.BadVersion, "BadVersion", 0, 0},
		{"forbidden", conflictOverwrite, "y", protocol.OpSetData, protocol.NoAuth, "NoAuth", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake()
			if test.now != "-" {
				f.data["/a"] = []byte(test.now)
			}
			im := &importer{c: &Context{Context: t.Context()}, s: f, rule: test.rule}
			e := &importEntry{Entry: &export.Entry{Path: "/a", Data: []byte("x"), ACL: protocol.OpenACL}}
			steps, err := im.resolve(bulk.Step{Of: e, Op: protocol.MultiOp{Type: test.step}}, refused(test.step, test.code))
			got := ""
			for _, s := range steps {
				got += s.Op.Type.String()
			}
			if err != nil {
				got = err.Error()
			}
			if got != test.want && (err == nil || !strings.Contains(got, test.want)) || im.result.Same != test.same || im.result.Conflicts != test.differ {
				t.Errorf("%q, %d same, %d differ", got, im.result.Same, im.result.Conflicts)
			}
		})
	}

	// Nobody goes on for ever.
	f := newFake("/a")
	im := &importer{c: &Context{Context: t.Context()}, s: f, rule: conflictOverwrite}
	step := im.set(&importEntry{Entry: &export.Entry{Path: "/a", ACL: protocol.OpenACL}, there: &protocol.Stat{}})
	tries := 0
	for err := error(nil); err == nil; tries++ {
		var steps []bulk.Step
		if steps, err = im.resolve(step, refused(protocol.OpSetData, protocol.BadVersion)); err == nil {
			step = steps[0]
		} else if !errors.Is(err, protocol.BadVersion) || !strings.Contains(fmt.Sprint(err), "others are changing the same znodes") {
			t.Error(err)
		}
	}
	if tries != importAttempts+1 {
		t.Errorf("%d tries", tries)
	}

	// A kind that the server does not take becomes a persistent znode, which is told.
	im = &importer{rule: conflictFail}
	made := im.create(&importEntry{Entry: &export.Entry{Path: "/t", Kind: export.TTL, TTLMs: 5}})
	steps, err := im.resolve(made, &session.OpError{Op: protocol.OpCreateTTL, Path: "/t", Code: protocol.Unimplemented})
	if err != nil || !made.Alone || len(steps) != 1 || steps[0].Op.Type != protocol.OpCreate || im.result.Plain != 1 {
		t.Errorf("%v, %+v", err, steps)
	}
}
