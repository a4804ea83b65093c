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

// Account is a user as platform operators see it: identity and sign-in state, without roles in partitions.
type Account struct {
	User                *User
	Operator            bool
	Factors             []Factor
	SecondFactorResetAt *time.Time
	PasswordResetAt     *time.Time
	SoleOwnerOf         []string // names of the partitions in which this user is the only active Owner
}

// Accounts lists the deployment's accounts whose address or name contains the search text, oldest first. For operators.
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

// Account returns the details of one account. For operators.
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
		Where(
			"NOT EXISTS (SELECT 1 FROM role_grants g JOIN users o ON o.id = g.user_id WHERE g.domain = p.id AND g.role = ? AND o.status "+
				"= ? AND o.id <> ?)",
			rbac.Owners, Active, u.ID,
		).
		Order("p.name").Pluck("p.name", &names).Error
	return names, err
}

// changeAccount locks an account, lets fn change it on behalf of an operator, and records the change for the platform
// and for each partition the person belongs to.
func (s *Service) changeAccount(ctx context.Context, id, action, done string, fn func(context.Context, *User) error) (*User, error) {
	if err := s.Guard.Require(ctx, rbac.AccountManage, rbac.Platform); err != nil {
		return nil, err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, err
	}
	if a := rbac.ActorFrom(ctx); a.ID == id {
		return nil, fault.New(fault.Conflict, "This is your own account.").Do("Ask another platform operator.")
	}
	if _, err := s.user(ctx, id); err != nil {
		return nil, err
	}
	var u *User
	err := s.Store.Tx(ctx, func(ctx context.Context) (err error) {
		// Lock the partitions before the user, and lock all of them: otherwise two Owners could leave at the same time.
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

// requireOtherOwner refuses a change that leaves partitions without an Owner, unless the operator has accepted that.
func (s *Service) requireOtherOwner(ctx context.Context, u *User, accepted bool) error {
	names, err := s.soleOwnerOf(ctx, u)
	if err != nil || accepted || len(names) == 0 {
		return err
	}
	return fault.New(fault.Conflict, "%s is the only Owner of %s.", u.Email, strings.Join(names[:min(len(names), 5)], ", ")).
		At("leaveWithoutOwner").
		Do("Have another Owner invited first, or confirm that these partitions may be left without an Owner.")
}

// DisableAccount ends all sessions of an account and prevents sign-in. Its roles are kept but have no effect.
func (s *Service) DisableAccount(ctx context.Context, id string, leaveWithoutOwner bool) (*User, error) {
	return s.changeAccount(ctx, id, "account.disable", "disabled the account", func(ctx context.Context, u *User) error {
		if u.Status == Disabled {
			return fault.New(fault.Conflict, "The account is already disabled.")
		}
		if err := s.requireOtherOwner(ctx, u, leaveWithoutOwner); err != nil {
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
			return fault.New(fault.Conflict, "The account is not disabled.")
		}
		u.Status = Active
		return s.Store.DB(ctx).Model(u).Update("status", Active).Error
	})
}

// ResetSecondFactor removes all second factors and recovery codes of an account, ends its sessions, and mails a code to
// its address. At the next sign-in the person enters the password and this code, and enrols a new second factor. The
// code is returned only to the system (the command line).
func (s *Service) ResetSecondFactor(ctx context.Context, id string) (*User, string, error) {
	code := newCode()
	u, err := s.changeAccount(ctx, id, "account.reset-second-factor", "reset the second factor of", func(ctx context.Context,
		u *User) error {
		now := s.Now()
		if err := s.requireMoreThanMailbox(ctx, u, now); err != nil {
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
		// Together with a password link, access to the mailbox would be enough to sign in.
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
			"A platform operator has removed your second factors. Sign in at "+
				""+s.BaseURL+" with your password, enter this code within 7 days, and enrol a new second factor:\n\n"+
				code+"\n\nIf you did not ask for this, tell your platform operator.\n")
	})
	if rbac.ActorFrom(ctx) == nil || rbac.ActorFrom(ctx).Kind != rbac.System {
		code = ""
	}
	return u, code, err
}

// requireMoreThanMailbox refuses to reset the second factor shortly after the password was set by a mailed link: access
// to the mailbox would then be enough to take over the account. The command line is exempt, because whoever uses it can
// verify the person in other ways.
func (s *Service) requireMoreThanMailbox(ctx context.Context, u *User, now time.Time) error {
	if u.PasswordResetAt == nil || rbac.ActorFrom(ctx).Kind == rbac.System {
		return nil
	}
	until := u.PasswordResetAt.Add(linkProbation)
	if !now.Before(until) {
		return nil
	}
	return fault.New(
		fault.Conflict,
		"%s set a new password by a mailed link at %s and has not signed in since. Access to the mailbox alone would open the account.",
		u.Email, u.PasswordResetAt.UTC().Format(time.RFC3339)).
		Do(
			"Verify who is asking, and reset the second factor after " + until.UTC().Format(time.RFC3339) +
				". Or delete the account and have the person invited again.",
		)
}

// DeleteAccount permanently removes an account with its roles, factors and sessions. Its audit events are kept. The
// address can be invited again, as a new person.
func (s *Service) DeleteAccount(ctx context.Context, id, confirmEmail string, leaveWithoutOwner bool) (*User, error) {
	return s.changeAccount(ctx, id, "account.delete", "deleted the account", func(ctx context.Context, u *User) error {
		if confirmEmail != u.Email {
			return fault.New(fault.Invalid, "The address does not match the account.").At("confirmEmail").
				Do("Type the e-mail address of the account.")
		}
		if err := s.requireOtherOwner(ctx, u, leaveWithoutOwner); err != nil {
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

// FindAccount returns the ID of the account with this address. For the command line.
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
		return "", fault.New(fault.NotFound, "%s has no account.", address)
	}
	return ids[0], nil
}
