package credential

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

const (
	overlap  = 7 * 24 * time.Hour // how long the previous certificate remains valid after a renewal
	maxRoles = 1000
)

// Service manages credentials.
type Service struct {
	Store     *store.Store
	Guard     *rbac.Guard
	Audit     *audit.Log
	Keys      keystore.Set
	Now       func() time.Time
	ClockSkew time.Duration

	presented   store.Batch[[32]byte, *holder]
	authorities sync.Map // id → *x509.Certificate
	verified    sync.Map // fingerprints of certificates with a verified signature
	used        usedCredentials
	// limit how many refusals are recorded, of credentials and of unknown clients.
	refused, strangers throttle
}

// Init completes a Service whose fields are filled.
func (s *Service) Init() *Service {
	s.presented.Run = s.findHolders
	return s
}

// Request describes a credential to create.
type Request struct {
	PartitionID  string
	Identifier   string // same form as for a CA; unique among the partition's credentials that are not deleted
	FriendlyName string // 1 to 64 characters
	Roles        []*Grant
}

// Create creates a credential with a key and a certificate valid for one year.
func (s *Service) Create(ctx context.Context, r Request) (_ *Issued, err error) {
	if err := s.Guard.Require(ctx, rbac.TokenManage, r.PartitionID); err != nil {
		return nil, err
	}
	if err := s.Guard.RequireProof(ctx); err != nil {
		return nil, err
	}
	event := audit.Event{
		PartitionID: r.PartitionID, Action: "cagw-credential.create", ObjectKind: objectKind, ObjectName: text.Quote(r.Identifier),
	}
	defer s.Audit.Refusal(ctx, &err, &event)
	if err := ca.CheckIdentifier("identifier", r.Identifier); err != nil {
		return nil, err
	}
	if err := text.Label("friendlyName", r.FriendlyName, 1, 64); err != nil {
		return nil, err
	}
	c := &Credential{
		ID: uuid.Must(uuid.NewV7()).String(), PartitionID: r.PartitionID, Identifier: r.Identifier, FriendlyName: r.FriendlyName,
		CreatedAt: s.Now(), CreatedBy: rbac.ActorFrom(ctx).Name, OwnerID: owner(ctx), Version: 1}
	if err := s.mayGrant(ctx, c.PartitionID, r.Roles); err != nil {
		return nil, err
	}
	made, issued, err := s.certify(ctx, c)
	if err != nil {
		return nil, err
	}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		if err := s.Store.DB(ctx).Create(c).Error; err != nil {
			if store.IsDuplicate(err) {
				return fault.New(
					fault.Conflict, "The identifier %s is taken.", c.Identifier,
				).At("identifier").Do("Choose another identifier.")
			}
			return err
		}
		facts, err := s.setRoles(ctx, c, r.Roles)
		if err != nil {
			return err
		}
		done := event
		done.ObjectID, done.ObjectName, done.Summary = c.ID, c.Identifier, "created the CA Gateway credential "+c.Identifier
		done.Details = audit.Details{
			"friendlyName": c.FriendlyName, "roles": facts, "serialNumber": made.SerialNumber, "expiresAt": made.NotAfter,
		}
		s.Audit.Record(ctx, done)
		if err := s.Store.DB(ctx).Create(made).Error; err != nil {
			return err
		}
		return s.fill(ctx, c)
	})
	return issued, err
}

// owner returns the person behind the caller, or "".
func owner(ctx context.Context) string {
	switch actor := rbac.ActorFrom(ctx); actor.Kind {
	case rbac.UserActor:
		return actor.ID
	case rbac.TokenActor:
		return actor.OwnerID
	}
	return ""
}

// mayGrant refuses roles that permit what the caller may not do: a credential must not extend its creator's rights.
func (s *Service) mayGrant(ctx context.Context, partitionID string, grants []*Grant) error {
	actor := rbac.ActorFrom(ctx)
	for n, g := range grants {
		if g.Role.rbac() == "" {
			return fault.New(fault.Invalid, "Unknown role.").At(fmt.Sprintf("roles[%d].role", n))
		}
		if !s.Guard.Covers(actor, g.Role.rbac(), partitionID) {
			return fault.New(
				fault.Forbidden, "A credential cannot have permissions that you do not have, and %s has some.", g.Role.label(),
			).At("roles").Do("Ask an Owner.")
		}
	}
	return nil
}

// MayChange tells whether the caller may renew, change or delete a credential.
func (s *Service) MayChange(ctx context.Context, c *Credential) bool {
	return s.Guard.Require(ctx, rbac.TokenManage, c.PartitionID) == nil && s.mayGrant(ctx, c.PartitionID, c.Roles) == nil
}

// setRoles replaces the roles of a credential, and returns them in words. It locks newly granted CAs until the end of
// the transaction, so that none is deleted meanwhile.
func (s *Service) setRoles(ctx context.Context, c *Credential, grants []*Grant) ([]string, error) {
	if len(grants) == 0 || len(grants) > maxRoles {
		return nil, fault.New(fault.Invalid, "A credential must have 1 to %d roles on certification authorities.", maxRoles).At("roles").Do(
			"Delete the credential if it is no longer needed.",
		)
	}
	var ids []string
	for _, g := range grants {
		ids = append(ids, g.CAID)
	}
	var found []*ca.CertificationAuthority
	if err := s.Store.ForShare(s.Store.DB(ctx)).Where(
		"id IN ? AND partition_id = ? AND purged_at IS NULL", ids, c.PartitionID,
	).Order("id").Find(&found).Error; err != nil {
		return nil, err
	}
	var rows []*Grant
	var facts []string
	for n, g := range grants {
		at := slices.IndexFunc(found, func(f *ca.CertificationAuthority) bool { return f.ID == g.CAID })
		had := slices.ContainsFunc(c.Roles, func(old *Grant) bool { return old.CAID == g.CAID && old.Role == g.Role })
		if at < 0 || found[at].DeletedAt != nil && !had {
			return nil, fault.New(fault.Invalid, "The certification authority does not exist in this partition.").At(
				fmt.Sprintf("roles[%d].caId", n),
			).Do(
				"Choose one of partition.certificationAuthorities.",
			)
		}
		row := &Grant{CredentialID: c.ID, CAID: g.CAID, Role: g.Role}
		if slices.ContainsFunc(rows, func(r *Grant) bool { return *r == *row }) {
			continue
		}
		rows = append(rows, row)
		facts = append(facts, found[at].Identifier+": "+g.Role.label())
	}
	if err := s.Store.DB(ctx).Delete(&Grant{}, "credential_id = ?", c.ID).Error; err != nil {
		return nil, err
	}
	return facts, s.Store.DB(ctx).Create(rows).Error
}

// Renew creates a new key and certificate. The previous certificate is refused after seven days, or at its expiry if
// that is earlier, or at once.
func (s *Service) Renew(ctx context.Context, id string, endPreviousNow bool) (*Issued, error) {
	var made *certificate
	var issued *Issued
	prepare := func(ctx context.Context, c *Credential) (err error) {
		if err = s.Guard.RequireProof(ctx); err != nil {
			return err
		}
		// The caller receives a file with all roles of the credential, so they need the right to grant them.
		if err = s.mayGrant(ctx, c.PartitionID, c.Roles); err == nil {
			made, issued, err = s.certify(ctx, c)
		}
		return err
	}
	c, err := s.change(ctx, id, "cagw-credential.renew", prepare, func(ctx context.Context, c *Credential, e *audit.Event) error {
		if err := s.mayGrant(ctx, c.PartitionID, c.Roles); err != nil {
			return err
		}
		now := s.Now()
		ends := now
		if !endPreviousNow {
			ends = now.Add(overlap)
		}
		if err := s.Store.DB(ctx).Model(&certificate{}).Where(
			"credential_id = ? AND (ends_at IS NULL OR ends_at > ?)", c.ID, ends,
		).Update("ends_at", ends).Error; err != nil {
			return err
		}
		if err := s.Store.DB(ctx).Create(made).Error; err != nil {
			return err
		}
		e.Summary = "renewed the CA Gateway credential " + c.Identifier
		e.Details = audit.Details{
			"serialNumber": made.SerialNumber, "expiresAt": made.NotAfter,
			"before": audit.Details{"serialNumber": c.SerialNumber, "endsAt": ends},
		}
		return s.fill(ctx, c)
	})
	if err != nil {
		return nil, err
	}
	issued.Credential = c
	return issued, nil
}

// SetRoles replaces the roles of a credential, from its next request on. The caller must have the right to create such
// a credential.
func (s *Service) SetRoles(ctx context.Context, id string, grants []*Grant) (*Credential, error) {
	return s.change(ctx, id, "cagw-credential.set-roles", nil, func(ctx context.Context, c *Credential, e *audit.Event) error {
		if err := errors.Join(s.mayGrant(ctx, c.PartitionID, c.Roles), s.mayGrant(ctx, c.PartitionID, grants)); err != nil {
			return fault.Of(err)
		}
		before, err := s.facts(ctx, c)
		if err != nil {
			return err
		}
		after, err := s.setRoles(ctx, c, grants)
		if err != nil {
			return err
		}
		e.Summary = "changed the roles of the CA Gateway credential " + c.Identifier
		e.Details = audit.Details{"before": before, "after": after}
		return s.fill(ctx, c)
	})
}

// facts returns the roles in words.
func (s *Service) facts(ctx context.Context, c *Credential) ([]string, error) {
	var rows []struct {
		Identifier string
		Role       Role
	}
	err := s.Store.DB(ctx).Raw(
		`SELECT a.identifier, r.role FROM credential_roles r JOIN certification_authorities a ON a.id = r.ca_id WHERE r.credential_id = ?
			ORDER BY a.identifier, r.role`,
		c.ID,
	).Scan(&rows).Error
	facts := []string{}
	for _, r := range rows {
		facts = append(facts, r.Identifier+": "+r.Role.label())
	}
	return facts, err
}

// Delete permanently deletes a credential. Its next request is refused. The caller must have the right to create such a
// credential.
func (s *Service) Delete(ctx context.Context, id string) (*Credential, error) {
	return s.change(ctx, id, "cagw-credential.delete", nil, func(ctx context.Context, c *Credential, e *audit.Event) error {
		if err := s.mayGrant(ctx, c.PartitionID, c.Roles); err != nil {
			return err
		}
		now := s.Now()
		c.DeletedAt = &now
		e.Summary = "deleted the CA Gateway credential " + c.Identifier
		return nil
	})
}

// change locks a credential for a caller who may manage it, lets fn alter it and saves it with its event. prepare, if
// set, does slow work beforehand.
func (s *Service) change(
	ctx context.Context, id, action string, prepare func(context.Context, *Credential) error,
	fn func(context.Context, *Credential, *audit.Event) error,
) (c *Credential, err error) {
	event := audit.Event{Action: action, ObjectKind: objectKind, ObjectID: id}
	defer s.Audit.Refusal(ctx, &err, &event)
	found, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	event.PartitionID, event.ObjectName = found.PartitionID, found.Identifier
	if err := s.Guard.Require(ctx, rbac.TokenManage, found.PartitionID); err != nil {
		return nil, err
	}
	if prepare != nil {
		if found.DeletedAt != nil {
			return nil, gone(found)
		}
		if err := prepare(ctx, found); err != nil {
			return nil, err
		}
	}
	c = &Credential{}
	err = s.Store.Tx(ctx, func(ctx context.Context) error {
		*c = Credential{}
		if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ?", id).Error; err != nil {
			return err
		}
		if c.DeletedAt != nil {
			return gone(c)
		}
		if err := s.fill(ctx, c); err != nil {
			return err
		}
		done := event
		if err := fn(ctx, c, &done); err != nil {
			return err
		}
		c.Version++
		s.Audit.Record(ctx, done)
		return s.Store.DB(ctx).Model(c).Select("version", "deleted_at").Updates(c).Error
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func gone(c *Credential) error {
	return fault.New(fault.Conflict, "The credential %s is already deleted.", c.Identifier).Do("Create a new one.")
}

// find returns a credential, including a deleted one.
func (s *Service) find(ctx context.Context, id string) (*Credential, error) {
	var found []*Credential
	if err := s.Store.DB(ctx).Where("id = ?", id).Find(&found).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0], s.fill(ctx, found...)
}

// Get returns a credential that is not deleted.
func (s *Service) Get(ctx context.Context, id string) (*Credential, error) {
	c, err := s.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.Require(ctx, rbac.TokenBrowse, c.PartitionID); err != nil {
		return nil, err
	}
	if c.DeletedAt != nil {
		return nil, rbac.NotFound()
	}
	return c, nil
}

// List returns the partition's credentials by identifier.
func (s *Service) List(ctx context.Context, partitionID string, p page.Request) (*page.Page[*Credential], error) {
	if err := s.Guard.Require(ctx, rbac.TokenBrowse, partitionID); err != nil {
		return nil, err
	}
	if err := s.SaveLastUse(ctx); err != nil {
		return nil, err
	}
	query := s.Store.DB(ctx).Model(&Credential{}).Where("partition_id = ? AND deleted_at IS NULL", partitionID)
	found, err := page.Read(
		ctx, s.Store, query, p, page.Key[Credential]{Column: "identifier", Value: func(c *Credential) any { return c.Identifier }},
	)
	if err != nil {
		return nil, err
	}
	return found, s.fill(ctx, found.Nodes...)
}

// fill sets the roles and the certificate facts.
func (s *Service) fill(ctx context.Context, list ...*Credential) error {
	byID, ids := map[string]*Credential{}, []string{}
	for _, c := range list {
		byID[c.ID], ids = c, append(ids, c.ID)
		c.Roles, c.PreviousEndsAt, c.RenewedAt = nil, nil, nil
	}
	var grants []*Grant
	if err := s.Store.DB(ctx).Raw(`SELECT r.* FROM credential_roles r JOIN certification_authorities a ON a.id = r.ca_id
		WHERE r.credential_id IN ? AND a.purged_at IS NULL ORDER BY lower(a.friendly_name), a.id,
			r.role`, ids).Scan(&grants).Error; err != nil {
		return err
	}
	for _, g := range grants {
		byID[g.CredentialID].Roles = append(byID[g.CredentialID].Roles, g)
	}
	var certificates []*certificate
	if err := s.Store.DB(ctx).Where("credential_id IN ?", ids).Order("created_at").Find(&certificates).Error; err != nil {
		return err
	}
	now := s.Now()
	first := map[string]bool{}
	for _, x := range certificates {
		c := byID[x.CredentialID]
		switch end := x.end(); {
		case x.EndsAt == nil:
			c.SerialNumber, c.ExpiresAt = x.SerialNumber, x.NotAfter
			if first[c.ID] {
				c.RenewedAt = &x.CreatedAt
			}
		case end.After(now) && (c.PreviousEndsAt == nil || end.After(*c.PreviousEndsAt)):
			c.PreviousEndsAt = &end
		}
		first[c.ID] = true
	}
	return nil
}

// newPassword returns 40 random hexadecimal digits, which shells and curl's --cert do not misinterpret.
func newPassword() string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}

// label returns the name of the role in Entrust's PKIaaS guide.
func (r Role) label() string { return strings.ReplaceAll(text.Lower(r), " ", "-") }
