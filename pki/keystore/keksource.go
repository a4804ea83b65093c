package keystore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// kekSource is where the key-encryption key comes from.
type kekSource interface {
	fmt.Stringer
	read() (string, error)
	write(string) error
	// stamp changes when what read gives may have changed.
	stamp() (string, error)
	// lock keeps other processes from changing it until it is called off.
	lock() (unlock func(), err error)
}

// TokenSealer encrypts under a key that never leaves a token; *token.Token is one.
type TokenSealer interface {
	Encrypt(ctx context.Context, plaintext, additional []byte) ([]byte, error)
	Decrypt(ctx context.Context, sealed, additional []byte) ([]byte, error)
}

// KEKHelp is what the sources of a key-encryption key need from outside.
type KEKHelp struct {
	Passphrase func(file string, isNew bool) (string, error) // asks
	Token      TokenSealer                                   // nil: there is none
	// MayCreate says why a missing file must not be made anew: what was sealed with the old one would be lost. nil: it may.
	MayCreate func() error
}

// OpenKEK opens the key-encryption key that is named as
//
//	file:PATH        a file that only its owner can read, made when missing
//	env:NAME         an environment variable with it in base64, or with several, the one that seals first
//	passphrase:PATH  a file, made when missing, encrypted under a passphrase that is asked for
//	hsm:PATH         a file, made when missing, encrypted under a key that never leaves the HSM
//
// Of several servers that start at once with the same file, one makes it and all use it.
func OpenKEK(source string, help KEKHelp) (*KEK, error) {
	kind, name, _ := strings.Cut(source, ":")
	if name == "" {
		kind = ""
	}
	k := &KEK{}
	switch kind {
	case "file":
		k.source = &kekFile{path: name, what: "file", protect: plain, unprotect: plain}
	case "env":
		k.source = kekVariable(name)
	case "passphrase":
		k.source = newPassphraseFile(name, help.Passphrase)
	case "hsm":
		if help.Token == nil {
			return nil, errors.New("hsm:PATH needs an HSM: name one as a key store")
		}
		k.source = &kekFile{path: name, what: "hsm",
			protect:   func(b []byte) ([]byte, error) { return help.Token.Encrypt(context.Background(), b, []byte(kekPurpose)) },
			unprotect: func(b []byte) ([]byte, error) { return help.Token.Decrypt(context.Background(), b, []byte(kekPurpose)) }}
	default:
		return nil, errors.New("the key-encryption key must be given as file:PATH, env:NAME, passphrase:PATH or hsm:PATH")
	}
	err := k.load()
	if file, ok := k.source.(*kekFile); ok && errors.Is(err, fs.ErrNotExist) {
		if help.MayCreate != nil {
			if err := help.MayCreate(); err != nil {
				return nil, fmt.Errorf("%s is missing: %w", name, err)
			}
		}
		if err := file.create(kekRing{members: []kekMember{randomMember()}}.String()); err != nil {
			return nil, err
		}
		err = k.load()
	}
	return k, err
}

const kekPurpose = "pkiaas key-encryption key"

func plain(b []byte) ([]byte, error) { return b, nil }

// ErrReadOnly says that the source of a key-encryption key cannot be changed from here.
var ErrReadOnly = errors.New("it cannot be changed from here")

// kekVariable is the name of an environment variable.
type kekVariable string

func (v kekVariable) String() string { return "the environment variable " + string(v) }

func (v kekVariable) read() (string, error) {
	text := os.Getenv(string(v))
	if text == "" {
		return "", fmt.Errorf("%s is not set: it must hold the key-encryption key, %d bytes in base64", v, kekSize)
	}
	return text, nil
}

func (v kekVariable) write(string) error {
	return fmt.Errorf(
		"%w: put the new key in front of the old one in %s, with a comma between them, restart the servers, and rotate again", ErrReadOnly,
		v,
	)
}

func (v kekVariable) stamp() (string, error) { return "set", nil }

func (v kekVariable) lock() (func(), error) { return func() {}, nil }

type kekFile struct {
	path, what         string
	protect, unprotect func([]byte) ([]byte, error)
}

func (f *kekFile) String() string { return f.path }

func (f *kekFile) stamp() (string, error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return "", err
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size(), inode(info)), nil
}

func (f *kekFile) lock() (func(), error) { return lockFile(f.path + ".lock") }

func (f *kekFile) read() (string, error) {
	file, err := os.Open(f.path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("the key-encryption key %s can be read by others: chmod 600 it, and think about who may have read it", f.path)
	}
	if !ours(info) {
		return "", fmt.Errorf(
			"the key-encryption key %s belongs to another user, who can replace it: chown it to the one that runs the server", f.path,
		)
	}
	content, err := io.ReadAll(file)
	if err != nil {
		return "", err
	}
	text, err := f.unprotect(content)
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.path, err)
	}
	return string(text), nil
}

func (f *kekFile) write(text string) error {
	content, err := f.protect([]byte(text))
	if err != nil {
		return err
	}
	temporary, err := writeTemporary(filepath.Dir(f.path), content)
	if err != nil {
		return err
	}
	// An administrator rotates as root; the server must still be able to read it.
	err = keepOwner(f.path, temporary)
	if err == nil {
		err = os.Rename(temporary, f.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(filepath.Dir(f.path))
}

// create writes the file unless another process was first.
func (f *kekFile) create(text string) error {
	if err := makeDirectory(filepath.Dir(f.path)); err != nil {
		return err
	}
	content, err := f.protect([]byte(text))
	if err != nil {
		return err
	}
	// Linked into place whole: it fails when another server was first.
	temporary, err := writeTemporary(filepath.Dir(f.path), content)
	if err != nil {
		return err
	}
	defer os.Remove(temporary)
	if err := os.Link(temporary, f.path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(filepath.Dir(f.path))
}

// newPassphraseFile is a file in the form of age, under scrypt: `age -d` opens it too. The passphrase is asked for once, at
// the start.
func newPassphraseFile(path string, ask func(file string, isNew bool) (string, error)) *kekFile {
	passphrase := sync.OnceValues(func() (string, error) {
		if ask == nil {
			return "", errors.New("nobody can be asked for the passphrase here")
		}
		_, missing := os.Stat(path)
		return ask(path, errors.Is(missing, fs.ErrNotExist))
	})
	return &kekFile{path: path, what: "passphrase",
		protect: func(text []byte) ([]byte, error) {
			p, err := passphrase()
			if err != nil {
				return nil, err
			}
			recipient, err := age.NewScryptRecipient(p)
			if err != nil {
				return nil, err
			}
			var out bytes.Buffer
			armored := armor.NewWriter(&out)
			w, err := age.Encrypt(armored, recipient)
			if err != nil {
				return nil, err
			}
			if _, err := w.Write(text); err != nil {
				return nil, err
			}
			if err := errors.Join(w.Close(), armored.Close()); err != nil {
				return nil, err
			}
			return out.Bytes(), nil
		},
		unprotect: func(content []byte) ([]byte, error) {
			p, err := passphrase()
			if err != nil {
				return nil, err
			}
			identity, err := age.NewScryptIdentity(p)
			if err != nil {
				return nil, err
			}
			r, err := age.Decrypt(armor.NewReader(bytes.NewReader(content)), identity)
			if err != nil {
				return nil, errors.New("the passphrase does not open it")
			}
			return io.ReadAll(r)
		},
	}
}
