package keystore

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/pkiaas/pkiaas/pki/algorithm"
)

// fileStore is the software key store: a directory with one file a key, sealed under the key-encryption key. Several
// servers may share the directory.
type fileStore struct {
	dir    string
	kek    *KEK
	opened sync.Map // id → *fileKey
}

// fileRecord is the content of a key's file.
type fileRecord struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	PublicKey []byte `json:"publicKey"`
	Sealed    []byte `json:"sealed"` // PKCS #8; the id is the additional data
}

type fileKey struct {
	id        string
	algorithm *algorithm.Algorithm
	private   algorithm.PrivateKey
}

func (k *fileKey) ID() string                      { return k.id }
func (k *fileKey) Algorithm() *algorithm.Algorithm { return k.algorithm }
func (k *fileKey) PublicKey() []byte               { return k.private.PublicKey() }

func (k *fileKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return k.private.Sign(message)
}

const purpose = "key store"

var idRule = regexp.MustCompile(`^[a-z2-7]{26}$`)

func openFileStore(dir string, kek *KEK) (Store, error) {
	if kek == nil {
		return nil, errors.New("the key store file:DIR needs a key-encryption key")
	}
	if err := makeDirectory(dir); err != nil {
		return nil, fmt.Errorf("opening the key store: %w", err)
	}
	return &fileStore{dir: dir, kek: kek}, nil
}

func (s *fileStore) file(id string) string { return filepath.Join(s.dir, id+".json") }

func (s *fileStore) Generate(ctx context.Context, a *algorithm.Algorithm) (Key, error) {
	private, err := a.Generate()
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	pkcs8, err := private.MarshalPKCS8()
	if err != nil {
		return nil, err
	}
	defer clear(pkcs8)
	id := strings.ToLower(rand.Text())
	text, err := json.Marshal(fileRecord{ID: id, Algorithm: a.Label, PublicKey: private.PublicKey(), Sealed: s.kek.Seal(purpose, pkcs8, []byte(id))})
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	temporary, err := writeTemporary(s.dir, text)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(temporary, s.file(id)); err != nil {
		return nil, errors.Join(err, os.Remove(temporary))
	}
	if err := syncDirectory(s.dir); err != nil {
		return nil, err
	}
	key := &fileKey{id, a, private}
	s.opened.Store(id, key)
	return key, nil
}

func (s *fileStore) Open(_ context.Context, id string) (Key, error) {
	if key, ok := s.opened.Load(id); ok {
		return key.(*fileKey), nil
	}
	if !idRule.MatchString(id) {
		return nil, ErrNotFound
	}
	text, err := os.ReadFile(s.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	var record fileRecord
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, fmt.Errorf("the file of key %s is damaged: restore it from the backup", id)
	}
	a, err := algorithm.ForLabel(record.Algorithm)
	if err != nil {
		return nil, err
	}
	pkcs8, err := s.kek.Unseal(purpose, record.Sealed, []byte(id))
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", id, err)
	}
	defer clear(pkcs8)
	private, err := a.ParsePrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", id, err)
	}
	// The seal covers neither of these: a file whose parts do not belong together was altered.
	if record.ID != id || !bytes.Equal(record.PublicKey, private.PublicKey()) {
		return nil, fmt.Errorf("the file of key %s was altered: its id or public key is another; restore it from the backup", id)
	}
	key, _ := s.opened.LoadOrStore(id, &fileKey{id, a, private})
	return key.(*fileKey), nil
}

func (s *fileStore) Delete(_ context.Context, id string) error {
	if !idRule.MatchString(id) {
		return ErrNotFound
	}
	s.opened.Delete(id)
	if err := os.Remove(s.file(id)); errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	} else if err != nil {
		return err
	}
	return syncDirectory(s.dir)
}

func (s *fileStore) Check(context.Context) error {
	_, err := os.ReadDir(s.dir)
	return err
}

func (s *fileStore) Protection() string {
	return "Software key store: a file on the server, encrypted with AES-256 under a key-encryption key that is kept apart; in the server's memory while in use."
}

// writeTemporary writes a file that is on the disk when it returns; the caller moves it into place.
func writeTemporary(dir string, content []byte) (string, error) {
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// makeDirectory makes a directory, and those above it, that only the owner can enter; their names are durable when it
// returns: a synced file in a directory that a power cut takes away would be lost with it.
func makeDirectory(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := makeDirectory(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		// Another server may have been first.
		if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() {
			return err
		}
	}
	return syncDirectory(parent)
}

// syncDirectory makes the names in a directory durable.
func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
