package sasl

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// The example of RFC 2831, chapter 4.
func TestRFC2831(t *testing.T) {
	t.Parallel()
	imap := Service{Protocol: "imap", Name: "elwood.innosoft.com"}
	c := NewClient(imap, "chris", "secret", "OA6MHXh6VqTrRk")
	response, err := c.Respond([]byte(`realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8`))
	if err != nil || !strings.Contains(string(response), "response=d388dad90d4bbd760a152321f2143af7") {
		t.Errorf("%s, %v", response, err)
	}
	const proof = "rspauth=ea40f60335c427b5527b84dbabcdfffd"
	if err := c.Check([]byte(proof)); err != nil {
		t.Error(err)
	}
	s := NewServer(imap, "OA6MG9tEQGm2hh", func(string) (string, bool) { return "secret", true })
	user, last, err := s.Answer([]byte(`charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",response=d388dad90d4bbd760a152321f2143af7,qop=auth`))
	if err != nil || user != "chris" || string(last) != proof {
		t.Errorf("%q, %s, %v", user, last, err)
	}
}

var zoo = Service{Protocol: "zookeeper-quorum", Name: "zk-quorum-sasl-md5"}

func users(user string) (string, bool) {
	list := map[string]string{"test": "pass", `a"b\c`: `x"y\z`, "ä": "ü", "\u3042": "\u3044", "empty": ""}
	p, ok := list[user]
	return p, ok
}

func login(user, password string, change func(response string) string) (string, error) {
	s, c := NewServer(zoo, "nonce==", users), NewClient(zoo, user, password, "cnonce==")
	response, err := c.Respond(s.Challenge())
	if err != nil {
		return "", err
	}
	if change != nil {
		response = []byte(change(string(response)))
	}
	who, last, err := s.Answer(response)
	if err != nil {
		return "", err
	}
	return who, c.Check(last)
}

// Both sides agree, whatever the names hold.
func TestLogin(t *testing.T) {
	t.Parallel()
	for _, user := range []string{"test", `a"b\c`, "ä", "\u3042"} {
		password, _ := users(user)
		if who, err := login(user, password, nil); err != nil || who != user {
			t.Errorf("%q: %q, %v", user, who, err)
		}
	}
}

// What is wrong, absent or said twice denies (CVE-2023-44981: absent is no).
func TestCVE2023_44981AbsentMeansNo(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{"test", "wrong"}, {"test", ""}, {"nobody", "pass"}, {"empty", ""}, {"", ""}, {"Test", "pass"}} {
		if who, err := login(c[0], c[1], nil); !errors.Is(err, ErrDenied) {
			t.Errorf("%q: logged in as %q, %v", c, who, err)
		}
	}
	needed := []string{"username", "realm", "nonce", "nc", "cnonce", "digest-uri", "response"}
	directives := func(response string) []string { return strings.Split(response, ",") }
	for _, name := range needed {
		is := func(d string) bool { return strings.HasPrefix(d, name+"=") }
		for what, change := range map[string]func(string) string{
			"without":     func(r string) string { return strings.Join(slices.DeleteFunc(directives(r), is), ",") },
			"twice":       func(r string) string { d := directives(r); return r + "," + d[slices.IndexFunc(d, is)] },
			"empty":       func(r string) string { return edit(r, is, name+`=""`) },
			"another":     func(r string) string { return edit(r, is, name+`="x"`) },
			"not closed":  func(r string) string { return edit(r, is, name+`="x`) },
			"much behind": func(r string) string { return edit(r, is, name+`="x" y`) },
		} {
			if who, err := login("test", "pass", change); !errors.Is(err, ErrDenied) {
				t.Errorf("%s %s: logged in as %q, %v", what, name, who, err)
			}
		}
	}
	for _, more := range []string{`,authzid="other"`, `,authzid=""`, `,qop=auth`, `,maxbuf=1,maxbuf=2`, ",=x", ",x", ",\xff=1", "," + strings.Repeat("x=1,", MaxToken)} {
		if who, err := login("test", "pass", func(r string) string { return r + more }); !errors.Is(err, ErrDenied) {
			t.Errorf("with %.20q: logged in as %q, %v", more, who, err)
		}
	}
	// Nothing cut short, and no single byte turned, logs in; names of directives that count for nothing may vary.
	whole := ""
	_, _ = login("test", "pass", func(r string) string { whole = r; return r })
	at := strings.Index(whole, "maxbuf")
	for i := range at {
		b := []byte(whole)
		b[i] ^= 1
		if who, err := login("test", "pass", func(string) string { return string(b) }); err == nil && i > strings.Index(whole, "username") {
			t.Errorf("logged in as %q by %s", who, b)
		}
		if who, err := login("test", "pass", func(string) string { return whole[:i] }); err == nil {
			t.Errorf("logged in as %q by %s", who, whole[:i])
		}
	}
}

func edit(response string, is func(string) bool, with string) string {
	d := strings.Split(response, ",")
	d[slices.IndexFunc(d, is)] = with
	return strings.Join(d, ",")
}

// A client takes no server that does not know the password, and no challenge that
// asks for something else.
func TestClientRefuses(t *testing.T) {
	t.Parallel()
	for _, challenge := range []string{"", `nonce="x"`, `nonce="x",algorithm=md5`, `nonce="",algorithm=md5-sess`, `nonce="x",algorithm=md5-sess,qop="auth-int"`,
		`nonce="x",algorithm=md5-sess,charset=latin`, `nonce="x`, `nonce="x",nonce="y",algorithm=md5-sess`} {
		if response, err := NewClient(zoo, "test", "pass", "c").Respond([]byte(challenge)); err == nil {
			t.Errorf("%s is answered with %s", challenge, response)
		}
	}
	c := NewClient(zoo, "test", "pass", "c")
	if c.Check([]byte("rspauth=")) == nil {
		t.Error("a proof before the challenge")
	}
	if _, err := c.Respond([]byte(`nonce="x",algorithm=md5-sess`)); err != nil {
		t.Fatal(err)
	}
	for _, last := range []string{"", "rspauth=", "rspauth=00000000000000000000000000000000", `rspauth="`} {
		if c.Check([]byte(last)) == nil {
			t.Errorf("%q was taken for a proof", last)
		}
	}
}

// A login of Apache 3.8.0 on Java 17, as it was recorded on an election port: with
// the authzid that Java adds.
func TestRecordedLogin(t *testing.T) {
	t.Parallel()
	const nonce, response = "cq9OYpXZCoYzGELONiHi8FxfpH3pbURjnhmbGSVN", `charset=utf-8,username="peer",realm="zk-quorum-sasl-md5",nonce="cq9OYpXZCoYzGELONiHi8FxfpH3pbURjnhmbGSVN",nc=00000001,` +
		`cnonce="rKw9QEXHAiWNu17GMAjDsLsgS9XkBbJOYrFEf8Gc",digest-uri="zookeeper-quorum/zk-quorum-sasl-md5",maxbuf=65536,response=d36e721e6ce72af103a321cc332aa009,qop=auth,authzid="peer"`
	s := NewServer(zoo, nonce, func(string) (string, bool) { return "canary-1nter0p", true })
	if want := `realm="zk-quorum-sasl-md5",nonce="` + nonce + `",charset=utf-8,algorithm=md5-sess`; string(s.Challenge()) != want {
		t.Errorf("the challenge is %s, Java's %s", s.Challenge(), want)
	}
	user, last, err := s.Answer([]byte(response))
	if err != nil || user != "peer" || string(last) != "rspauth=97cea587ea36057b086b284df0cc1aad" {
		t.Errorf("%q, %s, %v", user, last, err)
	}
}
