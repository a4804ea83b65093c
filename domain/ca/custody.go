package ca

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
)

// ProposalKind is what waits for a second person.
type ProposalKind string

const (
	ProposeCreate  ProposalKind = "CREATE"
	ProposeMoveKey ProposalKind = "MOVE_KEY"
	ProposeRenew   ProposalKind = "RENEW"
)

// MoveKey is the argument of MoveKeyJob.
type MoveKey struct {
	Store string `json:"store"`
}

// KeyStores lists the stores that a new CA can choose from, the default first.
func (s *Service) KeyStores(ctx context.Context, partitionID string) (keystore.Set, error) {
	return s.Keys, s.Guard.Require(ctx, rbac.CABrowse, partitionID)
}

// KeyStoresInUse are the names of the stores that have keys of CAs or of their OCSP signers, of whatever partition, whether they are configured or
// not.
func (s *Service) KeyStoresInUse(ctx context.Context) ([]string, error) {
	var names []string
	err := s.Store.DB(ctx).Raw("SELECT key_store FROM certification_authorities WHERE purged_at IS NULL AND key_id <> '' UNION SELECT ocsp_key_store FROM certification_authorities WHERE purged_at IS NULL AND ocsp_key_id <> '' UNION SELECT key_store FROM ca_generations WHERE key_id <> ''").Scan(&names).Error
	return names, err
}

// keyStore is the chosen key store, which must be usable now: a CA that could not sign its first CRL is no use.
func (s *Service) keyStore(ctx context.Context, name string) (*keystore.Named, error) {
	if name == "" {
		name = s.Keys.Default().Name
	}
	found, err := s.Keys.ByName(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "there is no key store %s", text.Quote(name)).At("keyStore").Do("Choose one of partition.keyStores.")
	}
	if err := found.Check(ctx); err != nil {
		return nil, fault.New(fault.Unavailable, "the key store %s cannot be used at the moment", name).At("keyStore").
			Do("Choose another one, or repeat the request when the operator has brought it back.").Because(err)
	}
	return found, nil
}

// needsTwo tells whether what is asked of the CA needs a second person. The server itself (the demo's estate) has none.
func (s *Service) needsTwo(ctx context.Context, c *CertificationAuthority) bool {
	return s.TwoPersonRoots && c.Type == Root && rbac.ActorFrom(ctx).Kind != rbac.System
}

// propose notes who asks. Only a person can: behind an API token could be the one who approves.
func (s *Service) propose(ctx context.Context, c *CertificationAuthority, kind ProposalKind, store string) error {
	actor := rbac.ActorFrom(ctx)
	if actor.Kind != rbac.UserActor {
		return fault.New(fault.PolicyRefused, "in this deployment a root is in the hands of two people, and %s is none", actor.Name).Do("Sign in to the console and propose it there.")
	}
	now := s.Now()
	c.ProposalKind, c.ProposalStore, c.ProposedBy, c.ProposedByID, c.ProposedAt = kind, store, actor.Name, actor.ID, &now
	return nil
}

func (c *CertificationAuthority) endProposal() {
	c.ProposalKind, c.ProposalStore, c.ProposedBy, c.ProposedByID, c.ProposedAt = "", "", "", "", nil
}

// MayApprove tells whether the caller can approve what waits: a person with the right, and not the one who asked.
func (s *Service) MayApprove(ctx context.Context, c *CertificationAuthority) bool {
	actor := rbac.ActorFrom(ctx)
	return c.ProposalKind != "" && actor.Kind == rbac.UserActor && actor.ID != c.ProposedByID && s.Guard.Require(ctx, rbac.CACreate, c.PartitionID) == nil
}

// Approve has what another person proposed carried out.
func (s *Service) Approve(ctx context.Context, id string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CACreate, "ca.approve", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		switch {
		case c.ProposalKind == "" || c.DeletedAt != nil:
			return fault.New(fault.Conflict, "nothing waits for a second person at %s", c.Identifier)
		case rbac.ActorFrom(ctx).Kind != rbac.UserActor:
			return fault.New(fault.PolicyRefused, "only a person can approve")
		case !s.MayApprove(ctx, c):
			return fault.New(fault.PolicyRefused, "you proposed it yourself: another person must approve it")
		}
		e.Details = audit.Details{"proposedBy": c.ProposedBy, "proposedAt": c.ProposedAt, "keyStore": c.ProposalStore, "proposal": c.ProposalKind}
		kind, store := c.ProposalKind, c.ProposalStore
		c.endProposal()
		if kind == ProposeMoveKey {
			e.Summary = "approved moving the key of " + c.Identifier + " to " + store
			return s.Jobs.Enqueue(ctx, MoveKeyJob, c.ID, s.Now(), MoveKey{store})
		}
		if kind == ProposeRenew {
			e.Summary = "approved the renewal of " + c.Identifier
			return s.Jobs.Enqueue(ctx, RenewJob, c.ID, s.Now(), nil)
		}
		e.Summary = "approved the root " + c.Identifier
		c.Status = Creating
		return s.Jobs.Enqueue(ctx, CreateJob, c.ID, s.Now(), nil)
	})
}

// Reject turns a proposal down; whoever proposed it may take it back so.
func (s *Service) Reject(ctx context.Context, id, reason string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CACreate, "ca.reject", func(_ context.Context, c *CertificationAuthority, e *audit.Event) error {
		if err := text.Label("reason", reason, 1, 500); err != nil {
			return err
		}
		if c.ProposalKind == "" {
			return fault.New(fault.Conflict, "nothing waits for a second person at %s", c.Identifier)
		}
		e.Summary = "rejected what " + c.ProposedBy + " proposed for " + c.Identifier
		e.Details = audit.Details{"reason": reason, "proposal": c.ProposalKind}
		if c.ProposalKind == ProposeCreate {
			c.Status, c.CreationFailure = Failed, "rejected: "+reason
		}
		if c.ProposalKind == ProposeRenew {
			c.endRenewal()
		}
		c.endProposal()
		return nil
	})
}

// MoveKey asks for the key of a CA to be brought from software into another key store. The old copy is destroyed.
func (s *Service) MoveKey(ctx context.Context, id, store string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CACreate, "ca.move-key", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		if status := c.StatusAt(s.Now()); status != Active {
			return fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(status))
		}
		if c.ProposalKind != "" {
			return fault.New(fault.Conflict, "%s waits for a second person already", c.Identifier)
		}
		if c.Renewal != "" {
			return fault.New(fault.Conflict, "%s is being renewed", c.Identifier).Do("Wait until the renewal has ended.")
		}
		to, err := s.keyStore(ctx, store)
		if err != nil {
			return err
		}
		if to.Name == c.KeyStore {
			return fault.New(fault.Conflict, "the key of %s is in %s already", c.Identifier, store).At("keyStore")
		}
		from, err := s.Keys.ByName(c.KeyStore)
		if err != nil {
			return fault.New(fault.Conflict, "the key store %s is no longer configured", c.KeyStore)
		}
		a, err := c.Algorithm()
		if err != nil {
			return err
		}
		if from.Custody(a) != keystore.InSoftware {
			return fault.New(fault.PolicyRefused, "the key of %s is protected by the HSM, and stays so", c.Identifier).Do("Make a new CA in the other key store instead.")
		}
		if to.Custody(a) == "" {
			return fault.New(fault.PolicyRefused, "the key store %s cannot keep keys of %s", to.Name, a.Label).At("keyStore")
		}
		e.Details = audit.Details{"from": c.KeyStore, "to": to.Name}
		if s.needsTwo(ctx, c) {
			e.Action, e.Summary = "ca.propose", "proposed to a second person to move the key of "+c.Identifier+" to "+to.Name
			return s.propose(ctx, c, ProposeMoveKey, to.Name)
		}
		e.Summary = "asked for the key of " + c.Identifier + " to be moved to " + to.Name
		return s.Jobs.Enqueue(ctx, MoveKeyJob, c.ID, s.Now(), MoveKey{to.Name})
	})
}
