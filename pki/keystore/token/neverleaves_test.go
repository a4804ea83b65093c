//go:build cgo

package token

import (
	"encoding/hex"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

// Whoever has the PIN can use the keys, but neither read nor wrap them, nor make them readable, as OpenSC's tool and the
// library itself see it.
func TestKeysCannotLeaveTheToken(t *testing.T) {
	tool, err := exec.LookPath("pkcs11-tool")
	if err != nil {
		t.Skip("pkcs11-tool is not installed (Debian: apt-get install opensc)")
	}
	uri := tokentest.New(t)
	token := open(t, uri)
	for id, kind := range map[string]Kind{"rsa-key": {RSABits: 2048}, "ec-key": {Curve: "P-256"}} {
		if _, err := token.Generate(t.Context(), id, "a key", kind); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := token.Encrypt(t.Context(), []byte("secret"), nil); err != nil {
		t.Fatal(err)
	}
	label := uri[len("pkcs11:token="):strings.Index(uri, "?")]
	for _, kind := range []string{"privkey", "secrkey"} {
		command := exec.CommandContext(
			t.Context(), tool, "--module", tokentest.SoftHSM, "--token-label", label, "--login", "--pin", tokentest.PIN, "--list-objects",
			"--type", kind,
		)
		command.Env = os.Environ()
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		keys := map[string]int{"privkey": 2, "secrkey": 1}[kind]
		if n := strings.Count(string(out), "sensitive, always sensitive, never extractable, local"); n != keys {
			t.Errorf("%d of %d keys of type %s are protected:\n%s", n, keys, kind, out)
		}
	}

	_, err = run(t.Context(), token, func(c *connection, ctx *pkcs11.Ctx, session pkcs11.SessionHandle) (bool, error) {
		// A wrapping key that an intruder with the PIN can always make.
		wrapping, err := ctx.GenerateKey(
			session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_GEN, nil)}, []*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, 32),
				pkcs11.NewAttribute(pkcs11.CKA_WRAP, true)})
		if err != nil {
			return false, err
		}
		var handles []pkcs11.ObjectHandle
		for _, class := range []uint{pkcs11.CKO_PRIVATE_KEY, pkcs11.CKO_SECRET_KEY} {
			found, err := find(
				ctx, session,
				[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true)}, 10,
			)
			if err != nil {
				return false, err
			}
			handles = append(handles, found...)
		}
		if len(handles) != 3 {
			t.Errorf("%d keys", len(handles))
		}
		for _, handle := range handles {
			id, err := ctx.GetAttributeValue(session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil)})
			if err != nil {
				return false, err
			}
			name := hex.EncodeToString(id[0].Value)
			for what, attribute := range map[string]uint{
				"value": pkcs11.CKA_VALUE, "private exponent": pkcs11.CKA_PRIVATE_EXPONENT, "prime": pkcs11.CKA_PRIME_1,
			} {
				if read, err := ctx.GetAttributeValue(
					session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(attribute, nil)},
				); err == nil && len(read[0].Value) > 0 {
					t.Errorf("%s: its %s can be read", name, what)
				}
			}
			for what, mechanism := range map[string]*pkcs11.Mechanism{
				"AES key wrap":        pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP, nil),
				"padded AES key wrap": pkcs11.NewMechanism(pkcs11.CKM_AES_KEY_WRAP_PAD, nil),
				"CBC":                 pkcs11.NewMechanism(pkcs11.CKM_AES_CBC_PAD, make([]byte, 16))} {
				if _, err := ctx.WrapKey(session, []*pkcs11.Mechanism{mechanism}, wrapping, handle); err == nil {
					t.Errorf("%s: it can be wrapped by %s", name, what)
				}
			}
			for what, change := range map[string]*pkcs11.Attribute{
				"extractable":   pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
				"not sensitive": pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
			} {
				if ctx.SetAttributeValue(session, handle, []*pkcs11.Attribute{change}) == nil {
					t.Errorf("%s: it can be made %s", name, what)
				}
				if _, err := ctx.CopyObject(
					session, handle, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false), change},
				); err == nil {
					t.Errorf("%s: a copy can be made that is %s", name, what)
				}
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
