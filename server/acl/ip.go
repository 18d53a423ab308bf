package acl

import (
	"net/netip"
	"strconv"
	"strings"

	"zookit/protocol"
)

// IPIdentity is the identity that every connection has: its address as Java
// prints it, an IPv6 one in eight groups without zero compression, an IPv4 one
// mapped into IPv6 as IPv4.
func IPIdentity(addr netip.Addr) protocol.ID {
	addr = addr.Unmap()
	if !addr.Is6() {
		return protocol.ID{Scheme: schemeIP, ID: addr.String()}
	}
	b := addr.As16()
	var text strings.Builder
	for i := 0; i < len(b); i += 2 {
		if i > 0 {
			text.WriteByte(':')
		}
		text.WriteString(strconv.FormatUint(uint64(b[i])<<8|uint64(b[i+1]), 16))
	}
	if zone := addr.Zone(); zone != "" {
		text.WriteString("%" + zone)
	}
	return protocol.ID{Scheme: schemeIP, ID: text.String()}
}

// matchIP compares an address with an address and a number of leading bits.
func matchIP(id, expr string) bool {
	want, bits, ok := parseIPExpr(expr)
	if !ok {
		return false
	}
	have, ok := parseAddr(id)
	if !ok || len(have) != len(want) {
		return false
	}
	for i := range want {
		mask := byte(0xff)
		if left := bits - 8*i; left <= 0 {
			return true
		} else if left < 8 {
			mask <<= 8 - left
		}
		if (have[i]^want[i])&mask != 0 {
			return false
		}
	}
	return true
}

// parseIPExpr reads "address" or "address/bits".
func parseIPExpr(expr string) (addr []byte, bits int, ok bool) {
	text, suffix, hasBits := strings.Cut(expr, "/")
	addr, ok = parseAddr(text)
	if !ok {
		return nil, 0, false
	}
	bits = 8 * len(addr)
	if hasBits {
		n, err := strconv.ParseInt(suffix, 10, 32)
		if err != nil || n < 0 || int(n) > bits {
			return nil, 0, false
		}
		bits = int(n)
	}
	return addr, bits, true
}

// parseAddr takes what IPAuthenticationProvider takes, which is a little more
// than netip does: numbers with leading zeros or a sign.
func parseAddr(text string) ([]byte, bool) {
	switch {
	case strings.Contains(text, ":"):
		return parseV6(text)
	case strings.Contains(text, "."):
		return parseV4(text)
	}
	return nil, false
}

func parseV4(text string) ([]byte, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return nil, false
	}
	addr := make([]byte, 4)
	for i, part := range parts {
		n, err := strconv.ParseInt(part, 10, 32)
		if err != nil || n < 0 || n > 255 {
			return nil, false
		}
		addr[i] = byte(n)
	}
	return addr, true
}

func parseV6(text string) ([]byte, bool) {
	halves := strings.Split(text, "::")
	var head, tail []string
	switch len(halves) {
	case 1:
		head = strings.Split(text, ":")
		if len(head) != 8 {
			return nil, false
		}
	case 2:
		if halves[0] != "" {
			head = strings.Split(halves[0], ":")
		}
		if halves[1] != "" {
			tail = strings.Split(halves[1], ":")
		}
		if len(head)+len(tail) >= 8 {
			return nil, false
		}
	default:
		return nil, false
	}
	addr := make([]byte, 16)
	if !putGroups(addr, head) || !putGroups(addr[16-2*len(tail):], tail) {
		return nil, false
	}
	return addr, true
}

func putGroups(addr []byte, groups []string) bool {
	for i, g := range groups {
		n, err := strconv.ParseInt(g, 16, 32)
		if err != nil || len(g) > 4 {
			return false
		}
		addr[2*i], addr[2*i+1] = byte(n>>8), byte(n)
	}
	return true
}
