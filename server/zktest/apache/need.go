// Package apache runs the ZooKeeper server and shell of the Apache Software Foundation beside ours in tests. It needs
// java and zookeeper.jar (Debian: apt-get install -y zookeeper); without them the tests that call Need are left out
// aloud, and fail under CI=true.
package apache

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// defaultJar is where Debian's package puts the jar; its manifest names the jars it needs.
const defaultJar = "/usr/share/java/zookeeper.jar"

func jar() string {
	if path := os.Getenv("ZOOKEEPER_JAR"); path != "" {
		return path
	}
	return defaultJar
}

// missing says what is not installed, or "".
func missing() string {
	if _, err := exec.LookPath("java"); err != nil {
		return "java is not installed"
	}
	if _, err := os.Stat(jar()); err != nil {
		return jar() + " is missing"
	}
	return ""
}

// Need leaves a test out when Apache's ZooKeeper is not installed, and fails it under CI=true. Each test left out is
// appended to the file the environment variable ZOOKIT_LEFT_OUT names, so that a run can count them at its end.
func Need(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("Apache is left out of short runs; make test has it")
	}
	why := missing()
	if why == "" {
		return
	}
	why = fmt.Sprintf("LEFT OUT %s: no Apache ZooKeeper to compare with: %s (apt-get install -y zookeeper)", t.Name(), why)
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	if path := os.Getenv("ZOOKIT_LEFT_OUT"); path != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = fmt.Fprintln(f, why)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Skip(why)
}
