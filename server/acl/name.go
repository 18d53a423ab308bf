package acl

import "strings"

// validPrincipal is the syntax of a Kerberos principal: service[/host]@realm,
// or any text without an at sign (KerberosName.java).
func validPrincipal(id string) bool {
	name, realm, found := strings.Cut(id, "@")
	if !found {
		return true
	}
	return !strings.ContainsAny(realm, "/@") && strings.Count(name, "/") <= 1
}

// validDN is the syntax of a distinguished name (RFC 2253, as X500Principal
// reads it): type=value pairs joined by "," ";" or "+", where the type is a word
// or an OID, and the value is plain text, text in quotes, or #hex. The empty
// name is one.
func validDN(id string) bool {
	rest := strings.TrimSpace(id)
	if rest == "" {
		return true
	}
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
	return true
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
		for i++; i < len(v) && strings.IndexByte(",;+ ", v[i]) < 0; i++ {
			if strings.IndexByte("0123456789abcdefABCDEF", v[i]) < 0 {
				return 0, false
			}
		}
		if i == start || (i-start)%2 != 0 {
			return 0, false
		}
		for ; i < len(v) && v[i] == ' '; i++ {
		}
		return i, i == len(v) || strings.IndexByte(",;+", v[i]) >= 0
	}
	for ; i < len(v) && strings.IndexByte(",;+", v[i]) < 0; i++ {
		switch v[i] {
		case '\\':
			i++
			if i == len(v) {
				return 0, false
			}
		case '"', '<', '>', '=':
			return 0, false
		}
	}
	return i, true
}
