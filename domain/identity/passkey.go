package identity

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

const ceremonyPurpose = "webauthn ceremony"

// Passkey is a WebAuthn credential of a person.
type Passkey struct {
	ID           string `gorm:"primaryKey"`
	UserID       string
	Name         string
	CredentialID []byte
	Credential   *webauthn.Credential `gorm:"serializer:json"`
	CreatedAt    time.Time
	LastUsedAt   *time.Time
}

func (Passkey) TableName() string { return "passkeys" }

// account adapts a User to the WebAuthn library.
type account struct {
	user     *User
	passkeys []*Passkey
}

func (a account) WebAuthnID() []byte          { return []byte(a.user.ID) }
func (a account) WebAuthnName() string        { return a.user.Email }
func (a account) WebAuthnDisplayName() string { return a.user.FirstName + " " + a.user.LastName }
func (a account) WebAuthnCredentials() []webauthn.Credential {
	list := make([]webauthn.Credential, len(a.passkeys))
	for n, p := range a.passkeys {
		list[n] = *p.Credential
	}
	return list
}

func (s *Service) account(ctx context.Context, u *User) (account, error) {
	a := account{user: u}
	err := s.Store.DB(ctx).Where("user_id = ?", u.ID).Order("created_at").Find(&a.passkeys).Error
	return a, err
}

// Passkeys lists the caller's passkeys.
func (s *Service) Passkeys(ctx context.Context) ([]*Passkey, error) {
	u, err := s.self(ctx)
	if err != nil {
		return nil, err
	}
	a, err := s.account(ctx, u)
	return a.passkeys, err
}

// BeginPasskeyRegistration returns the options for navigator.credentials.create as JSON.
func (s *Service) BeginPasskeyRegistration(ctx context.Context) (string, error) {
	u, err := s.enrolling(ctx)
	if err != nil {
		return "", err
	}
	a, err := s.account(ctx, u)
	if err != nil {
		return "", err
	}
	options, ceremony, err := s.WebAuthn.BeginRegistration(
		a, webauthn.WithExclusions(webauthn.Credentials(a.WebAuthnCredentials()).CredentialDescriptors()),
	)
	if err != nil {
		return "", err
	}
	return s.begin(ctx, ceremony, options.Response)
}

// begin stores the challenge with the session and returns the options as JSON.
func (s *Service) begin(ctx context.Context, ceremony *webauthn.SessionData, options any) (string, error) {
	session := SessionFrom(ctx)
	if session == nil {
		return "", fault.New(fault.Unauthenticated, "You are not signed in.")
	}
	kept, err := json.Marshal(ceremony)
	if err != nil {
		return "", err
	}
	out, err := json.Marshal(options)
	if err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(ceremonyPurpose, kept, []byte(session.ID))
	if err != nil {
		return "", err
	}
	return string(out), s.Store.Tx(ctx, func(ctx context.Context) error {
		return s.Store.DB(ctx).Model(session).Update("ceremony", sealed).Error
	})
}

// ceremony takes the challenge from the session. A challenge can be used once.
func (s *Service) ceremony(ctx context.Context, session *Session) (*webauthn.SessionData, error) {
	fresh := &Session{}
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(fresh, "id = ?", session.ID).Error; err != nil {
		return nil, err
	}
	if fresh.Ceremony == nil {
		return nil, fault.New(fault.Conflict, "No passkey registration or sign-in is in progress.").Do("Start again.")
	}
	kept, err := s.Sealer.Unseal(ceremonyPurpose, fresh.Ceremony, []byte(session.ID))
	if err != nil {
		return nil, err
	}
	data := &webauthn.SessionData{}
	if err := json.Unmarshal(kept, data); err != nil {
		return nil, err
	}
	return data, s.Store.DB(ctx).Model(fresh).Update("ceremony", nil).Error
}

// FinishPasskeyRegistration stores the new passkey. Adding the first factor also completes the sign-in.
func (s *Service) FinishPasskeyRegistration(ctx context.Context, name, credential string) (*Passkey, *Enrolled, error) {
	u, err := s.enrolling(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := text.Label("name", name, 1, 64); err != nil {
		return nil, nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(credential))
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "This is not a valid passkey response.").At("credential").Because(err)
	}
	result, id := &Enrolled{}, u.ID
	made := &Passkey{}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if u, err = s.lockCaller(ctx, id); err != nil {
			return err
		}
		a, err := s.account(ctx, u)
		if err != nil {
			return err
		}
		data, err := s.ceremony(ctx, SessionFrom(ctx))
		if err != nil {
			return err
		}
		c, err := s.WebAuthn.CreateCredential(a, *data, parsed)
		if err != nil {
			return fault.New(fault.Invalid, "The passkey was not accepted.").At("credential").Do("Start again.").Because(err)
		}
		*made = Passkey{ID: newID(), UserID: u.ID, Name: name, CredentialID: c.ID, Credential: c, CreatedAt: s.Now()}
		if err := s.Store.DB(ctx).Create(made).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(fault.Conflict, "This passkey is already registered.").At("credential")
			}
			return err
		}
		s.record(ctx, u, "user.add-passkey", "added the passkey "+name, audit.Details{"passkey": made.ID})
		return s.enrolled(ctx, u, result)
	})
	return made, result, err
}

// BeginPasskeySignIn returns the options for navigator.credentials.get as JSON.
func (s *Service) BeginPasskeySignIn(ctx context.Context) (string, error) {
	u, _, err := s.atStage(ctx, FactorRequired)
	if err != nil {
		return "", err
	}
	a, err := s.account(ctx, u)
	if err != nil {
		return "", err
	}
	if len(a.passkeys) == 0 {
		return "", fault.New(fault.Conflict, "This account has no passkey.").Do("Use another second factor.")
	}
	options, ceremony, err := s.WebAuthn.BeginLogin(a)
	if err != nil {
		return "", err
	}
	return s.begin(ctx, ceremony, options.Response)
}

func (s *Service) checkAssertion(ctx context.Context, u *User, session *Session, credential string) (bool, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(credential))
	if err != nil {
		return false, fault.New(fault.Invalid, "This is not a valid passkey response.").At("input.passkey").Because(err)
	}
	a, err := s.account(ctx, u)
	if err != nil {
		return false, err
	}
	data, err := s.ceremony(ctx, session)
	if err != nil {
		return false, err
	}
	c, err := s.WebAuthn.ValidateLogin(a, *data, parsed)
	if err != nil || c.Authenticator.CloneWarning {
		return false, nil // a wrong factor: the caller counts and records it
	}
	now := s.Now()
	return true, s.Store.DB(ctx).Model(&Passkey{}).Where("credential_id = ? AND user_id = ?", c.ID, u.ID).
		Select("credential", "last_used_at").Updates(&Passkey{Credential: c, LastUsedAt: &now}).Error
}

// RemovePasskey removes a passkey of the caller, unless it is the last second factor.
func (s *Service) RemovePasskey(ctx context.Context, id string) error {
	u, err := s.self(ctx)
	if err != nil {
		return err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return err
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		if u, err = s.locked(ctx, u.ID); err != nil {
			return err
		}
		a, err := s.account(ctx, u)
		if err != nil {
			return err
		}
		if len(a.passkeys) == 1 && u.TOTPConfirmedAt == nil {
			return fault.New(fault.Conflict, "This is your last second factor.").Do("Add another one first.")
		}
		gone := s.Store.DB(ctx).Delete(&Passkey{}, "id = ? AND user_id = ?", id, u.ID)
		if gone.Error == nil && gone.RowsAffected == 0 {
			return rbac.NotFound()
		}
		s.record(ctx, u, "user.remove-passkey", "removed a passkey", audit.Details{"passkey": id})
		return gone.Error
	})
}
