// Package render turns results into bytes: the Stat block, ACL lines, lists,
// quotas, hex dumps and watch events as Apache's shell prints them, and the
// forms that only a terminal gets (colour, tables, escapes made visible).
//
// It takes values and returns bytes; where they go is the caller's business.
// Layouts are those of Apache 3.9 StatPrinter.java, LsCommand.java,
// GetAclCommand.java, HexDumpOutputFormatter.java and ZooKeeperMain.java.
package render

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"zookit/protocol"
)

// AppendStat appends the eleven lines of a Stat. Times are in loc with its
// zone's abbreviation, as Java's Date prints them.
func AppendStat(b []byte, st *protocol.Stat, loc *time.Location) []byte {
	hex := func(name string, v uint64) {
		b = append(append(b, name...), " = 0x"...)
		b = append(strconv.AppendUint(b, v, 16), '\n')
	}
	num := func(name string, v int32) {
		b = append(append(b, name...), " = "...)
		b = append(strconv.AppendInt(b, int64(v), 10), '\n')
	}
	date := func(name string, ms int64) {
		b = append(append(b, name...), " = "...)
		b = append(AppendDate(b, ms, loc), '\n')
	}
	hex("cZxid", uint64(st.Czxid))
	date("ctime", st.Ctime)
	hex("mZxid", uint64(st.Mzxid))
	date("mtime", st.Mtime)
	hex("pZxid", uint64(st.Pzxid))
	num("cversion", st.Cversion)
	num("dataVersion", st.Version)
	num("aclVersion", st.Aversion)
	hex("ephemeralOwner", uint64(st.EphemeralOwner))
	num("dataLength", st.DataLength)
	num("numChildren", st.NumChildren)
	return b
}

// AppendDate appends ms since 1970 as java.util.Date.toString does:
// "Mon Nov 23 01:24:13 UTC 2026", English whatever the locale. A zone without
// an abbreviation is named by its offset, "GMT+03:00".
func AppendDate(b []byte, ms int64, loc *time.Location) []byte {
	t := time.UnixMilli(ms).In(loc)
	b = t.AppendFormat(b, "Mon Jan 02 15:04:05 ")
	if name, _ := t.Zone(); strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		b = t.AppendFormat(append(b, "GMT"...), "-07:00")
	} else {
		b = append(b, name...)
	}
	return t.AppendFormat(b, " 2006")
}

// Perms spells permissions in Apache's order, c d r w a.
func Perms(p protocol.Perm) string {
	b := make([]byte, 0, 5)
	for _, l := range [...]struct {
		bit    protocol.Perm
		letter byte
	}{{protocol.PermCreate, 'c'}, {protocol.PermDelete, 'd'}, {protocol.PermRead, 'r'}, {protocol.PermWrite, 'w'}, {protocol.PermAdmin, 'a'}} {
		if p&l.bit != 0 {
			b = append(b, l.letter)
		}
	}
	return string(b)
}

// AppendACL appends two lines an entry: Apache prints the Id record, whose
// text ends in a line break, then the permissions.
func AppendACL(b []byte, acl []protocol.ACL) []byte {
	for _, a := range acl {
		b = append(b, '\'')
		b = append(b, a.Scheme...)
		b = append(b, ",'"...)
		b = append(b, a.ID...)
		b = append(b, "\n: "...)
		b = append(b, Perms(a.Perms)...)
		b = append(b, '\n')
	}
	return b
}

// AppendList appends names as "[a, b, c]" and a line break, in the order given.
func AppendList(b []byte, names []string) []byte {
	b = append(b, '[')
	for i, n := range names {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(b, n...)
	}
	return append(b, "]\n"...)
}

// Base64 is the data in the standard alphabet with padding, on one line.
func Base64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

const (
	hexRule  = "+--------+-------------------------------------------------+----------------+"
	hexHead  = "         +-------------------------------------------------+"
	hexTitle = "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |"
)

// AppendHexDump appends the data in a frame, sixteen bytes a row, with what is
// not printable ASCII as dots, and no line break at the end. Empty data gives
// nothing.
func AppendHexDump(b, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	b = append(b, hexHead+"\n"+hexTitle+"\n"+hexRule...)
	for at := 0; at < len(data); at += 16 {
		row := data[at:min(at+16, len(data))]
		b = append(b, "\n|"...)
		for shift := 28; shift >= 0; shift -= 4 {
			b = append(b, hexDigit(byte(at>>shift)))
		}
		b = append(b, '|')
		for i := range 16 {
			if i < len(row) {
				b = append(b, ' ', hexDigit(row[i]>>4), hexDigit(row[i]))
			} else {
				b = append(b, "   "...)
			}
		}
		b = append(b, " |"...)
		for i := range 16 {
			switch {
			case i >= len(row):
				b = append(b, ' ')
			case row[i] <= 0x1f || row[i] >= 0x7f:
				b = append(b, '.')
			default:
				b = append(b, row[i])
			}
		}
		b = append(b, '|')
	}
	return append(b, "\n"+hexRule...)
}

func hexDigit(v byte) byte { return "0123456789abcdef"[v&0xf] }
