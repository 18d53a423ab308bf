package acl

import (
	"crypto/x509"
	"testing"

	"zookit/protocol"
	"zookit/protocol/certs/certtest"
)

// Names as Java writes them, which the interop tests compare with Apache's.
func TestCertificate(t *testing.T) {
	t.Parallel()
	const super = "CN=ann,OU=ops,O=Zoo,C=DE"
	rules, err := New(Options{X509: true, X509SuperUser: super})
	if err != nil {
		t.Fatal(err)
	}
	for want, raw := range certtest.Subjects(t) {
		ids, err := rules.Certificate(&x509.Certificate{RawSubject: raw})
		if err != nil || len(ids) == 0 || ids[len(ids)-1] != (protocol.ID{Scheme: "x509", ID: want}) || (len(ids) == 2) != (want == super) {
			t.Errorf("%s is %+v, %v", want, ids, err)
		}
		if len(ids) == 2 && ids[0].Scheme != "super" {
			t.Errorf("the super user is %+v", ids)
		}
		if !rules.valid("x509", want) {
			t.Errorf("%s cannot stand in an ACL", want)
		}
		for n := range raw {
			_, _ = rules.Certificate(&x509.Certificate{RawSubject: raw[:n]})
		}
	}
	if ids, err := Default().Certificate(&x509.Certificate{RawSubject: []byte{0x30, 0}}); len(ids) > 0 || err != nil {
		t.Errorf("without x509: %+v, %v", ids, err)
	}
	if ids, err := rules.Certificate(&x509.Certificate{RawSubject: []byte("x")}); err == nil {
		t.Errorf("no name is %+v", ids)
	}
}
