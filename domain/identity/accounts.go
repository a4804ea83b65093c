package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/rbac"
)

// Account is a user as the platform's operators see it: who it is and how it signs in, not what it does in partitions.
type Account struct {
	User                *User
	Operator            bool
	Factors             []Factor
	SecondFactorResetAt *time.Time
	PasswordResetAt     *time.Time
	SoleOwnerOf         []string // names of partitions that would be without an Owner who can act
}

// Accounts lists the accounts of the deployment whose address or name holds the text, by age. Operators.
func (s *Service) Accounts(ctx context.Context, search string, p page.Request) (*page.Page[*User], error) {
	if err := s.Guard.Require(ctx, rbac.AccountBrowse, rbac.Platform); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&User{})
	if search = strings.ToLower(strings.TrimSpace(search)); search != "" {
		like := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(search) + "%"
		query = query.Where(`(email LIKE ? ESCAPE '\' OR lower(first_name || ' ' || last_name) LIKE ? ESCAPE '\')`, like, like)
	}
	total, err := s.Store.CountUpTo(ctx, query, page.CountLimit)
	if err != nil {
		return nil, err
	}
	if p.After != "" {
		query = query.Where("id > ?", p.After)
	}
	var list []*User
	if err := query.Order("id").Limit(p.First + 1).Find(&list).Error; err != nil {
		return nil, err
	}
	return page.Of(list, p, total, func(u *User) string { return u.ID }), nil
}

// Account tells an operator more about one of them.
func (s *Service) Account(ctx context.Context, id string) (*Account, error) {
	if err := s.Guard.Require(ctx, rbac.AccountBrowse, rbac.Platform); err != nil {
		return nil, err
	}
	u, err := s.user(ctx, id)
	if err != nil {
		return nil, err
	}
	a := &Account{User: u, Operator: u.Operator, SecondFactorResetAt: u.SecondFactorResetAt, PasswordResetAt: u.PasswordResetAt}
	if a.Factors, err = s.factors(ctx, u); err != nil {
		return nil, err
	}
	a.SoleOwnerOf, err = s.soleOwnerOf(ctx, u)
	return a, err
}

func (s *Service) soleOwnerOf(ctx context.Context, u *User) ([]string, error) {
	names := []string{}
	if u.Status != Active {
		return names, nil
	}
	err := s.Store.DB(ctx).Table("partitions p").
		Where("EXISTS (SELECT 1 FROM role_grants g WHERE g.domain = p.id AND g.user_id = ? AND g.role = ?)", u.ID, rbac.Owners).
		Where("NOT EXISTS (SELECT 1 FROM role_grants g JOIN users o ON o.id = g.user_id WHERE g.domain = p.id AND g.role = ? AND o.status = ? AND o.id <> ?)", rbac.Owners, Active, u.ID).
		Order("p.name").Pluck("p.name", &names).Error
	return names, err
}

// changeAccount lets fn change an account, locked, as an operator, and records it for the platform and for each
// partition that the person belongs to.
func (s *Service) changeAccount(ctx context.Context, id, action, done string, fn func(context.Context, *User) error) (*User, error) {
	if err := s.Guard.Require(ctx, rbac.AccountManage, rbac.Platform); err != nil {
		return nil, err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, err
	}
	if a := rbac.ActorFrom(ctx); a.ID == id {
		return nil, fault.New(fault.Conflict, "this is your own account").Do("Ask another platform operator.")
	}
	if _, err := s.user(ctx, id); err != nil {
		return nil, err
	}
	var u *User
	err := s.Store.Tx(ctx, func(ctx context.Context) (err error) {
		// Partitions before users, and all of them: of two Owners who leave at once, one is the last.
		owned := s.Store.ForUpdate(s.Store.DB(ctx)).Table("partitions").Order("id").
			Where("id IN (SELECT domain FROM role_grants WHERE user_id = ? AND role = ?)", id, rbac.Owners)
		var partitions []string
		if err := owned.Pluck("id", &partitions).Error; err != nil {
			return err
		}
		if u, err = s.locked(ctx, id); err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Table("role_grants").Distinct().Where("user_id = ? AND domain IN (SELECT id FROM partitions)",
			id).Order("domain").Pluck("domain", &partitions).Error; err != nil {
			return err
		}
		if err := fn(ctx, u); err != nil {
			return err
		}
		for _, partition := range append([]string{""}, partitions...) {
			s.Audit.Record(ctx, audit.Event{PartitionID: partition, Action: action, ObjectKind: "user", ObjectID: u.ID,
				ObjectName: u.Email, Summary: done + " " + u.Email})
		}
		return nil
	})
	return u, err
}

// orphans refuses what leaves partitions without an Owner, unless the operator accepts that.
func (s *Service) orphans(ctx context.Context, u *User, accepted bool) error {
	names, err := s.soleOwnerOf(ctx, u)
	if err != nil || accepted || len(names) == 0 {
		return err
	}
	return fault.New(fault.Conflict, "%s is the only Owner of %s", u.Email, strings.Join(names[:min(len(names), 5)], ", ")).
		At("leaveWithoutOwner").
		Do("Have another Owner invited first, or accept that nobody manages these partitions.")
}

// DisableAccount ends every session of an account and bars it from signing in. Its roles stay and have no effect.
func (s *Service) DisableAccount(ctx context.Context, id string, leaveWithoutOwner bool) (*User, error) {
	return s.changeAccount(ctx, id, "account.disable", "disabled the account", func(ctx context.Context, u *User) error {
		if u.Status == Disabled {
			return fault.New(fault.Conflict, "the account is already disabled")
		}
		if err := s.orphans(ctx, u, leaveWithoutOwner); err != nil {
			return err
		}
		u.Status = Disabled
		if err := s.Store.DB(ctx).Model(u).Update("status", Disabled).Error; err != nil {
			return err
		}
		_, err := s.endSessions(ctx, u.ID)
		return err
	})
}

// EnableAccount lets a disabled account sign in again.
func (s *Service) EnableAccount(ctx context.Context, id string) (*User, error) {
	return s.changeAccount(ctx, id, "account.enable", "enabled the account", func(ctx context.Context, u *User) error {
		if u.Status != Disabled {
			return fault.New(fault.Conflict, "the account is not disabled")
		}
		u.Status = Active
		return s.Store.DB(ctx).Model(u).Update("status", Active).Error
	})
}

// ResetSecondFactor removes every second factor and recovery code of an account, ends its sessions, and sends a code to
// its address: at the next sign-in the person gives password and code, and enrols a new second factor. The code is
// returned to the system alone (the command line).
func (s *Service) ResetSecondFactor(ctx context.Context, id string) (*User, string, error) {
	code := newCode()
	u, err := s.changeAccount(ctx, id, "account.reset-second-factor", "reset the second factor of", func(ctx context.Context,
		u *User) error {
		now := s.Now()
		if err := s.mailboxAlone(ctx, u, now); err != nil {
			return err
		}
		u.SecondFactorResetAt, u.TOTPSecret, u.TOTPPending, u.TOTPConfirmedAt, u.TOTPLastStep = &now, nil, nil, nil, 0
		if err := s.Store.DB(ctx).Model(u).Select("second_factor_reset_at", "totp_secret", "totp_pending", "totp_confirmed_at",
			"totp_last_step").Updates(u).Error; err != nil {
			return err
		}
		for _, gone := range []any{&Passkey{}, &recoveryCode{}} {
			if err := s.Store.DB(ctx).Delete(gone, "user_id = ?", u.ID).Error; err != nil {
				return err
			}
		}
		// A link for the password would make the mailbox all that it takes.
		if err := s.endProof(ctx, u, passwordProof); err != nil {
			return err
		}
		if _, err := s.endSessions(ctx, u.ID); err != nil {
			return err
		}
		if err := s.newProof(ctx, u, secondFactorProof, u.ID+normalCode(code), factorCodeLifetime); err != nil {
			return err
		}
		return s.Mail.Send(ctx, "", u.Email, "pkiaas: your second factor was reset",
			"A platform operator has removed your second factors. Sign in at "+s.BaseURL+" with your password, enter this code within 7 days, and enrol a new second factor:\n\n"+
				code+"\n\nIf you did not ask for this, tell your platform operator.\n")
	})
	if rbac.ActorFrom(ctx) == nil || rbac.ActorFrom(ctx).Kind != rbac.System {
		code = ""
	}
	return u, code, err
}

// mailboxAlone refuses to reset the second factor while the password was only just set by a mailed link: both would then be
// proved by the mailbox. The command line may: who uses it has other ways to know the person.
func (s *Service) mailboxAlone(ctx context.Context, u *User, now time.Time) error {
	if u.PasswordResetAt == nil || rbac.ActorFrom(ctx).Kind == rbac.System {
		return nil
	}
	until := u.PasswordResetAt.Add(linkProbation)
	if !now.Before(until) {
		return nil
	}
	return fault.New(fault.Conflict, "%s set a new password by a mailed link at %s and has not signed in since, so the mailbox would be all that opens the account",
		u.Email, u.PasswordResetAt.UTC().Format(time.RFC3339)).
		Do("Make sure who asks, and reset the second factor after " + until.UTC().Format(time.RFC3339) + "; or delete the account and have the person invited anew.")
}

// DeleteAccount removes an account with its roles, factors and sessions for good; what it did stays in the audit log.
// The address can be invited anew, as a new person.
func (s *Service) DeleteAccount(ctx context.Context, id, confirmEmail string, leaveWithoutOwner bool) (*User, error) {
	return s.changeAccount(ctx, id, "account.delete", "deleted the account", func(ctx context.Context, u *User) error {
		if confirmEmail != u.Email {
			return fault.New(fault.Invalid, "this is not the address of the account").At("confirmEmail").
				Do("Type the e-mail address of the account.")
		}
		if err := s.orphans(ctx, u, leaveWithoutOwner); err != nil {
			return err
		}
		for _, gone := range []any{&grant{}, &Passkey{}, &recoveryCode{}, &Session{}, &addressProof{}} {
			if err := s.Store.DB(ctx).Delete(gone, "user_id = ?", u.ID).Error; err != nil {
				return err
			}
		}
		return s.Store.DB(ctx).Delete(u).Error
	})
}

// FindAccount is the id of an account, for the command line.
func (s *Service) FindAccount(ctx context.Context, email string) (string, error) {
	if err := s.Guard.Require(ctx, rbac.AccountBrowse, rbac.Platform); err != nil {
		return "", err
	}
	address, err := CheckEmail(email)
	if err != nil {
		return "", err
	}
	var ids []string
	if err := s.Store.DB(ctx).Model(&User{}).Where("email = ?", address).Pluck("id", &ids).Error; err != nil {
		return "", err
	}
	if !slices.ContainsFunc(ids, func(id string) bool { return id != "" }) {
		return "", fault.New(fault.NotFound, "%s has no account", address)
	}
	return ids[0], nil
}
