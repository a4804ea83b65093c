package identity

import (
	"context"
	"strings"
	"time"

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

// SignedIn is the result of a sign-in step. Token belongs in the session cookie.
type SignedIn struct {
	Token             string
	Expires           time.Time
	Factors           []Factor
	EnrolmentRequired bool
	// CodeRequired is set if an operator has reset the second factor. The next step is the code mailed to the person.
	CodeRequired bool
	User         *User
	// Device belongs in a cookie that outlives the session. It is "" until the sign-in is complete.
	Device string
}

var wrongPassword = fault.New(fault.Unauthenticated, "The e-mail address or password is wrong.").At("password").Do(
	"Check both. After several failed attempts you have to wait.",
)

// SignIn checks the password, the first step. It gives the same error for a wrong address and a wrong password.
func (s *Service) SignIn(ctx context.Context, email, password string) (*SignedIn, error) {
	address, err := CheckEmail(email)
	if err != nil {
		address = strings.ToLower(email)
	}
	var found []*User
	if err := s.Store.DB(ctx).Find(&found, "email = ?", address).Error; err != nil {
		return nil, err
	}
	u := &User{}
	g := guess{email: address, what: "password", refusal: wrongPassword}
	if len(found) > 0 {
		u = found[0]
		g.user = u
	}
	if err := s.allowed(ctx, s.subjects(ctx, g)); err != nil {
		return nil, err
	}
	end, err := s.turns.take(ctx, s.knownDevice(ctx, g.user) != "")
	if err != nil {
		return nil, err
	}
	err = s.guess(ctx, g, func(context.Context) (bool, error) { return s.matches(password, u.PasswordHash) })
	end()
	if err != nil {
		return nil, err
	}
	var result *SignedIn
	err = s.Store.Tx(ctx, func(ctx context.Context) (err error) {
		result, err = s.passwordGiven(ctx, u)
		return err
	})
	return result, err
}

// passwordGiven opens the session of the next step, in the transaction of ctx. It reads the account again: if the
// password or second factor changed while the password was being checked, the sign-in starts over.
func (s *Service) passwordGiven(ctx context.Context, judged *User) (*SignedIn, error) {
	u, err := s.locked(ctx, judged.ID)
	if store.IsNotFound(err) || err == nil && u.PasswordHash != judged.PasswordHash {
		return nil, stepExpired()
	}
	if err != nil {
		return nil, err
	}
	if u.Status != Active {
		return nil, fault.New(fault.Forbidden, "This account is disabled.").Do("Ask the platform operator.")
	}
	result := &SignedIn{User: u}
	if result.Factors, err = s.factors(ctx, u); err != nil {
		return nil, err
	}
	stage := FactorRequired
	switch {
	case u.SecondFactorResetAt != nil:
		stage, result.CodeRequired, result.Factors = CodeRequired, true, nil
	case len(result.Factors) == 0:
		stage, result.EnrolmentRequired = EnrolmentRequired, true
	}
	result.Token, result.Expires, err = s.open(ctx, u, stage)
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

// Proof holds exactly one second factor.
type Proof struct {
	TOTP, RecoveryCode, Passkey *string
}

// VerifySecondFactor is the second step. It makes the session a full one.
func (s *Service) VerifySecondFactor(ctx context.Context, p Proof) (*SignedIn, error) {
	u, session, err := s.atStage(ctx, FactorRequired)
	if err != nil {
		return nil, err
	}
	var check func(context.Context, *User) (bool, error)
	kind := ""
	switch {
	case p.TOTP != nil && p.RecoveryCode == nil && p.Passkey == nil:
		kind, check = "totp", func(ctx context.Context, u *User) (bool, error) { return s.spendTOTP(ctx, u, *p.TOTP) }
	case p.RecoveryCode != nil && p.TOTP == nil && p.Passkey == nil:
		kind, check = "recovery code", func(ctx context.Context, u *User) (bool, error) {
			return s.spendRecoveryCode(ctx, u, *p.RecoveryCode)
		}
	case p.Passkey != nil && p.TOTP == nil && p.RecoveryCode == nil:
		kind, check = "passkey", func(ctx context.Context, u *User) (bool, error) { return s.checkAssertion(ctx, u, session, *p.Passkey) }
	default:
		return nil, fault.New(fault.Invalid, "Enter exactly one of totp, recoveryCode and passkey.").At("input")
	}
	result, id := &SignedIn{}, u.ID
	refusal := fault.New(fault.Unauthenticated, "The second factor is wrong.").
		At("input." + map[string]string{"totp": "totp", "recovery code": "recoveryCode", "passkey": "passkey"}[kind]).
		Do("Check the clock of your device, or use another factor. After several failed attempts you have to wait.")
	err = s.guess(ctx, guess{email: u.Email, user: u, what: kind, refusal: refusal}, func(ctx context.Context) (right bool, err error) {
		err = s.Store.Tx(ctx, func(ctx context.Context) error {
			if u, err = s.lockCaller(ctx, id); err != nil {
				return err
			}
			if right, err = check(ctx, u); err != nil || !right {
				return err
			}
			result, err = s.signedIn(ctx, u, kind)
			return err
		})
		return right, err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// signedIn opens a full session, in the transaction of ctx.
func (s *Service) signedIn(ctx context.Context, u *User, kind string) (*SignedIn, error) {
	now := s.Now()
	changes := map[string]any{"last_sign_in_at": now, "password_reset_at": nil}
	if err := s.Store.DB(ctx).Model(u).Updates(changes).Error; err != nil {
		return nil, err
	}
	if err := s.clearFailures(ctx, u); err != nil {
		return nil, err
	}
	result := &SignedIn{User: u}
	var err error
	if result.Device, err = s.rememberDevice(ctx, u); err != nil {
		return nil, err
	}
	if result.Token, result.Expires, err = s.open(ctx, u, Full); err != nil {
		return nil, err
	}
	s.record(ctx, u, "user.sign-in", "signed in", audit.Details{"secondFactor": kind})
	return result, nil
}

// atStage returns the person of a session whose sign-in is at the given stage.
func (s *Service) atStage(ctx context.Context, stage Stage) (*User, *Session, error) {
	session := SessionFrom(ctx)
	if session == nil || session.Stage != stage {
		return nil, nil, stepExpired()
	}
	u, err := s.user(ctx, session.UserID)
	return u, session, err
}

func stepExpired() error {
	return fault.New(fault.Unauthenticated, "This sign-in step has expired.").Do("Start again with e-mail and password.")
}
