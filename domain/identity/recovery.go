package identity

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"time"

	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
)

// A mailed link or code proves control of the address and replaces one factor at a time: a link and the second factor
// replace a forgotten password; a code and the password replace a lost second factor. Mail alone never opens an account
// with two factors, so the second replacement is delayed after the first.
const (
	passwordProof     = "PASSWORD"
	secondFactorProof = "SECOND_FACTOR"

	passwordLinkLifetime = time.Hour
	passwordLinkInterval = 15 * time.Minute // minimum time between two mails to the same person
	factorCodeLifetime   = 7 * 24 * time.Hour
	// linkProbation is how long a password set by a mailed link proves no more than access to the mailbox, unless the
	// person has signed in with it and a second factor.
	linkProbation = 7 * 24 * time.Hour
)

type addressProof struct {
	UserID    string `gorm:"primaryKey"`
	Purpose   string `gorm:"primaryKey"`
	Hash      []byte
	CreatedAt time.Time
	ExpiresAt time.Time
}

func (addressProof) TableName() string { return "address_proofs" }

// newProof stores the secret about to be sent, replacing an earlier one for the same purpose.
func (s *Service) newProof(ctx context.Context, u *User, purpose, secret string, lifetime time.Duration) error {
	now := s.Now()
	return s.Store.DB(ctx).Clauses(clause.OnConflict{UpdateAll: true}).Create(&addressProof{u.ID, purpose, hashSecret(secret), now,
		now.Add(lifetime)}).Error
}

func (s *Service) endProof(ctx context.Context, u *User, purpose string) error {
	return s.Store.DB(ctx).Delete(&addressProof{}, "user_id = ? AND purpose = ?", u.ID, purpose).Error
}

func (s *Service) proofs(ctx context.Context, where string, args ...any) ([]*addressProof, error) {
	var found []*addressProof
	err := s.Store.DB(ctx).Where(where, args...).Where("expires_at > ?", s.Now()).Find(&found).Error
	return found, err
}

// newCode returns 80 random bits in a form people can type.
func newCode() string {
	text := rand.Text()[:16]
	return text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
}

// VerifyAddressCode accepts the code that was sent when an operator reset the second factor. The code stays valid until
// a new second factor is enrolled, which is the next step.
func (s *Service) VerifyAddressCode(ctx context.Context, code string) (*SignedIn, error) {
	u, _, err := s.atStage(ctx, CodeRequired)
	if err != nil {
		return nil, err
	}
	result, id := &SignedIn{EnrolmentRequired: true, User: u}, u.ID
	refusal := fault.New(fault.Unauthenticated, "The code is wrong or has expired.").At("code").
		Do("Use the newest mail, or ask the platform operator for a new code.")
	err = s.guess(ctx, guess{email: u.Email, user: u, what: "code from the mail", refusal: refusal},
		func(ctx context.Context) (right bool, err error) {
			err = s.Store.Tx(ctx, func(ctx context.Context) error {
				if u, err = s.lockCaller(ctx, id); err != nil {
					return err
				}
				found, err := s.proofs(ctx, "user_id = ? AND purpose = ?", u.ID, secondFactorProof)
				if err != nil {
					return err
				}
				if right = len(found) == 1 && subtle.ConstantTimeCompare(found[0].Hash, hashSecret(u.ID+normalCode(code))) == 1; !right {
					return nil
				}
				s.record(ctx, u, "user.verify-address", "proved the address", nil)
				result.Token, result.Expires, err = s.open(ctx, u, EnrolmentRequired)
				return err
			})
			return right, err
		})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// PasswordLinkJob is the job that sends a link to set a new password.
const PasswordLinkJob = "identity.password-link"

// passwordLink is the payload of the job: the address as entered, and the origin of the request.
type passwordLink struct{ Email, IPAddress, RequestID string }

// RequestPasswordReset sends a link to the address if it has an account. A job does everything that depends on the
// account, so neither the response nor its timing reveals whether one exists.
func (s *Service) RequestPasswordReset(ctx context.Context, email string) error {
	address, err := CheckEmail(email)
	if err != nil {
		return err
	}
	link := passwordLink{Email: address}
	if o := OriginFrom(ctx); o != nil {
		link.IPAddress, link.RequestID = o.IPAddress, o.RequestID
		// The number of requests per address is limited, and counted apart from sign-in attempts.
		if err := s.count(ctx, []string{addressSubject + network(o.IPAddress) + " asks for links"}); err != nil {
			return err
		}
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		return s.Jobs.Enqueue(ctx, PasswordLinkJob, hex.EncodeToString(hashSecret(address)), s.Now(), link)
	})
}

// SendPasswordLink runs PasswordLinkJob. It sends no link while a second-factor reset is pending, because access to the
// mailbox would then be enough to sign in.
func (s *Service) SendPasswordLink(ctx context.Context, claim *job.Claim) error {
	var link passwordLink
	if err := claim.Arguments(&link); err != nil {
		return err
	}
	ctx = WithOrigin(ctx, &Origin{IPAddress: link.IPAddress, RequestID: link.RequestID})
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.sendPasswordLink(ctx, link.Email); err != nil {
			return err
		}
		return claim.Done(ctx)
	})
}

func (s *Service) sendPasswordLink(ctx context.Context, address string) error {
	var found []*User
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Find(&found, "email = ? AND status = ? AND second_factor_reset_at IS NULL",
		address, Active).Error; err != nil {
		return err
	}
	if len(found) == 0 {
		s.Audit.RecordAs(ctx, s.actorOf(ctx, &User{}), audit.Event{Action: "user.request-password-reset", Result: audit.Refused,
			ObjectKind: "user", Summary: "sent no link to set a new password: no such account"})
		return nil
	}
	u := found[0]
	earlier, err := s.proofs(ctx, "user_id = ? AND purpose = ?", u.ID, passwordProof)
	if err != nil {
		return err
	}
	if len(earlier) > 0 && s.Now().Sub(earlier[0].CreatedAt) < passwordLinkInterval {
		s.record(ctx, u, "user.request-password-reset",
			"sent no new link to set a password to "+u.Email+": the last one is still valid", nil)
		return nil
	}
	token := newSecret()
	if err := s.newProof(ctx, u, passwordProof, token, passwordLinkLifetime); err != nil {
		return err
	}
	s.record(ctx, u, "user.request-password-reset", "sent a link to set a new password to "+u.Email, nil)
	return s.Mail.Send(ctx, "", u.Email, "pkiaas: set a new password",
		"Open this link within one hour to set a new password:\n\n"+s.BaseURL+"/password#"+token+"\n\nYou will still need your second "+
			"factor to sign in. If you did not ask for this, ignore it.\n")
}

// ResetPassword sets a new password by the link and ends all sessions. It does not sign in.
func (s *Service) ResetPassword(ctx context.Context, token, password string) (*User, error) {
	over := fault.New(fault.NotFound, "This link has been used or replaced by a newer one, or it has expired.").
		Do("Request a new one on the sign-in page.")
	var proof *addressProof
	err := s.guess(ctx, guess{what: "link to set a password", refusal: over}, func(ctx context.Context) (bool, error) {
		found, err := s.proofs(ctx, "hash = ? AND purpose = ?", hashSecret(token), passwordProof)
		if len(found) == 1 {
			proof = found[0]
		}
		return proof != nil, err
	})
	if err != nil {
		return nil, err
	}
	u, err := s.user(ctx, proof.UserID)
	if err != nil {
		return nil, err
	}
	if err := checkPassword(password, u); err != nil {
		return nil, err
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return nil, err
	}
	return u, s.Store.Tx(ctx, func(ctx context.Context) error {
		if u, err = s.locked(ctx, proof.UserID); err != nil {
			return err
		}
		used := s.Store.DB(ctx).Delete(&addressProof{}, "user_id = ? AND purpose = ? AND hash = ?", u.ID, passwordProof, proof.Hash)
		if used.Error != nil {
			return used.Error
		}
		if used.RowsAffected == 0 || u.Status != Active || u.SecondFactorResetAt != nil {
			return over
		}
		changes := map[string]any{"password_hash": hash, "password_reset_at": s.Now()}
		if err := s.Store.DB(ctx).Model(u).Updates(changes).Error; err != nil {
			return err
		}
		ended, err := s.endSessions(ctx, u.ID)
		s.record(ctx, u, "user.reset-password", "set a new password by a link", audit.Details{"sessionsEnded": ended})
		return err
	})
}

func (s *Service) endSessions(ctx context.Context, userID string) (int64, error) {
	gone := s.Store.DB(ctx).Delete(&Session{}, "user_id = ?", userID)
	return gone.RowsAffected, gone.Error
}
