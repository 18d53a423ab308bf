package acl

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"strings"

	"zookit/protocol"
)

// Certificate is who the holder of a client's certificate is: its subject under
// scheme x509, and before that super when it is X509SuperUser
// (X509AuthenticationProvider.handleAuthentication).
func (r *Rules) Certificate(c *x509.Certificate) ([]protocol.ID, error) {
	if !r.opt.X509 {
		return nil, nil
	}
	subject, err := subjectName(c.RawSubject)
	if err != nil {
		return nil, fmt.Errorf("the subject of the certificate: %w", err)
	}
	id := protocol.ID{Scheme: schemeX509, ID: subject}
	if r.opt.X509SuperUser != "" && subject == r.opt.X509SuperUser {
		return []protocol.ID{{Scheme: schemeSuper, ID: subject}, id}, nil
	}
	return []protocol.ID{id}, nil
}

// subjectName writes a DER name as X500Principal.getName() does (RFC 2253, and
// sun.security.x509.AVA.toRFC2253String): the last part first, joined by commas,
// the parts of one level by plus signs.
func subjectName(der []byte) (string, error) {
	var levels []asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &levels); err != nil || len(rest) > 0 {
		return "", fmt.Errorf("not a name: %w", err)
	}
	names := make([]string, len(levels))
	for i, level := range levels {
		var parts []struct {
			Type  asn1.ObjectIdentifier
			Value asn1.RawValue
		}
		if _, err := asn1.UnmarshalWithParams(level.FullBytes, &parts, "set"); err != nil {
			return "", fmt.Errorf("not a name: %w", err)
		}
		var texts []string
		for _, p := range parts {
			texts = append(texts, attribute(p.Type, p.Value))
		}
		names[len(names)-1-i] = strings.Join(texts, "+")
	}
	return strings.Join(names, ","), nil
}

// keywords are those of RFC 2253; every other type is written in numbers.
var keywords = map[string]string{
	"2.5.4.3": "CN", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.6": "C", "2.5.4.9": "STREET",
	"0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
}

func attribute(id asn1.ObjectIdentifier, v asn1.RawValue) string {
	keyword, known := keywords[id.String()]
	text, isText := derText(v)
	if !known {
		keyword = id.String()
	}
	if !known || !isText {
		return keyword + "=#" + hex.EncodeToString(v.FullBytes)
	}
	return keyword + "=" + escapeDN(text)
}

// derText is the text of the kinds of strings that names have. Whatever the
// kind, Java reads the bytes as UTF-8, and so does this: the name must be the
// same on all servers.
func derText(v asn1.RawValue) (string, bool) {
	if v.Class != asn1.ClassUniversal {
		return "", false
	}
	switch v.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String, asn1.TagGeneralString, asn1.TagT61String, asn1.TagBMPString:
		return string([]rune(string(v.Bytes))), true
	}
	return "", false
}

// escapeDN puts backslashes before what has a meaning in a name, and before
// blanks at both ends.
func escapeDN(text string) string {
	var b strings.Builder
	begin := len(text) - len(strings.TrimLeft(text, " \r"))
	end := len(strings.TrimRight(text, " \r"))
	for i, r := range text {
		switch {
		case r == 0:
			b.WriteString(`\00`)
			continue
		case strings.ContainsRune(`,=+<>#;"\`, r), i < begin, i >= end:
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
