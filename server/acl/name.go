package acl

import (
	"encoding/hex"
	"strings"
)

// validPrincipal is the syntax of a Kerberos principal: service[/host]@realm,
// or any text without an at sign (KerberosName.java).
func validPrincipal(id string) bool {
	name, realm, found := strings.Cut(id, "@")
	if !found {
		return true
	}
	return !strings.ContainsAny(realm, "/@") && strings.Count(name, "/") <= 1
}

// validDN is the syntax of a distinguished name as Java's X500Principal reads
// it, compared with Java 17 on the cases of the test: type=value pairs joined by
// "," ";" or "+", where the type is a known word or an OID, and the value is
// plain text, text in quotes, or #hex of one DER value. The empty name is one.
func validDN(id string) bool {
	if id == "" {
		return true
	}
	rest := id
	for {
		eq := strings.IndexByte(rest, '=')
		if eq < 0 || !validAttributeType(strings.TrimSpace(rest[:eq])) {
			return false
		}
		end, ok := endOfValue(rest[eq+1:])
		if !ok {
			return false
		}
		rest = rest[eq+1+end:]
		if rest == "" {
			return true
		}
		rest = rest[1:] // the separator
	}
}

func validAttributeType(t string) bool {
	if len(t) > 4 && strings.EqualFold(t[:4], "OID.") {
		t = t[4:]
	}
	if t == "" {
		return false
	}
	if t[0] >= '0' && t[0] <= '9' {
		return validOID(t)
	}
	return knownAttribute[strings.ToUpper(t)]
}

func validOID(t string) bool {
	parts := strings.Split(t, ".")
	if len(parts) < 2 {
		return false
	}
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return false
		}
	}
	// The first arc is 0, 1 or 2, and below 2 the second is under 40.
	first, second := parts[0], strings.TrimLeft(parts[1], "0")
	switch first {
	case "0", "1":
		return len(second) < 2 || len(second) == 2 && second < "40"
	}
	return first == "2"
}

// knownAttribute is the keywords that Java's X500Name understands.
var knownAttribute = map[string]bool{
	"CN": true, "C": true, "L": true, "S": true, "ST": true, "O": true, "OU": true, "T": true, "IP": true,
	"STREET": true, "DC": true, "DNQUALIFIER": true, "DNQ": true, "SURNAME": true, "GIVENNAME": true,
	"INITIALS": true, "GENERATION": true, "EMAIL": true, "EMAILADDRESS": true, "UID": true, "SERIALNUMBER": true,
}

// endOfValue finds the separator after a value, or its end.
func endOfValue(v string) (int, bool) {
	i := len(v) - len(strings.TrimLeft(v, " "))
	switch {
	case i < len(v) && v[i] == '"':
		for i++; i < len(v) && v[i] != '"'; i++ {
			if v[i] == '\\' {
				i++
			}
		}
		if i >= len(v) {
			return 0, false
		}
		for i++; i < len(v) && v[i] == ' '; i++ {
		}
		return i, i == len(v) || strings.IndexByte(",;+", v[i]) >= 0
	case i < len(v) && v[i] == '#':
		start := i + 1
		i += strings.IndexAny(v[i:]+",", ",;+ ")
		if !validDER(v[start:i]) {
			return 0, false
		}
		for ; i < len(v) && v[i] == ' '; i++ {
		}
		return i, i == len(v) || strings.IndexByte(",;+", v[i]) >= 0
	}
	for ; i < len(v) && strings.IndexByte(",;+", v[i]) < 0; i++ {
		switch v[i] {
		case '\\':
			n := escapeLen(v[i+1:])
			if n == 0 {
				return 0, false
			}
			i += n
		case '"', '<', '>':
			return 0, false
		}
	}
	return i, true
}

// escapeLen is the length of what follows a backslash: a special character or
// two hex digits.
func escapeLen(v string) int {
	switch {
	case v == "":
		return 0
	case strings.IndexByte(",=+<>#;\"\\ ", v[0]) >= 0:
		return 1
	case len(v) > 1 && isHex(v[0]) && isHex(v[1]):
		return 2
	}
	return 0
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// validDER is hex of one DER value: tag, length, and that many bytes.
func validDER(text string) bool {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) < 2 {
		return false
	}
	n, rest := int(b[1]), b[2:]
	if n >= 0x80 { // the long form: the length of the length
		if n &= 0x7f; n == 0 || n > 3 || len(rest) < n {
			return false
		}
		size := 0
		for _, c := range rest[:n] {
			size = size<<8 | int(c)
		}
		n, rest = size, rest[n:]
	}
	return len(rest) == n
}
