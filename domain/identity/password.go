package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/pkiaas/pkiaas/domain/fault"
)

// PasswordMinLength is in characters.
const PasswordMinLength = 12

// HashCost is the cost of argon2id: passes, memory in KiB and lanes.
type HashCost struct {
	Passes, Memory uint32
	Lanes          uint8
}

// StrongHashes is the second recommended option of RFC 9106 section 4.
var StrongHashes = HashCost{Passes: 3, Memory: 64 << 10, Lanes: 4}

const argonKey = 32

// common lists common passwords of at least PasswordMinLength characters, one per line.
//
//go:embed common-passwords.txt
var common string

func checkPassword(password string, u *User) error {
	n := utf8.RuneCountInString(password)
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(u.Email, "@")
	switch {
	case n < PasswordMinLength || n > 256 || !utf8.ValidString(password):
		return fault.New(fault.Invalid, "The password must be %d to 256 characters long.", PasswordMinLength).At("password").Do(
			"Several words in a row are easy to remember and hard to guess.",
		)
	case lower == u.Email || len(local) >= 4 && strings.Contains(lower, local):
		return fault.New(fault.Invalid, "The password must not contain your e-mail address.").At("password")
	case strings.Contains(common, "\n"+lower+"\n") || strings.Count(lower, lower[:1]) == len(lower):
		return fault.New(fault.Invalid, "This password is too easy to guess.").At("password").Do("Choose another password.")
	}
	return nil
}

// hashPassword waits for its turn and returns the hash as a PHC string. Its callers are known by a link or a session.
func (s *Service) hashPassword(ctx context.Context, password string) (string, error) {
	end, err := s.turns.take(ctx, true)
	if err != nil {
		return "", err
	}
	defer end()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	b64 := base64.RawStdEncoding.EncodeToString
	c := s.HashCost
	return fmt.Sprintf(
		"$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, c.Memory, c.Passes, c.Lanes, b64(salt), b64(c.hash(password, salt)),
	), nil
}

func (c HashCost) hash(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, c.Passes, c.Memory, c.Lanes, argonKey)
}

// matches compares a password with its hash. Without a hash it takes the same time and fails. The caller must hold a
// turn.
func (s *Service) matches(password, hash string) (bool, error) {
	cost, salt, want := s.HashCost, make([]byte, 16), make([]byte, argonKey)
	parts := strings.Split(hash, "$")
	known := len(parts) == 6
	if known {
		_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.Memory, &cost.Passes, &cost.Lanes)
		if err != nil {
			return false, err
		}
		if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
			return false, err
		}
		if want, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
			return false, err
		}
	}
	return subtle.ConstantTimeCompare(cost.hash(password, salt), want) == 1 && known, nil
}
