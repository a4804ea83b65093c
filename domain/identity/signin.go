package identity

import (
	"context"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/store"
)

// Factor is a kind of second factor.
type Factor string

const (
	TOTP         Factor = "TOTP"
	PasskeyUsed  Factor = "PASSKEY"
	RecoveryCode Factor = "RECOVERY_CODE"
)

// SignedIn is what a step of signing in leads to. The token belongs into the cookie.
type SignedIn struct {
	Token             string
	Expires           time.Time
	Factors           []Factor
	EnrolmentRequired bool
	User              *User
}

// After freeFailures an account waits ever longer, up to maxDelay; an address has more attempts, since many people may
// share one.
const (
	freeFailures        = 5
	freeAddressFailures = 20
	maxDelay            = 15 * time.Minute
)

// failure counts failed attempts of an address.
type failure struct {
	Subject  string `gorm:"primaryKey"`
	Failures int64
	Until    time.Time
}

func (failure) TableName() string { return "sign_in_failures" }

var wrongPassword = fault.New(fault.Unauthenticated, "e-mail or password is wrong").At("password").Do("Check both; after several failures you must wait a little.")

// SignIn checks the password: the first step. E-mail and password are refused alike.
func (s *Service) SignIn(ctx context.Context, email, password string) (*SignedIn, error) {
	if err := s.addressAllowed(ctx); err != nil {
		return nil, err
	}
	var u *User
	if address, err := CheckEmail(email); err == nil {
		found := &User{}
		err := s.Store.DB(ctx).Take(found, "email = ? AND status = ?", address, Active).Error
		if err != nil && !store.IsNotFound(err) {
			return nil, err
		}
		if err == nil {
			u = found
		}
	}
	if u == nil {
		if _, err := s.matches(ctx, password, ""); err != nil {
			return nil, err
		}
		return nil, s.failed(ctx, nil, "password", wrongPassword)
	}
	if err := s.accountAllowed(u); err != nil {
		return nil, err
	}
	right, err := s.matches(ctx, password, u.PasswordHash)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, s.failed(ctx, u, "password", wrongPassword)
	}
	result := &SignedIn{User: u}
	if result.Factors, err = s.factors(ctx, u); err != nil {
		return nil, err
	}
	stage := FactorRequired
	if len(result.Factors) == 0 {
		stage, result.EnrolmentRequired = EnrolmentRequired, true
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) (err error) {
		result.Token, result.Expires, err = s.open(ctx, u, stage)
		return err
	})
	return result, err
}

func (s *Service) factors(ctx context.Context, u *User) ([]Factor, error) {
	var list []Factor
	if u.TOTPConfirmedAt != nil {
		list = append(list, TOTP)
	}
	var passkeys, codes int64
	if err := s.Store.DB(ctx).Model(&Passkey{}).Where("user_id = ?", u.ID).Count(&passkeys).Error; err != nil {
		return nil, err
	}
	if passkeys > 0 {
		list = append(list, PasskeyUsed)
	}
	if err := s.Store.DB(ctx).Model(&recoveryCode{}).Where("user_id = ?", u.ID).Count(&codes).Error; err != nil {
		return nil, err
	}
	if codes > 0 && len(list) > 0 {
		list = append(list, RecoveryCode)
	}
	return list, nil
}

// Proof is one second factor.
type Proof struct {
	TOTP, RecoveryCode, Passkey *string
}

// VerifySecondFactor is the second step: it makes the session a full one.
func (s *Service) VerifySecondFactor(ctx context.Context, p Proof) (*SignedIn, error) {
	u, session, err := s.halfway(ctx, FactorRequired)
	if err != nil {
		return nil, err
	}
	if err := s.addressAllowed(ctx); err != nil {
		return nil, err
	}
	if err := s.accountAllowed(u); err != nil {
		return nil, err
	}
	var check func(context.Context, *User) (bool, error)
	kind := ""
	switch {
	case p.TOTP != nil && p.RecoveryCode == nil && p.Passkey == nil:
		kind, check = "totp", func(ctx context.Context, u *User) (bool, error) { return s.spendTOTP(ctx, u, *p.TOTP) }
	case p.RecoveryCode != nil && p.TOTP == nil && p.Passkey == nil:
		kind, check = "recovery code", func(ctx context.Context, u *User) (bool, error) { return s.spendRecoveryCode(ctx, u, *p.RecoveryCode) }
	case p.Passkey != nil && p.TOTP == nil && p.RecoveryCode == nil:
		kind, check = "passkey", func(ctx context.Context, u *User) (bool, error) { return s.checkAssertion(ctx, u, session, *p.Passkey) }
	default:
		return nil, fault.New(fault.Invalid, "give exactly one of totp, recoveryCode and passkey").At("input")
	}
	result := &SignedIn{}
	right := false
	err = s.Store.Tx(ctx, func(ctx context.Context) (err error) {
		if u, err = s.locked(ctx, u.ID); err != nil {
			return err
		}
		// Asked again under the lock: attempts made side by side must not slip through together.
		if err := s.accountAllowed(u); err != nil {
			return err
		}
		if right, err = check(ctx, u); err != nil || !right {
			return err
		}
		result, err = s.signedIn(ctx, u, kind)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, s.failed(ctx, u, kind, fault.New(fault.Unauthenticated, "the second factor is wrong").At("input."+map[string]string{"totp": "totp", "recovery code": "recoveryCode", "passkey": "passkey"}[kind]).
			Do("Check the clock of your device, or use another factor; after several failures you must wait a little."))
	}
	return result, nil
}

// signedIn opens the full session, in the transaction of ctx.
func (s *Service) signedIn(ctx context.Context, u *User, kind string) (*SignedIn, error) {
	now := s.Now()
	err := s.Store.DB(ctx).Model(u).Select("failed_attempts", "locked_until", "last_sign_in_at").Updates(&User{LastSignInAt: &now}).Error
	if err != nil {
		return nil, err
	}
	result := &SignedIn{User: u}
	if result.Token, result.Expires, err = s.open(ctx, u, Full); err != nil {
		return nil, err
	}
	s.record(ctx, u, "user.sign-in", u.Email+" signed in", audit.Details{"secondFactor": kind})
	return result, nil
}

// halfway is the person of a session that has not finished signing in.
func (s *Service) halfway(ctx context.Context, stage Stage) (*User, *Session, error) {
	session := SessionFrom(ctx)
	if session == nil || session.Stage != stage {
		return nil, nil, fault.New(fault.Unauthenticated, "this step of signing in is not due, or took too long").Do("Start with e-mail and password.")
	}
	u, err := s.user(ctx, session.UserID)
	return u, session, err
}

func (s *Service) accountAllowed(u *User) error {
	if u.LockedUntil != nil && s.Now().Before(*u.LockedUntil) {
		return tooMany(u.LockedUntil.Sub(s.Now()))
	}
	return nil
}

func tooMany(wait time.Duration) error {
	return fault.New(fault.TooManyRequests, "too many failed attempts").After(wait).Do("Wait " + wait.Round(time.Second).String() + " and try again.")
}

func (s *Service) addressAllowed(ctx context.Context) error {
	o := OriginFrom(ctx)
	if o == nil {
		return nil
	}
	var rows []failure
	if err := s.Store.DB(ctx).Where("subject = ?", "ip "+o.IPAddress).Find(&rows).Error; err != nil {
		return err
	}
	now := s.Now()
	if len(rows) == 1 && rows[0].Failures > freeAddressFailures && now.Before(rows[0].Until) {
		return tooMany(rows[0].Until.Sub(now))
	}
	return nil
}

// failed counts and records a failed attempt and returns the refusal.
func (s *Service) failed(ctx context.Context, u *User, what string, refusal error) error {
	err := s.Store.Tx(ctx, func(ctx context.Context) error {
		now := s.Now()
		if o := OriginFrom(ctx); o != nil {
			row := failure{Subject: "ip " + o.IPAddress}
			if err := s.Store.ForUpdate(s.Store.DB(ctx)).Where("subject = ?", row.Subject).Limit(1).Find(&row).Error; err != nil {
				return err
			}
			if now.After(row.Until.Add(maxDelay)) {
				row.Failures = 0
			}
			row.Failures++
			row.Until = now.Add(delay(row.Failures, freeAddressFailures))
			if err := s.Store.DB(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&row).Error; err != nil {
				return err
			}
		}
		if u == nil {
			s.Audit.RecordAs(ctx, s.actorOf(ctx, &User{}), audit.Event{Action: "user.sign-in", Result: audit.Refused, ObjectKind: "user", Summary: "a sign-in was refused: no such user, or the wrong password"})
			return nil
		}
		u, err := s.locked(ctx, u.ID)
		if err != nil {
			return err
		}
		u.FailedAttempts++
		until := now.Add(delay(u.FailedAttempts, freeFailures))
		u.LockedUntil = &until
		s.Audit.RecordAs(ctx, s.actorOf(ctx, u), audit.Event{Action: "user.sign-in", Result: audit.Refused, ObjectKind: "user", ObjectID: u.ID, ObjectName: u.Email,
			Summary: "a sign-in of " + u.Email + " was refused: wrong " + what, Details: audit.Details{"attempt": u.FailedAttempts}})
		return s.Store.DB(ctx).Model(u).Select("failed_attempts", "locked_until").Updates(u).Error
	})
	if err != nil {
		return err
	}
	return refusal
}

// delay doubles with each failure beyond the free ones.
func delay(failures int64, free int64) time.Duration {
	if failures < free {
		return 0
	}
	return min(maxDelay, 2*time.Second<<min(failures-free, 10))
}
