package identity

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

const (
	totpPurpose   = "totp"
	totpPeriod    = 30
	recoveryCodes = 10
)

type recoveryCode struct {
	UserID string `gorm:"primaryKey"`
	Hash   []byte `gorm:"primaryKey"`
}

func (recoveryCode) TableName() string { return "recovery_codes" }

// enrolling returns the person who may set up factors: signed in, or about to enrol the first factor.
func (s *Service) enrolling(ctx context.Context) (*User, error) {
	if rbac.ActorFrom(ctx) != nil {
		if err := s.Guard.RequireProof(ctx); err != nil {
			return nil, err
		}
		return s.self(ctx)
	}
	u, _, err := s.atStage(ctx, EnrolmentRequired)
	if err != nil {
		return nil, err
	}
	return u, s.requireNoFactor(ctx, u)
}

// requireNoFactor refuses enrolment during sign-in once a second factor exists: the password alone must not add
// another.
func (s *Service) requireNoFactor(ctx context.Context, u *User) error {
	factors, err := s.factors(ctx, u)
	if err == nil && len(factors) > 0 {
		return stepExpired()
	}
	return err
}

// lockCaller returns the person of the request with the row locked. It fails if the session or account has ended since
// the request began.
func (s *Service) lockCaller(ctx context.Context, id string) (*User, error) {
	u, err := s.locked(ctx, id)
	if store.IsNotFound(err) {
		return nil, stepExpired()
	}
	if err != nil {
		return nil, err
	}
	session := SessionFrom(ctx)
	if session == nil || u.Status != Active {
		return nil, stepExpired()
	}
	var live int64
	if err := s.Store.DB(ctx).Model(&Session{}).Where("id = ? AND user_id = ?", session.ID, u.ID).Count(&live).Error; err != nil {
		return nil, err
	}
	if live == 0 {
		return nil, stepExpired()
	}
	if session.Stage == EnrolmentRequired {
		return u, s.requireNoFactor(ctx, u)
	}
	return u, nil
}

// Enrolment is what an authenticator app needs. It is shown once.
type Enrolment struct{ Secret, URI string }

// BeginTOTP starts the enrolment of an authenticator app. An app that is already confirmed stays valid until the new
// one is confirmed.
func (s *Service) BeginTOTP(ctx context.Context) (*Enrolment, error) {
	u, err := s.enrolling(ctx)
	if err != nil {
		return nil, err
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "pkiaas", AccountName: u.Email, Period: totpPeriod, SecretSize: 20})
	if err != nil {
		return nil, err
	}
	sealed, err := s.Sealer.Seal(totpPurpose, []byte(key.Secret()), []byte(u.ID))
	if err != nil {
		return nil, err
	}
	return &Enrolment{key.Secret(), key.URL()}, s.Store.Tx(ctx, func(ctx context.Context) error {
		s.record(ctx, u, "user.begin-totp", "started to enrol an authenticator app", nil)
		return s.Store.DB(ctx).Model(u).Update("totp_pending", sealed).Error
	})
}

// Enrolled is the result of confirming a factor.
type Enrolled struct {
	RecoveryCodes []string  // shown once; empty if the user already has some
	SignedIn      *SignedIn // set if this completed the sign-in
}

// ConfirmTOTP completes the enrolment with a first code. Confirming the first factor also completes the sign-in.
func (s *Service) ConfirmTOTP(ctx context.Context, code string) (*Enrolled, error) {
	u, err := s.enrolling(ctx)
	if err != nil {
		return nil, err
	}
	if u.TOTPPending == nil {
		return nil, fault.New(fault.Conflict, "No authenticator app is being enrolled.").Do("Start the enrolment again.")
	}
	result, id := &Enrolled{}, u.ID
	refusal := fault.New(fault.Invalid, "The code is wrong.").At("totp").Do("Check the clock of your device and enter the current code.")
	err = s.guess(ctx, guess{email: u.Email, user: u, what: "totp", refusal: refusal}, func(ctx context.Context) (right bool, err error) {
		err = s.Store.Tx(ctx, func(ctx context.Context) error {
			if u, err = s.lockCaller(ctx, id); err != nil {
				return err
			}
			step, err := s.checkTOTP(u, u.TOTPPending, code, 0)
			if right = step != 0; err != nil || !right {
				return err
			}
			now := s.Now()
			replaced := u.TOTPConfirmedAt != nil
			u.TOTPSecret, u.TOTPPending, u.TOTPConfirmedAt, u.TOTPLastStep = u.TOTPPending, nil, &now, step
			if err := s.Store.DB(ctx).Model(u).Select(
				"totp_secret", "totp_pending", "totp_confirmed_at", "totp_last_step",
			).Updates(u).Error; err != nil {
				return err
			}
			if replaced {
				s.record(ctx, u, "user.replace-totp", "replaced the authenticator app", nil)
			} else {
				s.record(ctx, u, "user.enrol-totp", "enrolled an authenticator app", nil)
			}
			return s.enrolled(ctx, u, result)
		})
		return right, err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// enrolled creates recovery codes with the first factor and completes a sign-in that was waiting for it.
func (s *Service) enrolled(ctx context.Context, u *User, result *Enrolled) (err error) {
	if u.SecondFactorResetAt != nil {
		if err := s.Store.DB(ctx).Model(u).Update("second_factor_reset_at", nil).Error; err != nil {
			return err
		}
		if err := s.endProof(ctx, u, secondFactorProof); err != nil {
			return err
		}
	}
	var left int64
	if err := s.Store.DB(ctx).Model(&recoveryCode{}).Where("user_id = ?", u.ID).Count(&left).Error; err != nil {
		return err
	}
	if left == 0 {
		if result.RecoveryCodes, err = s.newRecoveryCodes(ctx, u); err != nil {
			return err
		}
	}
	if session := SessionFrom(ctx); rbac.ActorFrom(ctx) == nil && session != nil {
		result.SignedIn, err = s.signedIn(ctx, u, "enrolment")
	}
	return err
}

// spendTOTP checks a code and marks it as used.
func (s *Service) spendTOTP(ctx context.Context, u *User, code string) (bool, error) {
	if u.TOTPSecret == nil || u.TOTPConfirmedAt == nil {
		return false, nil
	}
	step, err := s.checkTOTP(u, u.TOTPSecret, code, u.TOTPLastStep)
	if err != nil || step == 0 {
		return false, err
	}
	u.TOTPLastStep = step
	return true, s.Store.DB(ctx).Model(u).Update("totp_last_step", step).Error
}

// checkTOTP returns the time step of a code, allowing for one step of clock error either way. It returns 0 if the code
// is wrong or was used before.
func (s *Service) checkTOTP(u *User, sealed []byte, code string, after int64) (int64, error) {
	secret, err := s.Sealer.Unseal(totpPurpose, sealed, []byte(u.ID))
	if err != nil {
		return 0, err
	}
	now := s.Now()
	for _, step := range []int64{0, -1, 1} {
		at := now.Add(time.Duration(step) * totpPeriod * time.Second)
		number := at.Unix() / totpPeriod
		if number <= after {
			continue
		}
		right, err := totp.ValidateCustom(
			strings.TrimSpace(code), string(secret), at,
			totp.ValidateOpts{Period: totpPeriod, Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1},
		)
		if err != nil {
			return 0, nil // not six digits
		}
		if right {
			return number, nil
		}
	}
	return 0, nil
}

func normalCode(code string) string {
	return strings.ToUpper(strings.NewReplacer("-", "", " ", "").Replace(code))
}

func (s *Service) spendRecoveryCode(ctx context.Context, u *User, code string) (bool, error) {
	r := s.Store.DB(ctx).Delete(&recoveryCode{}, "user_id = ? AND hash = ?", u.ID, hashSecret(u.ID+normalCode(code)))
	return r.RowsAffected == 1, r.Error
}

func (s *Service) newRecoveryCodes(ctx context.Context, u *User) ([]string, error) {
	if err := s.Store.DB(ctx).Delete(&recoveryCode{}, "user_id = ?", u.ID).Error; err != nil {
		return nil, err
	}
	var codes []string
	for range recoveryCodes {
		text := rand.Text()[:16] // 80 bits
		if err := s.Store.DB(ctx).Create(&recoveryCode{u.ID, hashSecret(u.ID + text)}).Error; err != nil {
			return nil, err
		}
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
	}
	return codes, nil
}

// RegenerateRecoveryCodes replaces the caller's recovery codes.
func (s *Service) RegenerateRecoveryCodes(ctx context.Context) (codes []string, err error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		s.record(ctx, u, "user.recovery-codes", "made new recovery codes", nil)
		codes, err = s.newRecoveryCodes(ctx, u)
		return err
	})
	return codes, err
}

// RecoveryCodesLeft counts the caller's unused recovery codes.
func (s *Service) RecoveryCodesLeft(ctx context.Context) (int, error) {
	u, err := s.self(ctx)
	if err != nil {
		return 0, err
	}
	var n int64
	err = s.Store.DB(ctx).Model(&recoveryCode{}).Where("user_id = ?", u.ID).Count(&n).Error
	return int(n), err
}

// ChangePassword sets a new password and ends all other sessions.
func (s *Service) ChangePassword(ctx context.Context, current, next string) (ended int, err error) {
	u, err := s.self(ctx)
	if err != nil {
		return 0, err
	}
	end, err := s.turns.take(ctx, true)
	if err != nil {
		return 0, err
	}
	err = s.guess(
		ctx,
		guess{
			email: u.Email, user: u, what: "password",
			refusal: fault.New(fault.Invalid, "The current password is wrong.").At("currentPassword"),
		},
		func(context.Context) (bool, error) { return s.matches(current, u.PasswordHash) })
	end()
	if err != nil {
		return 0, err
	}
	if err := checkPassword(next, u); err != nil {
		fault.Of(err).Field = "newPassword"
		return 0, err
	}
	hash, err := s.hashPassword(ctx, next)
	if err != nil {
		return 0, err
	}
	id := u.ID
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if u, err = s.lockCaller(ctx, id); err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Model(u).Update("password_hash", hash).Error; err != nil {
			return err
		}
		if err := s.endProof(ctx, u, passwordProof); err != nil {
			return err
		}
		others := s.Store.DB(ctx).Delete(&Session{}, "user_id = ? AND id <> ?", u.ID, rbac.ActorFrom(ctx).SessionID)
		ended = int(others.RowsAffected)
		s.record(ctx, u, "user.change-password", "changed the password", audit.Details{"sessionsEnded": ended})
		return others.Error
	})
	return ended, err
}
