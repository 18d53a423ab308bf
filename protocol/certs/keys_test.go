package certs

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
)

// Stores that keytool of Java 17 has made, of both formats under the name .jks:
//
//	keytool -genkeypair -storetype JKS -keystore keytool-jks.jks -alias key -keyalg EC -dname CN=keytool,O=Zoo -validity 36500
//	keytool -importcert -storetype JKS -keystore keytool-jks-trust.jks -alias ca -file …
func TestKeytool(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"jks", "pkcs12"} {
		key, trust := "testdata/keytool-"+format+".jks", "testdata/keytool-"+format+"-trust.jks"
		for _, trusted := range []string{trust, key} { // one with a key alone trusts its own certificate
			k, err := Open(Files{Key: Store{File: key, Password: "changeit"}, Trust: Store{File: trusted, Password: "changeit"}}, nil)
			if err != nil {
				t.Errorf("%s: %v", format, err)
				continue
			}
			if got := k.Leaf().Subject.String(); got != "CN=keytool,O=Zoo" {
				t.Errorf("%s: the key is of %s", format, got)
			}
			if err := handshake(k.Server(), k.Client("localhost")); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
		for _, files := range []Files{
			{Key: Store{File: key, Password: "wrong"}},
			{Key: Store{File: key, Password: "changeit"}, Trust: Store{File: trust, Password: "wrong"}},
			{Key: Store{File: trust, Password: "changeit"}},
		} {
			if _, err := Open(files, nil); err == nil || !strings.Contains(err.Error(), ".jks: ") {
				t.Errorf("%s: %v", format, err)
			}
		}
		b, err := os.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		damaged := t.TempDir() + "/damaged.jks"
		for n := 0; n < len(b); n += 13 {
			check(t, os.WriteFile(damaged, b[:n], 0o600))
			if _, err := Open(Files{Key: Store{File: damaged, Password: "changeit"}}, nil); err == nil {
				t.Errorf("%d bytes of %s are a key store", n, key)
			}
		}
	}
}

func handshake(server, client *tls.Config) error {
	a, b := net.Pipe()
	done := make(chan error, 1)
	go func() {
		err := tls.Server(a, server).Handshake()
		a.Close()
		done <- err
	}()
	c := tls.Client(b, client)
	err := c.Handshake()
	_, _ = io.Copy(io.Discard, c)
	b.Close()
	if ended := <-done; err == nil {
		err = ended
	}
	return err
}

// A secret in an exported field shows in nothing that is printed, logged or encoded.
func TestSecret(t *testing.T) {
	t.Parallel()
	v := struct{ A, B Secret }{"canary", "canary"}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "s", v.A, "h", v, "p", &v)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "s", v.A, "h", v)
	text, err := json.Marshal(&v)
	check(t, err)
	all := fmt.Sprint(v, &v, v.A, Store{Password: v.A}) + log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all += fmt.Sprintf(verb, v) + fmt.Sprintf(verb, v.A)
	}
	if strings.Contains(all, "canary") || strings.Contains(all, "63616e617279") || !strings.Contains(all, "***") {
		t.Errorf("it shows: %s", all)
	}
}
