// Package token uses a PKCS #11 token, such as an HSM: it finds it by an RFC 7512 URI, keeps sessions to it, logs in again
// when it was away, and never tries a wrong PIN twice. Needs cgo, which loads the vendor's module.
package token

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	pkcs11uri "github.com/stefanberger/go-pkcs11uri"
)

// Config says which token, how to log in, and how much at once.
type Config struct {
	Module                             string // file of the vendor's library
	Label, Serial, Manufacturer, Model string // those that are empty match any token
	Slot                               *uint
	PIN                                func() (string, error) // asked at every login
	Refused                            string                 // file that remembers over restarts what PINs were refused; "": none
	Sessions                           int                    // used at the same time
	Timeout                            time.Duration          // for one operation
	Log                                *slog.Logger
}

// Defaults of a Config.
const (
	DefaultSessions = 8
	DefaultTimeout  = 10 * time.Second
)

// ParseURI reads an RFC 7512 URI. Of the path it uses token, serial, manufacturer, model and slot-id; of the query
// module-path, pin-source (file:PATH or env:NAME), and the extensions x-sessions and x-timeout-ms. A PIN in the URI itself
// is refused.
func ParseURI(text string) (*Config, error) {
	if strings.Contains(text, "pin-value") {
		return nil, errors.New(
			"the PIN must not stand in the URI, where process lists and logs show it: use pin-source=file:PATH or pin-source=env:NAME",
		)
	}
	uri := pkcs11uri.New()
	if err := uri.Parse(text); err != nil {
		return nil, fmt.Errorf("not a PKCS #11 URI (RFC 7512): %w", err)
	}
	path := func(name string) string { value, _ := uri.GetPathAttribute(name, false); return value }
	query := func(name string) string { value, _ := uri.GetQueryAttribute(name, false); return value }
	c := &Config{
		Module: query("module-path"), Label: path("token"), Serial: path("serial"), Manufacturer: path("manufacturer"),
		Model:    path("model"),
		Sessions: DefaultSessions, Timeout: DefaultTimeout, Log: slog.New(slog.DiscardHandler)}
	switch {
	case c.Module == "" || !filepath.IsAbs(c.Module):
		return nil, errors.New(
			"module-path must name the vendor's PKCS #11 library by its absolute path, such as /usr/lib/softhsm/libsofthsm2.so",
		)
	case c.Label == "" && c.Serial == "" && path("slot-id") == "":
		return nil, errors.New("name the token: token=LABEL or serial=NUMBER")
	}
	for name, target := range map[string]func(uint){
		"slot-id":      func(n uint) { c.Slot = &n },
		"x-sessions":   func(n uint) { c.Sessions = int(n) },
		"x-timeout-ms": func(n uint) { c.Timeout = time.Duration(n) * time.Millisecond },
	} {
		value := path(name)
		if strings.HasPrefix(name, "x-") {
			value = query(name)
		}
		if value == "" {
			continue
		}
		n, err := strconv.ParseUint(value, 10, 31)
		if err != nil || n == 0 && name != "slot-id" {
			return nil, fmt.Errorf("%s=%s: a positive number is needed", name, value)
		}
		target(uint(n))
	}
	source := query("pin-source")
	if kind, name, _ := strings.Cut(source, ":"); kind == "env" && name != "" {
		c.PIN = func() (string, error) {
			if pin, ok := os.LookupEnv(name); ok && pin != "" {
				return pin, nil
			}
			return "", fmt.Errorf("the environment variable %s with the PIN is not set", name)
		}
	} else if file := strings.TrimPrefix(strings.TrimPrefix(source, "file:"), "//"); filepath.IsAbs(file) {
		c.PIN = func() (string, error) { return readPIN(file) }
	} else {
		return nil, errors.New("pin-source must say where the PIN is: file:/PATH or env:NAME")
	}
	return c, nil
}

func readPIN(file string) (string, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("the file with the PIN: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("the file with the PIN, %s, can be read by others: chmod 600 it", file)
	}
	text, err := os.ReadFile(file)
	return strings.TrimRight(string(text), "\r\n"), err
}

// ErrNotFound says that the token has no such key.
var ErrNotFound = errors.New("no such key in the token")

// UnavailableError says why the token cannot be used at the moment.
type UnavailableError struct {
	Reason     string
	PINRefused bool // waiting does not help: the PIN must be corrected first
}

func (e *UnavailableError) Error() string {
	return "the token cannot be used at the moment: " + e.Reason
}

// Kind of key to be made: one of the three.
type Kind struct {
	RSABits int
	Curve   string // "P-256", "P-384", "P-521"
	MLDSA   string // "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"; only where the token Offers it
	// Decrypts: the key, which is RSA, may also decrypt.
	Decrypts bool
}

// Errors of decryption, which say no more.
var (
	ErrDecryption  = errors.New("the ciphertext does not decrypt with this key")
	ErrUnsupported = errors.New("the key store does not decrypt this way")
)

// CheckDecryption refuses options that would make an oracle of a key or that no key store knows.
func CheckDecryption(o crypto.DecrypterOpts) error {
	switch o := o.(type) {
	case *rsa.PKCS1v15DecryptOptions:
		if o.SessionKeyLen > 0 && o.SessionKeyLen <= 64 {
			return nil
		}
		return errors.New("PKCS #1 v1.5 decrypts content-encryption keys only: say how long the key is")
	case *rsa.OAEPOptions:
		known := func(h crypto.Hash) bool {
			return h == crypto.SHA1 || h == crypto.SHA256 || h == crypto.SHA384 || h == crypto.SHA512
		}
		if known(o.Hash) && (o.MGFHash == 0 || known(o.MGFHash)) {
			return nil
		}
	}
	return ErrUnsupported
}
