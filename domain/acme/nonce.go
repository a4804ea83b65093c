package acme

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/store"
)

// nonceLife is how long a nonce can be used: some clients fetch one long before they need it, and give up at the first
// that is refused.
const nonceLife = 2 * time.Hour

// nonces are the hour of birth, 16 random bytes and a MAC under a key that all servers share: so none is kept until it is used,
// and using it is one insertion, which only one request can win.
type nonces struct {
	mu   sync.Mutex
	key  []byte
	used store.Batch[string, bool]
}

type secret struct {
	ID     string `gorm:"primaryKey"`
	Secret []byte
}

func (secret) TableName() string { return "acme_secrets" }

const nonceKeyID = "nonces"

// nonceKey reads the shared key, or makes it: the first server to do so wins.
func (e *Engine) nonceKey(ctx context.Context) ([]byte, error) {
	e.nonces.mu.Lock()
	defer e.nonces.mu.Unlock()
	if e.nonces.key != nil {
		return e.nonces.key, nil
	}
	var found []secret
	if err := e.Store.DB(ctx).Find(&found, "id = ?", nonceKeyID).Error; err != nil {
		return nil, err
	}
	if len(found) > 0 {
		var err error
		e.nonces.key, err = e.Sealer.Unseal(noncePurpose, found[0].Secret, []byte(nonceKeyID))
		return e.nonces.key, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	sealed, err := e.Sealer.Seal(noncePurpose, key, []byte(nonceKeyID))
	if err != nil {
		return nil, err
	}
	row := secret{nonceKeyID, sealed}
	if err := e.Store.Tx(ctx, func(ctx context.Context) error {
		if err := e.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
			return err
		}
		return e.Store.DB(ctx).Take(&row, "id = ?", nonceKeyID).Error
	}); err != nil {
		return nil, err
	}
	if e.nonces.key, err = e.Sealer.Unseal(noncePurpose, row.Secret, []byte(nonceKeyID)); err != nil {
		return nil, err
	}
	return e.nonces.key, nil
}

const (
	nonceBody = 4 + 16
	nonceMAC  = 16
)

func authenticate(key, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(body)
	return m.Sum(nil)[:nonceMAC]
}

// NewNonce makes a nonce (RFC 8555 6.5).
func (e *Engine) NewNonce(ctx context.Context) (string, error) {
	key, err := e.nonceKey(ctx)
	if err != nil {
		return "", err
	}
	body := make([]byte, nonceBody, nonceBody+nonceMAC)
	binary.BigEndian.PutUint32(body, uint32(e.Now().Unix()))
	rand.Read(body[4:])
	return base64.RawURLEncoding.EncodeToString(append(body, authenticate(key, body)...)), nil
}

// UseNonce consumes a nonce, or answers badNonce.
func (e *Engine) UseNonce(ctx context.Context, nonce string) error {
	key, err := e.nonceKey(ctx)
	if err != nil {
		return err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(nonce)
	if err != nil || len(raw) != nonceBody+nonceMAC || !hmac.Equal(raw[nonceBody:], authenticate(key, raw[:nonceBody])) {
		return NewProblem("badNonce", "this nonce was not given out here")
	}
	born := time.Unix(int64(binary.BigEndian.Uint32(raw)), 0)
	if age := e.Now().Sub(born); age > nonceLife {
		return NewProblem("badNonce", "this nonce is %s old", age.Truncate(time.Second))
	}
	fresh, err := e.nonces.used.Do(ctx, nonce)
	if err == nil && !fresh {
		err = NewProblem("badNonce", "this nonce was used before")
	}
	return err
}

// useNonces notes nonces as used and tells which of them were not before.
func (e *Engine) useNonces(ctx context.Context, list []string) ([]bool, error) {
	expires := e.Now().Add(nonceLife)
	won := map[string]bool{}
	err := e.Store.Tx(ctx, func(ctx context.Context) error {
		clear(won)
		rest := list
		// Few lengths of statements, so that each stays prepared.
		for length := 64; len(rest) > 0; rest = rest[length:] {
			for length > len(rest) {
				length /= 2
			}
			values := make([]any, 0, 2*length)
			for _, n := range rest[:length] {
				values = append(values, n, expires)
			}
			var inserted []string
			if err := e.Store.DB(ctx).Raw("INSERT INTO acme_used_nonces (nonce, expires_at) VALUES "+strings.Repeat("(?, ?), ", length-1)+
				"(?, ?) ON CONFLICT DO NOTHING RETURNING nonce", values...).
				Scan(&inserted).Error; err != nil {
				return err
			}
			for _, n := range inserted {
				won[n] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	fresh := make([]bool, len(list))
	for i, n := range list {
		fresh[i] = won[n]
		delete(won, n) // one request wins
	}
	return fresh, nil
}
