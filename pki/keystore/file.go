package keystore

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/keystore/token"
)

// sealer encrypts the keys of a file store.
type sealer interface {
	seal(ctx context.Context, plaintext, additional []byte) ([]byte, error)
	unseal(ctx context.Context, sealed, additional []byte) ([]byte, error)
	// current tells whether something was sealed with the key that seals now.
	current(sealed []byte) bool
}

// fileStore is a directory with one sealed file a key. Several servers may share it.
type fileStore struct {
	dir     string
	sealer  sealer
	custody Custody
	keep    bool     // opened keys stay in memory
	opened  sync.Map // id → *fileKey
}

// fileRecord is the content of a key's file.
type fileRecord struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	Use       Use    `json:"use,omitempty"`
	PublicKey []byte `json:"publicKey"`
	Sealed    []byte `json:"sealed"` // PKCS #8; id, algorithm, use and public key are the additional data
}

// additional is what the seal binds the private key to.
func (r *fileRecord) additional() []byte {
	head := r.ID + "\x00" + r.Algorithm + "\x00"
	if r.Use != Signing { // of keys that only sign nothing is said, as before there were others
		head += string(r.Use) + "\x00"
	}
	return slices.Concat([]byte(head), r.PublicKey)
}

// fileKey is a key of the store; its private part is in memory when the store keeps it there, otherwise for the moment of
// a signature.
type fileKey struct {
	store     *fileStore
	record    fileRecord
	algorithm *algorithm.Algorithm
	private   algorithm.PrivateKey
}

func (k *fileKey) ID() string                      { return k.record.ID }
func (k *fileKey) Algorithm() *algorithm.Algorithm { return k.algorithm }
func (k *fileKey) PublicKey() []byte               { return k.record.PublicKey }
func (k *fileKey) Custody() Custody                { return k.store.custody }

func (k *fileKey) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	private, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	return private.Sign(message)
}

// open is the private part: kept, or unsealed for the moment.
func (k *fileKey) open(ctx context.Context) (algorithm.PrivateKey, error) {
	if k.private != nil {
		return k.private, nil
	}
	return k.store.open(ctx, &k.record, k.algorithm)
}

// decryptingFileKey is a fileKey made for it.
type decryptingFileKey struct{ *fileKey }

func (k decryptingFileKey) Decrypt(ctx context.Context, ciphertext []byte, o crypto.DecrypterOpts) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := token.CheckDecryption(o); err != nil {
		return nil, err
	}
	private, err := k.open(ctx)
	if err != nil {
		return nil, err
	}
	decrypter, ok := algorithm.DecrypterOf(private)
	if !ok {
		return nil, ErrUnsupported
	}
	if public, ok := decrypter.Public().(*rsa.PublicKey); !ok || len(ciphertext) != public.Size() { // RFC 8017 7.1.2, 7.2.2: step 1
		return nil, ErrDecryption
	}
	plaintext, err := decrypter.Decrypt(rand.Reader, ciphertext, o)
	if err != nil {
		return nil, ErrDecryption
	}
	return plaintext, nil
}

// forUse is the key as what it is for.
func (k *fileKey) forUse() Key {
	if k.record.Use == SigningAndDecryption {
		return decryptingFileKey{k}
	}
	return k
}

const purpose = "key store"

// kekSealer seals under the key-encryption key.
type kekSealer struct{ kek *KEK }

func (s kekSealer) seal(_ context.Context, plaintext, additional []byte) ([]byte, error) {
	return s.kek.Seal(purpose, plaintext, additional)
}

func (s kekSealer) unseal(_ context.Context, sealed, additional []byte) ([]byte, error) {
	return s.kek.Unseal(purpose, sealed, additional)
}

func (s kekSealer) current(sealed []byte) bool { return s.kek.Current(sealed) }

var idRule = regexp.MustCompile(`^[a-z2-7]{26}$`)

func newID() string { return strings.ToLower(rand.Text()) }

func openFileStore(dir string, sealer sealer, custody Custody, keep bool) (*fileStore, error) {
	if err := makeDirectory(dir); err != nil {
		return nil, fmt.Errorf("opening the key store: %w", err)
	}
	return &fileStore{dir: dir, sealer: sealer, custody: custody, keep: keep}, nil
}

func (s *fileStore) file(id string) string { return filepath.Join(s.dir, id+".json") }

func (s *fileStore) Generate(ctx context.Context, a *algorithm.Algorithm, use Use) (Key, error) {
	if use == SigningAndDecryption && !a.Decrypts() {
		return nil, errCannotDecrypt(a)
	}
	private, err := a.Generate()
	if err != nil {
		return nil, fmt.Errorf("generating a key: %w", err)
	}
	return s.add(ctx, newID(), material{a, use, private})
}

// add records a key under an id that is not in use.
func (s *fileStore) add(ctx context.Context, id string, m material) (Key, error) {
	pkcs8, err := m.private.MarshalPKCS8()
	if err != nil {
		return nil, err
	}
	defer clear(pkcs8)
	record := fileRecord{ID: id, Algorithm: m.algorithm.Label, Use: m.use, PublicKey: m.private.PublicKey()}
	if record.Sealed, err = s.sealer.seal(ctx, pkcs8, record.additional()); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := s.write(&record); err != nil {
		return nil, err
	}
	key := &fileKey{store: s, record: record, algorithm: m.algorithm}
	if s.keep {
		key.private = m.private
	}
	s.opened.Store(id, key)
	return key.forUse(), nil
}

// export gives a private key to Copy and Backup.
func (s *fileStore) export(ctx context.Context, id string) (material, error) {
	record, a, err := s.read(id)
	if err != nil {
		return material{}, err
	}
	private, err := s.open(ctx, record, a)
	return material{a, record.Use, private}, err
}

func (s *fileStore) adopt(ctx context.Context, id string, m material) (Key, error) {
	if !idRule.MatchString(id) {
		return nil, ErrNotFound
	}
	if existing, err := s.Open(ctx, id); err == nil {
		return existing, m.sameKey(existing)
	}
	return s.add(ctx, id, m)
}

func (s *fileStore) write(record *fileRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	temporary, err := writeTemporary(s.dir, text)
	if err != nil {
		return err
	}
	if err := os.Rename(temporary, s.file(record.ID)); err != nil {
		return errors.Join(err, os.Remove(temporary))
	}
	return syncDirectory(s.dir)
}

// replace writes a key's file anew, keeping its owner, unless the key was deleted meanwhile, which it does not bring back.
func (s *fileStore) replace(record *fileRecord) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	temporary, err := writeTemporary(s.dir, text)
	if err != nil {
		return err
	}
	defer os.Remove(temporary) // after the exchange this is the old file
	if err := keepOwner(s.file(record.ID), temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	err = exchange(temporary, s.file(record.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotFound
	}
	if err != nil {
		return err
	}
	return syncDirectory(s.dir)
}

func (s *fileStore) Open(ctx context.Context, id string) (Key, error) {
	if key, ok := s.opened.Load(id); ok {
		return key.(*fileKey).forUse(), nil
	}
	record, a, err := s.read(id)
	if err != nil {
		return nil, err
	}
	key := &fileKey{store: s, record: *record, algorithm: a}
	private, err := s.open(ctx, record, a)
	if err != nil {
		return nil, err
	}
	if s.keep {
		key.private = private
	}
	kept, _ := s.opened.LoadOrStore(id, key)
	return kept.(*fileKey).forUse(), nil
}

func (s *fileStore) read(id string) (*fileRecord, *algorithm.Algorithm, error) {
	if !idRule.MatchString(id) {
		return nil, nil, ErrNotFound
	}
	text, err := os.ReadFile(s.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, ErrNotFound
	}
	if err != nil {
		return nil, nil, err
	}
	record := &fileRecord{}
	if err := json.Unmarshal(text, record); err != nil {
		return nil, nil, fmt.Errorf("the file of key %s is damaged: restore it from the backup", id)
	}
	if record.ID != id {
		return nil, nil, fmt.Errorf("the file of key %s was altered: it is that of another key; restore it from the backup", id)
	}
	a, err := algorithm.ForLabel(record.Algorithm)
	return record, a, err
}

// open unseals a private key.
func (s *fileStore) open(ctx context.Context, record *fileRecord, a *algorithm.Algorithm) (algorithm.PrivateKey, error) {
	pkcs8, err := s.sealer.unseal(ctx, record.Sealed, record.additional())
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", record.ID, err)
	}
	defer clear(pkcs8)
	private, err := a.ParsePrivateKey(pkcs8)
	if err != nil {
		return nil, fmt.Errorf("opening key %s: %w", record.ID, err)
	}
	if !bytes.Equal(record.PublicKey, private.PublicKey()) {
		return nil, fmt.Errorf("the file of key %s is damaged: its public key is another; restore it from the backup", record.ID)
	}
	return private, nil
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

func (s *fileStore) Custody(*algorithm.Algorithm) Custody { return s.custody }

func (s *fileStore) Description() string { return "encrypted files on the server" }

func (s *fileStore) Close() {}

// ids of all keys.
func (s *fileStore) ids() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok && idRule.MatchString(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Reseal seals every key anew that was not sealed with the present key-encryption key, and returns how many there were.
// It may be repeated at any time.
func (s *fileStore) Reseal(ctx context.Context) (int, error) {
	ids, err := s.ids()
	if err != nil {
		return 0, err
	}
	changed := 0
	for _, id := range ids {
		record, _, err := s.read(id)
		if errors.Is(err, ErrNotFound) {
			continue // deleted meanwhile
		}
		if err != nil {
			return changed, err
		}
		if s.sealer.current(record.Sealed) {
			continue
		}
		pkcs8, err := s.sealer.unseal(ctx, record.Sealed, record.additional())
		if err != nil {
			return changed, fmt.Errorf("opening key %s: %w", id, err)
		}
		record.Sealed, err = s.sealer.seal(ctx, pkcs8, record.additional())
		clear(pkcs8)
		if err == nil {
			err = s.replace(record)
		}
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return changed, err
		}
		changed++
	}
	return changed, nil
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
