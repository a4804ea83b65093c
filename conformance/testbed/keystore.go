package testbed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pkiaas/pkiaas/pki/keystore/token/tokentest"
)

// KeystoreEnv names the variable that says where the servers keep their keys: in files, or in "softhsm".
const KeystoreEnv = "PKIAAS_TEST_KEYSTORE"

// Token is a SoftHSM token.
type Token struct {
	URI string // as --keystore takes it
	Env string // what a process that uses it needs in its environment
}

// Keystore is the token in which the servers with a data directory keep their keys, nil when they keep them in files.
func Keystore(data string) (*Token, error) {
	switch kind := os.Getenv(KeystoreEnv); kind {
	case "":
		return nil, nil
	case "softhsm":
		return SoftHSM(data)
	default:
		return nil, fmt.Errorf("%s=%s: softhsm or nothing", KeystoreEnv, kind)
	}
}

// SoftHSM is the token of a data directory, made when it has none.
func SoftHSM(data string) (*Token, error) {
	dir, label := filepath.Join(data, "softhsm"), "conformance"
	pin := filepath.Join(dir, "pin")
	if _, err := os.Stat(pin); errors.Is(err, fs.ErrNotExist) {
		if err := tokentest.Init(dir, label); err != nil {
			return nil, err
		}
		if err := os.WriteFile(pin, []byte(tokentest.PIN), 0o600); err != nil {
			return nil, err
		}
	}
	return &Token{
		fmt.Sprintf("pkcs11:token=%s?module-path=%s&pin-source=file:%s"+tokentest.Patient, label, tokentest.SoftHSM, pin),
		"SOFTHSM2_CONF=" + filepath.Join(dir, "softhsm2.conf"),
	}, nil
}
