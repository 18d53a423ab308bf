package certtest

import (
	"encoding/asn1"
	"testing"
)

// Subjects are names as certificates have them, in DER, with what Java's
// X500Principal.getName() makes of them: every kind of text, what has to be
// escaped, several parts on one level, types that RFC 2253 does not know.
func Subjects(t testing.TB) map[string][]byte {
	t.Helper()
	const (
		utf8, numeric, printable, t61, ia5, bmp = asn1.TagUTF8String, asn1.TagNumericString, asn1.TagPrintableString, asn1.TagT61String, asn1.TagIA5String, asn1.TagBMPString
		cn, country, org, unit, email           = "\x55\x04\x03", "\x55\x04\x06", "\x55\x04\x0a", "\x55\x04\x0b", "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01"
		serialNumber, title                     = "\x55\x04\x05", "\x55\x04\x0c"
		dc, uid                                 = "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01"
	)
	tlv := func(tag byte, b []byte) []byte {
		der, err := asn1.Marshal(asn1.RawValue{Tag: int(tag & 0x1f), IsCompound: tag&0x20 != 0, Bytes: b})
		check(t, err)
		return der
	}
	part := func(oid string, kind byte, text string) []byte {
		return tlv(0x30, append(tlv(asn1.TagOID, []byte(oid)), tlv(kind, []byte(text))...))
	}
	level := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		return tlv(0x31, all)
	}
	name := func(levels ...[]byte) []byte {
		var all []byte
		for _, l := range levels {
			all = append(all, l...)
		}
		return tlv(0x30, all)
	}
	one := func(oid string, kind byte, text string) []byte { return name(level(part(oid, kind, text))) }
	return map[string][]byte{
		"CN=ann,OU=ops,O=Zoo,C=DE":           name(level(part(country, printable, "DE")), level(part(org, printable, "Zoo")), level(part(unit, utf8, "ops")), level(part(cn, utf8, "ann"))),
		"CN=a+UID=b,DC=zoo":                  name(level(part(dc, ia5, "zoo")), level(part(cn, utf8, "a"), part(uid, utf8, "b"))),
		`CN=a\,b\+c\=d\<e\>f\#g\;h\"i\\j`:    one(cn, utf8, `a,b+c=d<e>f#g;h"i\j`),
		`CN=\ \ a  b\ `:                      one(cn, utf8, "  a  b "),
		"CN=Ä\u3042":                         one(cn, utf8, "Ä\u3042"),
		"CN=\ufffd":                          one(cn, t61, "\xfc"),
		`CN=0B\00b`:                          one(cn, bmp, "\x30\x42\x00b"),
		"1.2.840.113549.1.9.1=#160461406263": one(email, ia5, "a@bc"),
		"2.5.4.5=#130131":                    one(serialNumber, printable, "1"),
		"2.5.4.12=#0c0178":                   one(title, utf8, "x"),
		"CN=#120133":                         one(cn, numeric, "3"),
		"CN=":                                one(cn, utf8, ""),
	}
}
