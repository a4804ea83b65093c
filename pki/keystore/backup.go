package keystore

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/cloudflare/circl/group"
	"github.com/cloudflare/circl/secretsharing"

	"github.com/pkiaas/pkiaas/pki/algorithm"
)

// A backup is one line of text that says what it is, and an AES-256-GCM ciphertext. Its key is the secret of Shamir's
// sharing over the scalars of ristretto255, of which each share is a line of text.
const (
	backupMagic = "pkiaas-backup-1"
	shareMagic  = "pkiaas-share-1"
)

// backupContent is what is encrypted, JSON.
type backupContent struct {
	KEKs []string    `json:"keks"` // base64; the one that seals first
	Keys []backupKey `json:"keys"`
	// Files that go with the keys, by name.
	Files map[string][]byte `json:"files,omitempty"`
}

type backupKey struct {
	Store     string `json:"store"`
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	Use       Use    `json:"use,omitempty"`
	PKCS8     []byte `json:"pkcs8"`
}

// BackupReport says what a backup holds, or what a restoration brought back.
type BackupReport struct {
	Keys     int               // software keys and wrapped keys
	Existing int               // of a restoration: those that were there already
	InTokens []string          // names of stores whose own keys cannot be in a backup
	Files    map[string][]byte // of a restoration: what was given to Backup
}

var sharing group.Group = group.Ristretto255

func backupKeyOf(secret group.Scalar) ([]byte, error) {
	raw, err := secret.MarshalBinary()
	if err != nil {
		return nil, err
	}
	return derive(raw, "backup", kekSize), nil
}

func backupAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Backup encrypts the key-encryption key, every software key and every wrapped key, and files beside them, and splits the key of the backup
// into shares of which any threshold open it. Keys that tokens made themselves never leave them: their makers' tools back
// them up.
func Backup(
	ctx context.Context, set Set, kek *KEK, files map[string][]byte, threshold, shares int,
) (backup []byte, parts []string, report BackupReport, err error) {
	if threshold < 2 || shares < threshold || shares > 20 {
		return nil, nil, report, errors.New("at least 2 shares must be needed, and there can be at most 20 of them")
	}
	content := backupContent{Files: files}
	for _, m := range kek.snapshot().members {
		content.KEKs = append(content.KEKs, base64.StdEncoding.EncodeToString(m.secret))
	}
	for _, named := range set {
		keys, ok := named.Store.(*fileStore)
		if t, isToken := named.Store.(*tokenStore); isToken {
			keys, ok = t.wrapped, true
			report.InTokens = append(report.InTokens, named.Name)
		}
		if !ok {
			continue
		}
		ids, err := keys.ids()
		if err != nil {
			return nil, nil, report, err
		}
		for _, id := range ids {
			m, err := keys.export(ctx, id)
			if err != nil {
				return nil, nil, report, err
			}
			pkcs8, err := m.private.MarshalPKCS8()
			if err != nil {
				return nil, nil, report, err
			}
			content.Keys = append(content.Keys, backupKey{named.Name, id, m.algorithm.Label, m.use, pkcs8})
		}
	}
	report.Keys = len(content.Keys)
	text, err := json.Marshal(content)
	if err != nil {
		return nil, nil, report, err
	}
	defer clear(text)
	secret := sharing.RandomNonZeroScalar(rand.Reader)
	key, err := backupKeyOf(secret)
	if err != nil {
		return nil, nil, report, err
	}
	aead, err := backupAEAD(key)
	if err != nil {
		return nil, nil, report, err
	}
	id := hex.EncodeToString(derive(key, "identifier", 8))
	header := fmt.Sprintf("%s:%s:%d:%d\n", backupMagic, id, threshold, shares)
	for _, share := range secretsharing.New(rand.Reader, uint(threshold-1), secret).Share(uint(shares)) {
		number, err := share.ID.MarshalBinary()
		if err != nil {
			return nil, nil, report, err
		}
		value, err := share.Value.MarshalBinary()
		if err != nil {
			return nil, nil, report, err
		}
		parts = append(
			parts,
			withChecksum(
				fmt.Sprintf(
					"%s:%s:%d:%s:%s", shareMagic, id, threshold, hex.EncodeToString(number[:1]),
					base64.RawURLEncoding.EncodeToString(value),
				),
			),
		)
	}
	return aead.Seal([]byte(header), nil, text, []byte(header)), parts, report, nil
}

// withChecksum lets a share that was typed wrong be told from one that belongs elsewhere.
func withChecksum(share string) string {
	hash := sha256.Sum256([]byte(share))
	return share + ":" + hex.EncodeToString(hash[:4])
}

func parseShare(text, backupID string) (secretsharing.Share, error) {
	text = strings.TrimSpace(text)
	fields := strings.Split(text, ":")
	none := secretsharing.Share{}
	if len(fields) != 6 || fields[0] != shareMagic {
		return none, errors.New("this is not a share: it begins with " + shareMagic)
	}
	if withChecksum(text[:strings.LastIndex(text, ":")]) != text {
		return none, errors.New("a share was copied wrong: its checksum does not fit")
	}
	if fields[1] != backupID {
		return none, fmt.Errorf("share %s belongs to backup %s, not to %s", fields[3], fields[1], backupID)
	}
	number, err := strconv.ParseUint(fields[3], 16, 8)
	if err != nil || number == 0 {
		return none, errors.New("the number of a share is damaged")
	}
	value, err := base64.RawURLEncoding.DecodeString(fields[4])
	if err != nil {
		return none, errors.New("a share is damaged")
	}
	share := secretsharing.Share{ID: sharing.NewScalar().SetUint64(number), Value: sharing.NewScalar()}
	return share, share.Value.UnmarshalBinary(value)
}

// Restore opens a backup with enough of its shares and brings back what is missing: the key-encryption keys, so that the
// secrets in the database open, and the keys, each into the store of its name. Doing it twice is doing it once.
func Restore(ctx context.Context, set Set, kek *KEK, backup []byte, parts []string) (report BackupReport, err error) {
	end := bytes.IndexByte(backup, '\n')
	header := strings.Split(string(backup[:max(end, 0)]), ":")
	if len(header) != 4 || header[0] != backupMagic {
		return report, errors.New("this is not a backup of pkiaas")
	}
	threshold, err := strconv.Atoi(header[2])
	if err != nil || threshold < 2 {
		return report, errors.New("the first line of the backup is damaged")
	}
	var shares []secretsharing.Share
	seen := map[string]bool{}
	for _, part := range parts {
		share, err := parseShare(part, header[1])
		if err != nil {
			return report, err
		}
		if number := fmt.Sprint(share.ID); !seen[number] {
			seen[number] = true
			shares = append(shares, share)
		}
	}
	if len(shares) < threshold {
		return report, fmt.Errorf("%d different shares are needed, %d are here", threshold, len(shares))
	}
	secret, err := secretsharing.Recover(uint(threshold-1), shares)
	if err != nil {
		return report, err
	}
	key, err := backupKeyOf(secret)
	if err != nil {
		return report, err
	}
	aead, err := backupAEAD(key)
	if err != nil {
		return report, err
	}
	text, err := aead.Open(nil, nil, backup[end+1:], backup[:end+1])
	if err != nil {
		return report, errors.New("the backup does not open: it was altered, or a share was")
	}
	defer clear(text)
	var content backupContent
	if err := json.Unmarshal(text, &content); err != nil {
		return report, err
	}
	// Everything is looked at before anything is changed.
	for _, k := range content.Keys {
		if _, err := set.ByName(k.Store); err != nil {
			return report, fmt.Errorf("%w, of which the backup has keys: configure one of that name", err)
		}
	}
	ring, err := parseRing(strings.Join(content.KEKs, "\n"))
	if err != nil {
		return report, err
	}
	if err := kek.adopt(ring); err != nil {
		return report, err
	}
	for _, k := range content.Keys {
		existing, err := restoreKey(ctx, set, k)
		if err != nil {
			return report, fmt.Errorf("key %s: %w", k.ID, err)
		}
		report.Keys++
		if existing {
			report.Existing++
		}
	}
	report.Files = content.Files
	return report, nil
}

func restoreKey(ctx context.Context, set Set, k backupKey) (existing bool, err error) {
	store, err := set.ByName(k.Store)
	if err != nil {
		return false, err
	}
	a, err := algorithm.ForLabel(k.Algorithm)
	if err != nil {
		return false, err
	}
	private, err := a.ParsePrivateKey(k.PKCS8)
	clear(k.PKCS8)
	if err != nil {
		return false, err
	}
	m := material{a, k.Use, private}
	found, err := store.Open(ctx, k.ID)
	if err == nil {
		return true, m.sameKey(found)
	}
	// What is there and does not open is what a backup is for.
	target, ok := store.Store.(importer)
	if !ok {
		return false, errors.New("the key store takes no keys from elsewhere")
	}
	_, err = target.adopt(ctx, k.ID, m)
	return false, err
}
