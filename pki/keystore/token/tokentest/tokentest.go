// Package tokentest makes SoftHSM tokens for tests.
package tokentest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Libraries of Debian's packages softhsm2 and p11-kit-modules.
const (
	SoftHSM = "/usr/lib/softhsm/libsofthsm2.so"
	Client  = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"
)

// PIN of the tokens.
const PIN = "271828"

// Patient is the end of a token's URI for tests of what is done with keys, not of how long a token may take.
const Patient = "&x-timeout-ms=120000"

const tokens = 8

var (
	mu   sync.Mutex
	dir  string
	next int
)

// New returns the URI of a token that nobody else has. SoftHSM reads its list of tokens once a process, so all are made
// at once.
func New(t testing.TB) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if _, err := os.Stat(SoftHSM); err != nil {
		t.Skip("SoftHSM is not installed (Debian: apt-get install softhsm2); npm test installs it")
	}
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "softhsm"); err != nil {
			t.Fatal(err)
		}
		if err := os.Setenv("SOFTHSM2_CONF", filepath.Join(dir, "softhsm2.conf")); err != nil {
			t.Fatal(err)
		}
		for n := range tokens {
			if err := Init(dir, fmt.Sprintf("test-%d", n)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "pin"), []byte(PIN), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if next == tokens {
		t.Fatal("no tokens are left: make more in tokentest")
	}
	next++
	return fmt.Sprintf("pkcs11:token=test-%d?module-path=%s&pin-source=file:%s"+Patient, next-1, SoftHSM, filepath.Join(dir, "pin"))
}

// Dir is where the tokens of New are; to be removed by TestMain.
func Dir() string { return dir }

// Init makes a token in a directory, in which it also puts SoftHSM's configuration.
func Init(dir, label string) error {
	conf := filepath.Join(dir, "softhsm2.conf")
	if err := os.MkdirAll(filepath.Join(dir, "tokens"), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(
		conf, []byte("directories.tokendir = "+filepath.Join(dir, "tokens")+"\nlog.level = ERROR\n"), 0o600,
	); err != nil {
		return err
	}
	command := exec.Command("softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "314159")
	command.Env = append(os.Environ(), "SOFTHSM2_CONF="+conf)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("softhsm2-util: %w: %s", err, out)
	}
	return nil
}
