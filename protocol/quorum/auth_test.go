package quorum

import (
	"bytes"
	"encoding/hex"
	"io"
	"strings"
	"testing"
)

func TestAuthPacket(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		packet AuthPacket
		wire   string
	}{
		{AuthPacket{Status: AuthInProgress, Token: []byte{}}, "5f2435013501edcc0000000000000000"},
		{AuthPacket{Status: AuthError}, "5f2435013501edccffffffffffffffff"},
		{AuthPacket{Status: AuthSuccess, Token: []byte("ab")}, "5f2435013501edcc00000001000000026162"},
		{AuthPacket{Token: bytes.Repeat([]byte{1}, MaxAuthToken)}, "5f2435013501edcc0000000000001000" + strings.Repeat("01", MaxAuthToken)},
	} {
		if got := hex.EncodeToString(c.packet.AppendTo(nil)); got != c.wire {
			t.Errorf("%+v is %s, want %s", c.packet, got, c.wire)
		}
		b, _ := hex.DecodeString(c.wire)
		in := bytes.NewReader(append(b, "rest"...))
		var got AuthPacket
		if err := got.Read(in); err != nil || got.Status != c.packet.Status || !bytes.Equal(got.Token, c.packet.Token) || (got.Token == nil) != (c.packet.Token == nil) || in.Len() != 4 {
			t.Errorf("%.40s is read as %+v, %v, %d bytes left", c.wire, got, err, in.Len())
		}
		for n := range min(len(b), 20) {
			if err := got.Read(bytes.NewReader(b[:n])); err == nil {
				t.Errorf("%d bytes of %.40s are read", n, c.wire)
			}
		}
	}
	for _, wire := range []string{"5f2435013501edcd0000000000000000", "5f2435013501edcc00000000fffffffe", "5f2435013501edcc0000000000001001", "5f2435013501edcc000000007fffffff"} {
		b, _ := hex.DecodeString(wire)
		var p AuthPacket
		if err := p.Read(io.MultiReader(bytes.NewReader(b), bytes.NewReader(make([]byte, 1<<20)))); err == nil {
			t.Errorf("%s is read", wire)
		}
	}
}
