package acme

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/store"
)

// Key is an account key as a request carries it.
type Key struct {
	Thumbprint string // RFC 7638 with SHA-256, base64url
	JWK        string // JSON
}

// Binding is a checked externalAccountBinding: everything but its MAC, for which Verify is called with the secret.
type Binding struct {
	KeyID  string
	Raw    json.RawMessage
	Bytes  int // that its algorithm needs the secret to have
	Verify func(secret []byte) bool
}

// record notes what a client did, in the transaction of ctx.
func (e *Engine) record(
	ctx context.Context, c *protocolconfig.Configuration, action, kind, id, name, summary string, details audit.Details,
) {
	if details == nil {
		details = audit.Details{}
	}
	details["configuration"] = c.Identifier
	e.Audit.Record(
		ctx,
		audit.Event{
			PartitionID: c.PartitionID, Action: action, ObjectKind: kind, ObjectID: id, ObjectName: name, Summary: summary,
			Details: details,
		},
	)
}

// FindAccount returns the account of a key, nil when there is none.
func (e *Engine) FindAccount(ctx context.Context, c *protocolconfig.Configuration, thumbprint string) (*Account, error) {
	return e.account(ctx, "configuration_id = ? AND thumbprint = ?", c.ID, thumbprint)
}

// Account returns an account by id, nil when there is none.
func (e *Engine) Account(ctx context.Context, c *protocolconfig.Configuration, id string) (*Account, error) {
	a, err := e.accounts.Do(ctx, id)
	if err != nil || a == nil || a.ConfigurationID != c.ID {
		return nil, err
	}
	own := *a // several requests may have asked at once
	return &own, nil
}

// readAccounts reads those that requests ask for at the same moment, with their external keys: each request needs them.
func (e *Engine) readAccounts(ctx context.Context, ids []string) ([]*Account, error) {
	var found []*Account
	if err := e.Store.DB(ctx).Find(&found, "id IN ?", padded(slices.Clone(ids))).Error; err != nil {
		return nil, err
	}
	accounts, keys := map[string]*Account{}, map[string]*ExternalKey{}
	for _, a := range found {
		accounts[a.ID], keys[a.ExternalKeyID] = a, nil
	}
	if len(keys) > 0 {
		var list []*ExternalKey
		if err := e.Store.DB(ctx).Omit("secret").Find(&list, "id IN ?", padded(slices.Sorted(maps.Keys(keys)))).Error; err != nil {
			return nil, err
		}
		for _, k := range list {
			keys[k.ID] = k
		}
	}
	list := make([]*Account, len(ids))
	for n, id := range ids {
		if list[n] = accounts[id]; list[n] != nil {
			list[n].key = keys[list[n].ExternalKeyID]
		}
	}
	return list, nil
}

func (e *Engine) account(ctx context.Context, where string, args ...any) (*Account, error) {
	var found []*Account
	if err := e.Store.DB(ctx).Where(where, args...).Limit(1).Find(&found).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0], nil
}

// replacements is how many accounts of a key, beyond those that it may have at a time, are made within an hour.
const replacements = 10

// NewAccount makes an account, or returns the one that the key has (RFC 8555 7.3). Without binding it is one of the key for
// devices without binding, where there is such a key.
func (e *Engine) NewAccount(
	ctx context.Context, c *protocolconfig.Configuration, key Key, contact []string, onlyExisting bool, binding *Binding,
) (a *Account, created bool, err error) {
	if a, err = e.FindAccount(ctx, c, key.Thumbprint); err != nil {
		return nil, false, err
	}
	if a != nil {
		if a.Status != Valid {
			return nil, false, unauthorized("the account of this key is %s", a.Status).With(401) // RFC 8555 7.3.6
		}
		return a, false, nil
	}
	if onlyExisting {
		return nil, false, NewProblem("accountDoesNotExist", "there is no account with this key")
	}
	if contact, err = checkContact(contact); err != nil {
		return nil, false, err
	}
	err = e.Store.Tx(ctx, func(ctx context.Context) error {
		now, raw := e.Now(), ""
		var k *ExternalKey
		if binding == nil {
			k, err = e.unbound(ctx, c, now)
		} else {
			raw = string(binding.Raw)
			k, err = e.bound(ctx, c, binding)
		}
		if err != nil {
			return err
		}
		if !k.Usable(now) {
			return unauthorized("the external account key %s is revoked or has expired", k.FriendlyName)
		}
		if k.MaxAccounts > 0 && k.Accounts >= k.MaxAccounts {
			return unauthorized("the external account key %s has made as many accounts as it may", k.FriendlyName)
		}
		// Accounts that were deactivated have given their place back, and limits are those of an account.
		if k.MaxAccounts > 0 {
			made := func() *gorm.DB { return e.Store.DB(ctx).Model(&Account{}).Where("external_key_id = ?", k.ID) }
			most := k.MaxAccounts + replacements
			recent, err := e.Store.CountUpTo(ctx, made().Where("created_at > ?", now.Add(-time.Hour)), int(most))
			if err != nil {
				return err
			}
			if recent >= most {
				return e.rateLimited(ctx, now, made(), int(most), "this external account key has made %d accounts within an hour")
			}
		}
		if err := e.Store.DB(ctx).Model(k).Updates(map[string]any{"accounts": k.Accounts + 1, "last_used_at": now}).Error; err != nil {
			return err
		}
		a = &Account{
			ID: uuid.Must(uuid.NewV7()).String(), PartitionID: c.PartitionID, ConfigurationID: c.ID, ExternalKeyID: k.ID,
			Thumbprint: key.Thumbprint, JWK: key.JWK,
			Contact: contact, Binding: raw, Status: Valid, CreatedAt: now}
		e.record(
			ctx, c, "acme.account.create", "acme-account", a.ID, k.FriendlyName, "made an ACME account with the key "+k.FriendlyName,
			audit.Details{"contact": contact, "externalKey": k.ID},
		)
		return e.Store.DB(ctx).Create(a).Error
	})
	if store.IsDuplicate(err) { // the same key, at the same moment
		a, err = e.FindAccount(ctx, c, key.Thumbprint)
		return a, false, err
	}
	if err != nil {
		return nil, false, err
	}
	return a, true, nil
}

// bound is the key that a binding proves, under lock.
func (e *Engine) bound(ctx context.Context, c *protocolconfig.Configuration, binding *Binding) (*ExternalKey, error) {
	var found []*ExternalKey
	if err := e.Store.ForUpdate(e.Store.DB(ctx)).Where(
		"id = ? AND configuration_id = ?", binding.KeyID, c.ID,
	).Find(&found).Error; err != nil {
		return nil, err
	}
	// The same answer whether the key is unknown, has no secret or the MAC is wrong.
	refusal := unauthorized("the external account binding is not right: check EAB identifier and HMAC key")
	if len(found) == 0 || found[0].WithoutBinding {
		return nil, refusal
	}
	secret, err := e.Sealer.Unseal(keyPurpose, found[0].Secret, []byte(found[0].ID))
	if err != nil {
		return nil, err
	}
	if len(secret) < binding.Bytes {
		return nil, malformed("the HMAC key of this EAB key has %d bytes: sign the external account binding with HS256", len(secret))
	}
	if !binding.Verify(secret) {
		return nil, refusal
	}
	return found[0], nil
}

// unbound is the key for devices without binding, under lock.
func (e *Engine) unbound(ctx context.Context, c *protocolconfig.Configuration, now time.Time) (*ExternalKey, error) {
	var found []*ExternalKey
	if err := e.Store.ForUpdate(usableWithoutBinding(e.Store.DB(ctx), c.ID, now)).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, NewProblem(
			"externalAccountRequired",
			"an account here needs an external account key: ask the administrator for an EAB key and give its identifier and HMAC key "+
				"to the client",
		)
	}
	return found[0], nil
}

func usableWithoutBinding(db *gorm.DB, configurationID string, now time.Time) *gorm.DB {
	return db.Model(&ExternalKey{}).Where(
		"configuration_id = ? AND without_binding AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", configurationID, now,
	)
}

// BindingRequired tells whether every account of a configuration needs an external account binding, as its directory says.
func (e *Engine) BindingRequired(ctx context.Context, c *protocolconfig.Configuration) (bool, error) {
	var n int64
	err := usableWithoutBinding(e.Store.DB(ctx), c.ID, e.Now()).Count(&n).Error
	return n == 0, err
}

const maxContacts = 10

// checkContact: RFC 8555 7.3: mailto without header fields and with one address.
func checkContact(contact []string) ([]string, error) {
	if len(contact) > maxContacts {
		return nil, NewProblem("invalidContact", "at most %d contacts", maxContacts)
	}
	checked := []string{}
	for _, c := range contact {
		scheme, address, ok := strings.Cut(c, ":")
		if !ok || !strings.EqualFold(scheme, "mailto") {
			return nil, NewProblem("unsupportedContact", "a contact is a mailto URL")
		}
		if strings.ContainsAny(address, "?,%") {
			return nil, NewProblem("invalidContact", "a contact has one address and no header fields")
		}
		g, err := san.Parse(san.Email, address, "contact")
		if err != nil {
			return nil, NewProblem("invalidContact", "%s", err)
		}
		checked = append(checked, "mailto:"+g.Value)
	}
	return checked, nil
}

// locked changes an account that is valid, under lock.
func (e *Engine) locked(
	ctx context.Context, c *protocolconfig.Configuration, id string, fn func(context.Context, *Account) error,
) (*Account, error) {
	a := &Account{}
	err := e.Store.Tx(ctx, func(ctx context.Context) error {
		if err := e.Store.ForUpdate(e.Store.DB(ctx)).Take(a, "configuration_id = ? AND id = ?", c.ID, id).Error; err != nil {
			return err
		}
		if a.Status != Valid {
			return unauthorized("the account is %s", a.Status).With(401)
		}
		return fn(ctx, a)
	})
	return a, err
}

// UpdateContact: RFC 8555 7.3.2.
func (e *Engine) UpdateContact(ctx context.Context, c *protocolconfig.Configuration, id string, contact []string) (*Account, error) {
	contact, err := checkContact(contact)
	if err != nil {
		return nil, err
	}
	return e.locked(ctx, c, id, func(ctx context.Context, a *Account) error {
		e.record(
			ctx, c, "acme.account.update", "acme-account", a.ID, "", "changed the contacts of an ACME account",
			audit.Details{"before": a.Contact, "after": contact},
		)
		a.Contact = contact
		return e.Store.DB(ctx).Model(a).Select("contact").Updates(a).Error
	})
}

// Deactivate ends an account for good (RFC 8555 7.3.6); its open orders end with it, and its key may make another account.
func (e *Engine) Deactivate(ctx context.Context, c *protocolconfig.Configuration, id string) (*Account, error) {
	return e.locked(ctx, c, id, func(ctx context.Context, a *Account) error {
		e.record(ctx, c, "acme.account.deactivate", "acme-account", a.ID, "", "deactivated an ACME account", nil)
		a.Status = Deactivated
		if err := e.Store.DB(ctx).Model(&Authorization{}).Where(
			"account_id = ? AND status IN ?", a.ID, []Status{Pending, Valid},
		).Update("status", Deactivated).Error; err != nil {
			return err
		}
		if err := e.Store.DB(ctx).Model(&Order{}).Where("account_id = ? AND status IN ?", a.ID, []Status{Pending, Ready, Processing}).
			Select("status", "error").Updates(
			&Order{Status: Invalid, Error: unauthorized("the account was deactivated")},
		).Error; err != nil {
			return err
		}
		if err := e.Store.DB(ctx).Model(&ExternalKey{}).Where("id = ? AND accounts > 0", a.ExternalKeyID).
			Update("accounts", gorm.Expr("accounts - 1")).Error; err != nil {
			return err
		}
		return e.Store.DB(ctx).Model(a).Update("status", a.Status).Error
	})
}

// ChangeKey gives an account another key (RFC 8555 7.3.5). old must be the key that it has.
func (e *Engine) ChangeKey(ctx context.Context, c *protocolconfig.Configuration, id string, old string, key Key) (*Account, error) {
	taken := func() error {
		other, err := e.FindAccount(ctx, c, key.Thumbprint)
		if err != nil || other == nil {
			return err
		}
		p := malformed("the new key is that of an account already")
		p.Status, p.Location = 409, other.ID
		return p
	}
	if err := taken(); err != nil {
		return nil, err
	}
	a, err := e.locked(ctx, c, id, func(ctx context.Context, a *Account) error {
		if a.Thumbprint != old {
			return malformed("the old key is not that of the account")
		}
		e.record(
			ctx, c, "acme.account.change-key", "acme-account", a.ID, "", "changed the key of an ACME account",
			audit.Details{"before": a.Thumbprint, "after": key.Thumbprint},
		)
		a.Thumbprint, a.JWK = key.Thumbprint, key.JWK
		return e.Store.DB(ctx).Model(a).Updates(map[string]any{"thumbprint": a.Thumbprint, "jwk": a.JWK}).Error
	})
	if store.IsDuplicate(err) {
		if p := taken(); p != nil {
			err = p
		}
	}
	return a, err
}

// OrderIDs lists the account's orders that are not invalid, newest first, a page at a time (RFC 8555 7.1.2.1).
func (e *Engine) OrderIDs(ctx context.Context, a *Account, before string) (ids []string, more bool, err error) {
	const length = 100
	query := e.Store.DB(ctx).Model(&Order{}).Where("account_id = ? AND status <> ?", a.ID, Invalid)
	if before != "" {
		query = query.Where("id < ?", before)
	}
	if err := query.Order("id DESC").Limit(length+1).Pluck("id", &ids).Error; err != nil {
		return nil, false, err
	}
	if len(ids) > length {
		return ids[:length], true, nil
	}
	return ids, false, nil
}

// usable refuses an account whose external key had ended when this request began.
func (e *Engine) usable(a *Account) (*ExternalKey, error) {
	if a.key == nil || !a.key.Usable(e.Now()) {
		return nil, unauthorized("the external account key of this account is revoked or has expired").With(403)
	}
	return a.key, nil
}

// With gives the problem another status of HTTP than that of its type.
func (p *Problem) With(s int) *Problem { p.Status = s; return p }
