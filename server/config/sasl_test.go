package config

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"zookit/protocol/certs"
)

const jaas = `/* two
   lines */
QuorumServer { // who may call
    org.apache.zookeeper.server.auth.DigestLoginModule required
    user_one="canary\"1" user_two = canary2
    user_="canary3" other=x;
};
# no comment of JAAS
`

const learner = `QuorumLearner { org.apache.zookeeper.server.auth.DigestLoginModule REQUIRED
  username='one' password="canary\\\u4"; };
`

const saslLines = "server.1=a:1:2\nserver.2=b:1:2\nserver.3=c:1:2\nquorum.auth.enableSasl=true\nquorum.auth.learnerRequireSasl=true\nquorum.auth.serverRequireSasl=true\n"

func TestSASLKeys(t *testing.T) {
	t.Parallel()
	good := strings.ReplaceAll(jaas, "# no comment of JAAS\n", "") + learner
	text, env := threeOf(saslLines+"java.security.auth.login.config=/jaas\nquorum.cnxn.threads.size=20\nquorum.auth.kerberos.servicePrincipal=a/_HOST\n", map[string]string{"/jaas": good})
	c, warnings, err := Parse("zoo.cfg", []byte(text), env)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Ensemble.Security.SASL
	if !s.Enabled || !s.LearnerRequire || !s.ServerRequire || s.User != "one" || s.Password != `canary\u4` ||
		!maps.Equal(s.Users, map[string]certs.Secret{"one": `canary"1`, "two": "canary2"}) || len(warnings) > 0 {
		t.Errorf("got %+v of %d users, warnings %v", s, len(s.Users), warnings)
	}
	if all := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(all, "canary") {
		t.Errorf("a password shows: %s", all)
	}

	// As an argument, with sections of other names.
	renamed := strings.NewReplacer("QuorumServer", "In", "QuorumLearner", "Out").Replace(good)
	text, env = threeOf(saslLines+"quorum.auth.learner.saslLoginContext=Out\nquorum.auth.server.saslLoginContext=In\n", map[string]string{"/jaas": renamed})
	env.Defines = []string{"java.security.auth.login.config=/jaas"}
	if c, _, err := Parse("zoo.cfg", []byte(text), env); err != nil || c.Ensemble.Security.SASL.User != "one" {
		t.Errorf("%v", err)
	}
}

// Each refusal names the file, the line and the mend, and no password.
func TestSASLRefused(t *testing.T) {
	t.Parallel()
	const digest = "org.apache.zookeeper.server.auth.DigestLoginModule"
	section := func(name, body string) string { return name + " {\n" + body + "\n};\n" }
	users := section("QuorumServer", digest+` required user_a="canary";`)
	for _, c := range []struct{ name, jaas, want string }{
		{"no comment", jaas + learner, "/jaas:8: there should be { behind the name of a section"},
		{"no server's section", learner, "/jaas: QuorumServer: there is no such section"},
		{"no learner's section", users, "/jaas: QuorumLearner: there is no such section"},
		{"no users", learner + section("QuorumServer", digest+` required user_="canary" user_b="" username="canary";`), "there is no user with a password in it"},
		{"no password", users + section("QuorumLearner", digest+` required username="canary";`), "/jaas:5: QuorumLearner: user or password is missing"},
		{"Kerberos", users + section("QuorumLearner", `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true keyTab="/k" principal="canary";`), "/jaas:5: QuorumLearner: Kerberos is not supported by this release"},
		{"another module", users + section("QuorumLearner", `com.example.Module required password="canary";`), "the login module is not known"},
		{"no module", users + section("QuorumLearner", ""), "0 login modules"},
		{"two modules", users + section("QuorumLearner", strings.Repeat(digest+" required username=a password=canary;\n", 2)), "2 login modules"},
		{"section twice", users + users, "/jaas:4: the section QuorumServer stands twice"},
		{"option twice", section("QuorumServer", digest+` required user_a="canary" user_a="canary";`), "an option stands twice"},
		{"no flag", section("QuorumServer", digest+` user_a="canary";`), "/jaas:2: there should be required behind the class"},
		{"no value", section("QuorumServer", digest+` required user_a=;`), "the value of an option"},
		{"no =", section("QuorumServer", digest+` required user_a "canary";`), "= behind the name of an option"},
		{"no end", "QuorumServer {\n" + digest + " required", "the file ends where there should be an option"},
		{"no ; of the section", "QuorumServer {\n" + digest + " required user_a=canary; }", "; behind the } of a section"},
		{"open quotation", section("QuorumServer", digest+` required user_a="canary;`), "/jaas:2: a quotation mark is not closed on its line"},
		{"variable", section("QuorumServer", digest+` required user_a="${canary}";`), "variables are not expanded"},
		{"empty", "", "QuorumServer: there is no such section"},
		{"open comment", "/* canary", "QuorumServer: there is no such section"},
	} {
		text, env := threeOf(saslLines+"java.security.auth.login.config=/jaas\n", map[string]string{"/jaas": c.jaas})
		_, _, err := Parse("zoo.cfg", []byte(text), env)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(strings.ReplaceAll(err.Error(), "user_", ""), "canary") {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	text, env := threeOf(saslLines+"java.security.auth.login.config=/none\n", nil)
	if _, _, err := Parse("zoo.cfg", []byte(text), env); err == nil || !strings.Contains(err.Error(), "the JAAS file /none: no such file") {
		t.Error(err)
	}
}

func FuzzJAAS(f *testing.F) {
	f.Add(jaas)
	f.Add(learner)
	f.Add("a { b required; };")
	f.Fuzz(func(t *testing.T, text string) {
		sections, line, err := parseJAAS(text)
		if err != nil && (line < 1 && sections == nil || line > 1+strings.Count(text, "\n")) {
			t.Errorf("line %d of %q: %v", line, text, err)
		}
	})
}
