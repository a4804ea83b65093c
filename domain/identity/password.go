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

// PasswordMinLength in characters.
const PasswordMinLength = 12

// argon2id of RFC 9106 4, second recommendation: 64 MiB, 3 passes, 4 lanes.
const (
	argonTime    = 3
	argonMemory  = 64 << 10
	argonThreads = 4
	argonKey     = 32
)

// common passwords of at least PasswordMinLength characters, one a line.
//
//go:embed common-passwords.txt
var common string

func checkPassword(password string, u *User) error {
	n := utf8.RuneCountInString(password)
	lower := strings.ToLower(password)
	local, _, _ := strings.Cut(u.Email, "@")
	switch {
	case n < PasswordMinLength || n > 256 || !utf8.ValidString(password):
		return fault.New(fault.Invalid, "a password has %d to 256 characters", PasswordMinLength).At("password").Do("Several words in a row are easy to remember and hard to guess.")
	case lower == u.Email || len(local) >= 4 && strings.Contains(lower, local):
		return fault.New(fault.Invalid, "the password must not hold your e-mail address").At("password")
	case strings.Contains(common, "\n"+lower+"\n") || strings.Count(lower, lower[:1]) == len(lower):
		return fault.New(fault.Invalid, "this password is among those that are tried first").At("password").Do("Choose another one.")
	}
	return nil
}

// hashPassword makes a PHC string, when it is the caller's turn: callers are known by a link or a session.
func (s *Service) hashPassword(ctx context.Context, password string) (string, error) {
	end, err := s.turns.take(ctx, true)
	if err != nil {
		return "", err
	}
	defer end()
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads, b64(salt), b64(argon(password, salt))), nil
}

func argon(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, argonKey)
}

// matches compares a password with its hash. Without a hash it takes the same time and fails. Callers wait for their turn.
func matches(password, hash string) (bool, error) {
	salt, want := make([]byte, 16), make([]byte, argonKey)
	parts := strings.Split(hash, "$")
	known := len(parts) == 6
	if known {
		var err error
		if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
			return false, err
		}
		if want, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
			return false, err
		}
	}
	return subtle.ConstantTimeCompare(argon(password, salt), want) == 1 && known, nil
}
