//go:build cgo

package token

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/crypto/argon2"
)

// refusals is the file that says which PINs a token refused, so that starting again does not try them again: "" keeps
// none. A PIN is short, and a refused one is often close to the right one: each guess at it costs 64 MiB and a moment.
type refusals string

type refusal struct {
	Token  string    `json:"token"` // maker and serial number
	Salt   []byte    `json:"salt"`
	Digest []byte    `json:"argon2id"`
	At     time.Time `json:"refusedAt"`
}

func digest(token, pin string, salt []byte) []byte {
	return argon2.IDKey([]byte(token+"\x00"+pin), salt, 6, 64<<10, 2, 32)
}

func (f refusals) read() (list []refusal, err error) {
	text, err := os.ReadFile(string(f))
	if f == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("the file %s, which says what PINs it refused, cannot be read: %w", f, err)
	}
	return list, nil
}

// has tells whether the token refused the PIN.
func (f refusals) has(token, pin string) (bool, error) {
	list, err := f.read()
	for _, r := range list {
		if r.Token == token && bytes.Equal(r.Digest, digest(token, pin, r.Salt)) {
			return true, nil
		}
	}
	return false, err
}

// add notes that it did.
func (f refusals) add(token, pin string) error {
	list, err := f.read()
	if f == "" || err != nil {
		return err
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	text, err := json.MarshalIndent(
		append(list, refusal{token, salt, digest(token, pin, salt), time.Now().UTC().Truncate(time.Second)}), "", "  ",
	)
	if err != nil {
		return err
	}
	dir := filepath.Dir(string(f))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	made, err := os.CreateTemp(dir, ".refused-*") // for its owner only
	if err != nil {
		return err
	}
	defer os.Remove(made.Name()) // renamed by then, unless something failed
	_, err = made.Write(text)
	err = errors.Join(err, made.Sync())
	if err = errors.Join(err, made.Close()); err != nil {
		return err
	}
	return os.Rename(made.Name(), string(f))
}

// forget is for when the token took a PIN: what was refused before says nothing any more.
func (f refusals) forget() error {
	if f == "" {
		return nil
	}
	if err := os.Remove(string(f)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// gone tells whether somebody took the file away, so that a PIN is tried again.
func (f refusals) gone() bool {
	_, err := os.Stat(string(f))
	return errors.Is(err, fs.ErrNotExist)
}
