package ca

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
)

// MoveKey is the argument of MoveKeyJob.
type MoveKey struct {
	Store string `json:"store"`
}

// KeyStores lists the stores that a new CA can choose from, the default first.
func (s *Service) KeyStores(ctx context.Context, partitionID string) (keystore.Set, error) {
	return s.Keys, s.Guard.Require(ctx, rbac.CABrowse, partitionID)
}

// KeyStoresInUse are the names of the stores that have keys of CAs, of whatever partition, or of the CA of credentials, whether
// they are configured or not.
func (s *Service) KeyStoresInUse(ctx context.Context) ([]string, error) {
	var names []string
	err := s.Store.DB(ctx).Raw(
		"SELECT key_store FROM certification_authorities WHERE purged_at IS NULL AND key_id <> '' UNION SELECT key_store FROM " +
			"ca_generations WHERE key_id <> '' UNION SELECT key_store FROM credential_authorities",
	).Scan(&names).Error
	return names, err
}

// keyStore is the chosen key store, which must be usable now: a CA that could not sign its first CRL is no use.
func (s *Service) keyStore(ctx context.Context, name string) (*keystore.Named, error) {
	if name == "" {
		name = s.Keys.Default().Name
	}
	found, err := s.Keys.ByName(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "there is no key store %s", text.Quote(name)).At("keyStore").Do(
			"Choose one of partition.keyStores.",
		)
	}
	if err := found.Check(ctx); err != nil {
		return nil, fault.New(fault.Unavailable, "the key store %s cannot be used at the moment", name).At("keyStore").
			Do("Choose another one, or repeat the request when the operator has brought it back.").Because(err)
	}
	return found, nil
}

// What is asked for with an approval, and the verbs that carry it out.
const (
	VerbCreate     = "ca.create"
	VerbImportRoot = "ca.import-root"
	VerbDelete     = "ca.delete"
	VerbMoveKey    = "ca.move-key"
	VerbRenew      = "ca.renew"
)

// Moving is what MoveKey is called with.
type Moving struct{ ID, Store string }

// Deleting is what Delete is called with.
type Deleting struct{ ID, Identifier string }

// ask tells whether the verb about c may go on. A root may be in the hands of two people by the deployment's will.
func (s *Service) ask(ctx context.Context, c *CertificationAuthority, a approval.Ask) error {
	a.PartitionID, a.ObjectKind = c.PartitionID, "ca"
	if a.Operation != approval.CACreate {
		a.ObjectID = c.ID
	}
	a.TwoPeople = s.TwoPersonRoots && c.Type == Root && a.Operation != approval.CADelete
	a.Facts = append([]approval.Fact{
		{Name: "Certification authority", Value: c.FriendlyName + " (" + c.Identifier + ")"}, {Name: "Type", Value: text.Lower(c.Type)},
		{Name: "Subject", Value: c.Subject},
	}, a.Facts...)
	return s.Approvals.Ask(ctx, a)
}

func called(c *CertificationAuthority) string {
	if c.Type == Root {
		return "the root " + c.Identifier
	}
	return "the certification authority " + c.Identifier
}

// MoveKey asks for the key of a CA to be brought from software into another key store. The old copy is destroyed.
func (s *Service) MoveKey(ctx context.Context, id, store string) (*CertificationAuthority, error) {
	return s.change(ctx, id, rbac.CACreate, "ca.move-key", func(ctx context.Context, c *CertificationAuthority, e *audit.Event) error {
		if status := c.StatusAt(s.Now()); status != Active {
			return fault.New(fault.Conflict, "%s is %s", c.Identifier, text.Lower(status))
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
			return fault.New(fault.PolicyRefused, "the key of %s is protected by the HSM, and stays so", c.Identifier).Do(
				"Make a new CA in the other key store instead.",
			)
		}
		if to.Custody(a) == "" {
			return fault.New(fault.PolicyRefused, "the key store %s cannot keep keys of %s", to.Name, a.Label).At("keyStore")
		}
		e.Details = audit.Details{"from": c.KeyStore, "to": to.Name}
		if err := s.ask(
			ctx, c,
			approval.Ask{
				Operation: approval.CAMoveKey, Verb: VerbMoveKey, Payload: Moving{id, to.Name},
				Summary: "move the key of " + called(c) + " to " + to.Name,
				Facts:   []approval.Fact{{Name: "From", Value: c.KeyStore}, {Name: "To", Value: to.Name}}}); err != nil {
			return err
		}
		e.Summary = "asked for the key of " + c.Identifier + " to be moved to " + to.Name
		return s.Jobs.Enqueue(ctx, MoveKeyJob, c.ID, s.Now(), MoveKey{to.Name})
	})
}
