package acme

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// NewKey is what an administrator says of a new external account key.
type NewKey struct {
	FriendlyName  string
	ExpiresAt     *time.Time
	MaxAccounts   int
	Allowed       []string
	Preauthorized bool
	// WithoutBinding: for devices whose client cannot bind an account (Apple's). It gets no secret.
	WithoutBinding bool
}

// How many patterns a key has. One without binding names devices one by one, and there is only one of it.
const (
	maxPatterns       = 100
	maxDevicePatterns = 1000
)

// configuration finds one of type ACME for an administrator.
func (s *Service) configuration(ctx context.Context, id string, p rbac.Permission) (*protocolconfig.Configuration, error) {
	c, err := s.Configurations.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if c.Type != TypeID {
		return nil, rbac.NotFound()
	}
	return c, s.Guard.Require(ctx, p, c.PartitionID)
}

// CreateKey makes an external account key and returns its secret, base64url without padding, once; "" for one without binding.
func (s *Service) CreateKey(ctx context.Context, configurationID string, n NewKey) (k *ExternalKey, secret string, err error) {
	// so that it is among the configuration's events
	event := audit.Event{Action: "acme.key.create", ObjectKind: "protocol-configuration", ObjectID: configurationID}
	defer s.Audit.Refusal(ctx, &err, &event)
	c, err := s.configuration(ctx, configurationID, rbac.ProtocolManage)
	if c != nil {
		event.PartitionID, event.ObjectName = c.PartitionID, c.Identifier
	}
	if err != nil {
		return nil, "", err
	}
	if !n.WithoutBinding {
		if err := s.Guard.RequireProof(ctx); err != nil {
			return nil, "", err
		}
	}
	if err := ca.CheckIdentifier("friendlyName", n.FriendlyName); err != nil {
		return nil, "", err
	}
	if n.ExpiresAt != nil && !n.ExpiresAt.After(s.Now()) {
		return nil, "", fault.New(fault.Invalid, "the end of the key must lie ahead").At("expiresAt")
	}
	if n.MaxAccounts < 0 || n.MaxAccounts > 1_000_000 {
		return nil, "", fault.New(fault.Invalid, "the number of accounts is out of range").At("maxAccounts").Do("0 is no limit.")
	}
	if err := checkPatterns(n.Allowed, n.WithoutBinding); err != nil {
		return nil, "", err
	}
	if n.WithoutBinding && n.Preauthorized {
		return nil, "", fault.New(
			fault.Invalid, "devices without binding prove who they are, always",
		).At("needsNoChallenge").Do("Leave it out.")
	}
	if n.Preauthorized && len(n.Allowed) == 0 {
		return nil, "", fault.New(fault.Invalid, "a key that needs no challenge must say for which names").At("allowedIdentifiers").Do(
			"List the names: host.example.com, *.example.com, 10.1.0.0/16.",
		)
	}
	if n.Preauthorized {
		if err := s.Guard.RequireHandOn(ctx, rbac.CertificateIssue, c.PartitionID, "A key that needs no challenge"); err != nil {
			return nil, "", fault.Of(err).At("needsNoChallenge")
		}
	}
	k = &ExternalKey{ID: rand.Text(), PartitionID: c.PartitionID, ConfigurationID: c.ID, FriendlyName: n.FriendlyName,
		CreatedBy: rbac.ActorFrom(ctx).Name, OwnerID: owner(rbac.ActorFrom(ctx)), CreatedAt: s.Now(),
		ExpiresAt: n.ExpiresAt, MaxAccounts: int64(n.MaxAccounts), Allowed: n.Allowed, Preauthorized: n.Preauthorized,
		WithoutBinding: n.WithoutBinding, Secret: []byte{}}
	if k.Allowed == nil {
		k.Allowed = []string{}
	}
	if !k.WithoutBinding {
		key := make([]byte, 64) // HS512 takes no shorter one (RFC 7518 3.2)
		for {
			rand.Read(key)
			// Option parsers of clients take a leading '-' for an option.
			if secret = base64.RawURLEncoding.EncodeToString(key); secret[0] != '-' {
				break
			}
		}
		if k.Secret, err = s.Sealer.Seal(keyPurpose, key, []byte(k.ID)); err != nil {
			return nil, "", err
		}
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if k.WithoutBinding {
			if err := s.mayBeWithoutBinding(ctx, c.ID); err != nil {
				return err
			}
		}
		done := event
		done.Summary = "made the external account key " + k.FriendlyName + " of " + c.Identifier
		done.Details = audit.Details{
			"kid": k.ID, "friendlyName": k.FriendlyName, "allowed": k.Allowed, "preauthorized": k.Preauthorized,
			"withoutBinding": k.WithoutBinding, "maxAccounts": k.MaxAccounts, "expiresAt": k.ExpiresAt,
		}
		s.Audit.Record(ctx, done)
		err := s.Store.DB(ctx).Create(k).Error
		if store.IsDuplicate(err) {
			return fault.New(fault.Conflict, "there is a key %s already", text.Quote(n.FriendlyName)).At("friendlyName")
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return k, secret, nil
}

// owner is the person behind an actor, "" where none is known.
func owner(a *rbac.Actor) string {
	switch a.Kind {
	case rbac.UserActor:
		return a.ID
	case rbac.TokenActor:
		return a.OwnerID
	}
	return ""
}

// mayBeWithoutBinding checks, in the transaction that makes a key without binding, that devices can prove themselves and that
// there is no other such key: which one an account came under would be chance.
func (s *Service) mayBeWithoutBinding(ctx context.Context, configurationID string) error {
	c := &protocolconfig.Configuration{}
	// One such key is made at a time, and the settings stay as they are meanwhile.
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ? AND deleted_at IS NULL", configurationID).Error; err != nil {
		if store.IsNotFound(err) {
			return rbac.NotFound()
		}
		return err
	}
	set, err := SettingsOf(c)
	if err != nil {
		return err
	}
	if !slices.Contains(set.Offered(), DeviceAttest01) || len(set.Attestation) == 0 {
		return fault.New(
			fault.PolicyRefused, "a key for devices without binding needs a format of attestation that %s accepts, and there is none",
			c.Identifier,
		).At("withoutBinding").
			Do("Offer device-attest-01 in the settings and switch on a format, such as apple.")
	}
	var found []*ExternalKey
	if err := usableWithoutBinding(s.Store.DB(ctx), c.ID, s.Now()).Find(&found).Error; err != nil || len(found) == 0 {
		return err
	}
	return fault.New(
		fault.Conflict, "the key %s is for devices without binding already, and a configuration has one such key",
		text.Quote(found[0].FriendlyName),
	).At("withoutBinding").
		Do("Revoke it first, or make another configuration.")
}

// RevokeKey ends a key: no account is made with it, and those it made can order nothing more.
func (s *Service) RevokeKey(ctx context.Context, id string) (k *ExternalKey, err error) {
	event := audit.Event{Action: "acme.key.revoke", ObjectKind: "protocol-configuration", Details: audit.Details{"kid": id}}
	defer s.Audit.Refusal(ctx, &err, &event)
	if k, err = s.Key(ctx, id); err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectID = k.PartitionID, k.ConfigurationID
	if c, err := s.Configurations.Get(ctx, k.ConfigurationID); err == nil { // one that is deleted has no name any more
		event.ObjectName = c.Identifier
	}
	if err := s.Guard.Require(ctx, rbac.ProtocolManage, k.PartitionID); err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(k, "id = ?", id).Error; err != nil {
			return err
		}
		if k.RevokedAt != nil {
			return fault.New(fault.Conflict, "the key %s is revoked already", text.Quote(k.FriendlyName))
		}
		now := s.Now()
		k.RevokedAt = &now
		done := event
		done.Summary = "revoked the external account key " + k.FriendlyName
		s.Audit.Record(ctx, done)
		return s.Store.DB(ctx).Model(k).Update("revoked_at", now).Error
	})
	return k, err
}

// Unproved tells whether a configuration has a usable key that needs no challenge.
func (s *Service) Unproved(ctx context.Context, c *protocolconfig.Configuration) (bool, error) {
	var n int64
	err := s.Store.DB(ctx).Model(&ExternalKey{}).Where(
		"configuration_id = ? AND preauthorized AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?)", c.ID, s.Now(),
	).Count(&n).Error
	return n > 0, err
}

// Key returns an external account key, without its secret.
func (s *Service) Key(ctx context.Context, id string) (*ExternalKey, error) {
	var found []*ExternalKey
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.Guard.Require(ctx, rbac.ProtocolBrowse, found[0].PartitionID)
}

// Keys is a page of a configuration's external account keys, newest first.
func (s *Service) Keys(ctx context.Context, c *protocolconfig.Configuration, p page.Request) (*page.Page[*ExternalKey], error) {
	query, err := s.of(ctx, c, &ExternalKey{})
	if err != nil {
		return nil, err
	}
	return page.Read(
		ctx, s.Store, query, p, page.Key[ExternalKey]{
			Column: "created_at", Desc: true, Value: func(k *ExternalKey) any { return k.CreatedAt },
		},
		page.Key[ExternalKey]{Column: "id", Value: func(k *ExternalKey) any { return k.ID }})
}

// LoadKeys returns keys by id, for loaders; those that are not the caller's are left out.
func (s *Service) LoadKeys(ctx context.Context, ids []string) (map[string]*ExternalKey, error) {
	return load(ctx, s, ids, func(k *ExternalKey) (string, string) { return k.ID, k.PartitionID })
}

// LoadAccounts is LoadKeys for accounts.
func (s *Service) LoadAccounts(ctx context.Context, ids []string) (map[string]*Account, error) {
	return load(ctx, s, ids, func(a *Account) (string, string) { return a.ID, a.PartitionID })
}

func load[T any](ctx context.Context, s *Service, ids []string, of func(*T) (id, partitionID string)) (map[string]*T, error) {
	var found []*T
	if err := s.Store.DB(ctx).Where("id IN ?", ids).Find(&found).Error; err != nil {
		return nil, err
	}
	byID := map[string]*T{}
	for _, row := range found {
		id, partitionID := of(row)
		if s.Guard.Require(ctx, rbac.ProtocolBrowse, partitionID) == nil {
			byID[id] = row
		}
	}
	return byID, nil
}

// Accounts is a page of a configuration's accounts, newest first.
func (s *Service) Accounts(ctx context.Context, c *protocolconfig.Configuration, p page.Request) (*page.Page[*Account], error) {
	query, err := s.of(ctx, c, &Account{})
	if err != nil {
		return nil, err
	}
	return page.Read(ctx, s.Store, query, p, page.Key[Account]{Column: "id", Desc: true, Value: func(a *Account) any { return a.ID }})
}

// Orders is a page of a configuration's orders, newest first.
func (s *Service) Orders(ctx context.Context, c *protocolconfig.Configuration, p page.Request) (*page.Page[*Order], error) {
	query, err := s.of(ctx, c, &Order{})
	if err != nil {
		return nil, err
	}
	return page.Read(ctx, s.Store, query, p, page.Key[Order]{Column: "id", Desc: true, Value: func(o *Order) any { return o.ID }})
}

// of is a query of the rows of a configuration, for who may see it.
func (s *Service) of(ctx context.Context, c *protocolconfig.Configuration, model any) (*gorm.DB, error) {
	if err := s.Guard.Require(ctx, rbac.ProtocolBrowse, c.PartitionID); err != nil {
		return nil, err
	}
	return s.Store.DB(ctx).Model(model).Where("configuration_id = ?", c.ID), nil
}

// checkPatterns checks the names that a key allows: a host, "*.example.com" (everything below), an address or a network in CIDR
// notation, or "device:" and the start of a permanent identifier. A key without binding has some, and of the last kind only.
func checkPatterns(patterns []string, withoutBinding bool) error {
	limit := maxPatterns
	if withoutBinding {
		limit = maxDevicePatterns
		if len(patterns) == 0 {
			return fault.New(fault.Invalid, "a key for devices without binding must say for which devices").At("allowedIdentifiers").Do(
				"List their serial numbers, each with device: before it.",
			)
		}
	}
	if len(patterns) > limit {
		return fault.New(fault.Invalid, "a key allows at most %d patterns", limit).At("allowedIdentifiers")
	}
	for n, p := range patterns {
		if strings.HasPrefix(p, devicePattern) && len(p) > len(devicePattern) && len(p) < 255 {
			continue
		}
		if withoutBinding {
			return fault.New(
				fault.Invalid, "a key for devices without binding is for nothing but devices: %s is none", text.Quote(p),
			).At("allowedIdentifiers").Do(
				"Write device: and the serial number.",
			)
		}
		if _, err := netip.ParsePrefix(p); err == nil {
			continue
		}
		if _, err := netip.ParseAddr(p); err == nil {
			continue
		}
		g, err := san.Parse(san.DNSName, p, "allowedIdentifiers")
		if err != nil {
			return err
		}
		patterns[n] = g.Value
	}
	return nil
}

const devicePattern = "device:"

// allows tells whether the key is good for the name. "*.example.com" allows every name below example.com, wildcards
// included; a wildcard is otherwise allowed by no host. A key without binding is good for devices only.
func (k *ExternalKey) allows(id Identifier) bool {
	if k.WithoutBinding && id.Type != PermanentIdentifier && id.Type != HardwareModule {
		return false
	}
	return len(k.Allowed) == 0 && !k.WithoutBinding || slices.ContainsFunc(k.Allowed, func(p string) bool { return matches(p, id) })
}

func matches(pattern string, id Identifier) bool {
	switch id.Type {
	case DNS:
		if below, ok := strings.CutPrefix(pattern, "*."); ok {
			return strings.HasSuffix(strings.TrimPrefix(id.Value, "*."), "."+below) || id.Value == pattern
		}
		return pattern == id.Value
	case IP:
		addr, err := netip.ParseAddr(id.Value)
		if err != nil {
			return false
		}
		if network, err := netip.ParsePrefix(pattern); err == nil {
			return network.Contains(addr)
		}
		one, err := netip.ParseAddr(pattern)
		return err == nil && one == addr
	case PermanentIdentifier, HardwareModule:
		start, ok := strings.CutPrefix(pattern, devicePattern)
		return ok && strings.HasPrefix(id.Value, start)
	}
	return false
}
