//go:build cgo

package token

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if dir := tokentest.Dir(); dir != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func open(t *testing.T, uri string) *Token {
	t.Helper()
	cfg, err := ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	token, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(token.Close)
	return token
}

func TestURIs(t *testing.T) {
	good := "pkcs11:token=CA%20keys;serial=17?module-path=/lib/x.so&pin-source=env:THE_PIN&x-sessions=3&x-timeout-ms=250"
	t.Setenv("THE_PIN", "1234")
	c, err := ParseURI(good)
	if err != nil || c.Label != "CA keys" || c.Serial != "17" || c.Module != "/lib/x.so" || c.Sessions != 3 ||
		c.Timeout != 250*time.Millisecond {
		t.Fatalf("%+v %v", c, err)
	}
	if pin, err := c.PIN(); err != nil || pin != "1234" {
		t.Errorf("the PIN: %v", err)
	}
	for uri, says := range map[string]string{
		"pkcs11:token=x?module-path=/l.so&pin-value=1234":                   "must not stand in the URI",
		"pkcs11:token=x?pin-source=env:P":                                   "module-path",
		"pkcs11:token=x?module-path=l.so&pin-source=env:P":                  "absolute",
		"pkcs11:?module-path=/l.so&pin-source=env:P":                        "name the token",
		"pkcs11:token=x?module-path=/l.so":                                  "pin-source",
		"pkcs11:token=x?module-path=/l.so&pin-source=env:P&x-sessions=many": "x-sessions",
		"pkcs11:token=%zz?module-path=/l.so&pin-source=env:P":               "RFC 7512",
		"file:/x": "RFC 7512",
	} {
		if _, err := ParseURI(uri); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", uri, err)
		} else if strings.Contains(err.Error(), "1234") {
			t.Errorf("the PIN is in the message: %v", err)
		}
	}
	if _, err := Open(&Config{Module: "/nowhere.so"}); err == nil || !strings.Contains(err.Error(), "/nowhere.so") {
		t.Errorf("a library that is not there: %v", err)
	}
}

func TestAWrongPINIsTriedOnce(t *testing.T) {
	uri := tokentest.New(t)
	pin := filepath.Join(t.TempDir(), "pin")
	if err := os.WriteFile(pin, []byte("000000"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseURI(uri[:strings.Index(uri, "&pin-source")] + "&pin-source=file:" + pin)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	read := cfg.PIN
	cfg.PIN = func() (string, error) { asked.Add(1); return read() }
	token, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(token.Close)
	if state := token.State(); state == nil || !strings.Contains(state.Error(), "refused the PIN") {
		t.Fatalf("%v", state)
	}
	var unavailable *UnavailableError
	if _, err := token.Open(t.Context(), "x"); !errors.As(err, &unavailable) || strings.Contains(err.Error(), "000000") {
		t.Errorf("%v", err)
	}
	for deadline := time.Now().Add(3 * time.Minute); asked.Load() < 3; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the file is not looked at again")
		}
	}
	if !strings.Contains(token.State().Error(), "not tried again") {
		t.Errorf("%v", token.State())
	}
	// A corrected file is taken without a restart.
	if err := os.WriteFile(pin, []byte(tokentest.PIN+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(3 * time.Minute); token.State() != nil; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(token.State())
		}
	}
	if err := os.Chmod(pin, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := read(); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a PIN that others can read: %v", err)
	}
}

// TestARefusedPINIsNotTriedByTheNextStart: three starts with a wrong PIN would lock many a token. Each start is a program of
// its own; the token itself says, by a flag, whether somebody tried.
func TestARefusedPINIsNotTriedByTheNextStart(t *testing.T) {
	uri := tokentest.New(t)
	dir := t.TempDir()
	pin, file := filepath.Join(dir, "pin"), filepath.Join(dir, "store", "refused-pins")
	cfg, err := ParseURI(uri[:strings.Index(uri, "&pin-source")] + "&pin-source=file:" + pin)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Refused = file
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(pin, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// start is a new process as far as the PINs are concerned.
	start := func() (state error, tried bool) {
		t.Helper()
		loginMu.Lock()
		clear(refused)
		loginMu.Unlock()
		before, _ := os.ReadFile(file)
		token, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer token.Close()
		state = token.State()
		after, _ := os.ReadFile(file)
		return state, !bytes.Equal(before, after)
	}
	write("000000")
	state, tried := start()
	if state == nil || !strings.Contains(state.Error(), "refused the PIN") || !tried {
		t.Fatalf("%v %v", state, tried)
	}
	for range 3 {
		if state, tried := start(); state == nil || tried || !strings.Contains(state.Error(), "not tried again") ||
			!strings.Contains(state.Error(), "remove "+file) {
			t.Errorf("a further start: tried %v, %v", tried, state)
		}
	}
	text, err := os.ReadFile(file)
	if info, statErr := os.Stat(file); err != nil || statErr != nil || info.Mode().Perm() != 0o600 ||
		bytes.Contains(text, []byte("000000")) {
		t.Errorf("%v %s", err, text)
	}
	write("111111")
	if state, tried := start(); state == nil || !tried {
		t.Errorf("another PIN was not tried: %v", state)
	}
	for _, wrong := range []string{"000000", "111111"} {
		write(wrong)
		if _, tried := start(); tried {
			t.Errorf("%s was tried again", wrong)
		}
	}
	// A file that cannot be read is no leave to try.
	list, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(tokentest.PIN)
	if state, _ := start(); state == nil || !strings.Contains(state.Error(), "cannot be read") {
		t.Errorf("an unreadable list: %v", state)
	}
	if err := os.WriteFile(file, list, 0o600); err != nil {
		t.Fatal(err)
	}
	// The right one ends the matter.
	if state, _ := start(); state != nil {
		t.Errorf("the right PIN: %v", state)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the list is still there: %v", err)
	}
	// Whoever set the token's PIN to the refused one takes the file away, and has it tried without a start. (SoftHSM does
	// not notice a change of PIN by another program, so it refuses once more, and that is noted once more.)
	write("222222")
	token, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(token.Close)
	if token.State() == nil {
		t.Fatal("a wrong PIN was taken")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it was not tried again")
		}
	}
}

func TestWhatIsSealedOpensOnlyAsItIs(t *testing.T) {
	token := open(t, tokentest.New(t))
	sealed, err := token.Encrypt(t.Context(), []byte("secret"), []byte("here"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("secret")) {
		t.Error("not encrypted")
	}
	for n := range sealed {
		altered := bytes.Clone(sealed)
		altered[n] ^= 1
		if _, err := token.Decrypt(t.Context(), altered, []byte("here")); err == nil {
			t.Fatalf("octet %d altered, and it opens", n)
		}
	}
	if _, err := token.Decrypt(t.Context(), sealed, []byte("there")); err == nil {
		t.Error("it opens elsewhere")
	}
	if text, err := token.Decrypt(t.Context(), sealed, []byte("here")); err != nil || string(text) != "secret" {
		t.Errorf("%q %v", text, err)
	}
}

// remote is a SoftHSM token in another process, as a network HSM is: it can be stopped.
type remote struct {
	t      *testing.T
	dir    string
	socket string
	server *exec.Cmd
}

func newRemote(t *testing.T) *remote {
	for _, file := range []string{tokentest.SoftHSM, tokentest.Client} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("%s is not installed (Debian: apt-get install softhsm2 p11-kit p11-kit-modules); npm test installs it", file)
		}
	}
	dir, err := os.MkdirTemp("", "p11") // a short path: it becomes a socket's
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := tokentest.Init(dir, "remote"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pin"), []byte(tokentest.PIN), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &remote{t: t, dir: dir, socket: filepath.Join(dir, "s")}
	if err := os.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+r.socket); err != nil {
		t.Fatal(err)
	}
	r.start()
	t.Cleanup(r.stop)
	return r
}

func (r *remote) start() {
	r.t.Helper()
	_ = os.Remove(r.socket)
	r.server = exec.Command("p11-kit", "server", "-f", "-n", r.socket, "--provider", tokentest.SoftHSM, "pkcs11:token=remote")
	r.server.Env = append(os.Environ(), "SOFTHSM2_CONF="+filepath.Join(r.dir, "softhsm2.conf"))
	r.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := r.server.Start(); err != nil {
		r.t.Fatal(err)
	}
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, err := os.Stat(r.socket); err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatal("p11-kit server does not start")
		}
	}
}

// stop kills the server and those that it forked for its clients.
func (r *remote) stop() {
	_ = syscall.Kill(-r.server.Process.Pid, syscall.SIGKILL) // it may have been stopped before
	_ = r.server.Wait()                                      // killed
}

func TestATokenThatGoesAwayComesBack(t *testing.T) {
	r := newRemote(t)
	token := open(t, "pkcs11:token=remote?module-path="+tokentest.Client+"&pin-source=file:"+filepath.Join(r.dir, "pin"))
	if err := token.State(); err != nil {
		t.Fatal(err)
	}
	key, err := token.Generate(t.Context(), "abc", "label", Kind{Curve: "P-256"})
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte("message"))
	var good, bad, wrong atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 8 {
		load.Go(func() {
			for ctx.Err() == nil {
				signature, err := key.Sign(nil, digest[:], crypto.SHA256)
				var unavailable *UnavailableError
				switch {
				case err == nil && ecdsa.VerifyASN1(key.Public().(*ecdsa.PublicKey), digest[:], signature):
					good.Add(1)
				case errors.As(err, &unavailable):
					bad.Add(1)
					time.Sleep(5 * time.Millisecond)
				default:
					wrong.Add(1)
					t.Errorf("neither a signature nor a clear error: %v", err)
				}
			}
		})
	}
	more := func(c *atomic.Int64, n int64, what string) {
		t.Helper()
		want := c.Load() + n
		for deadline := time.Now().Add(3 * time.Minute); c.Load() < want; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) // is a call of the library still under way?
				t.Fatalf("%s: %d good, %d refused, state %v", what, good.Load(), bad.Load(), token.State())
			}
		}
	}
	for range 2 {
		more(&good, 50, "at work")
		r.stop()
		more(&bad, 50, "stopped")
		r.start()
		more(&good, 50, "back")
	}
	cancel()
	load.Wait()
	t.Logf("%d signatures, %d clear refusals, %d wrong", good.Load(), bad.Load(), wrong.Load())
	if again, err := token.Open(t.Context(), "abc"); err != nil || !again.Public().(*ecdsa.PublicKey).Equal(key.Public()) {
		t.Errorf("the key is not found again: %v", err)
	}
}
