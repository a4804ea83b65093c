package server

import (
	"context"
	"encoding/json"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/intake"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/rbac"
)

// approved calls a verb with what was approved.
func approved[In any](verb func(context.Context, In) error) approval.Execute {
	return func(ctx context.Context, payload []byte) error {
		var in In
		if err := json.Unmarshal(payload, &in); err != nil {
			return err
		}
		return verb(ctx, in)
	}
}

// people knows those who ask: users and API tokens, and clients of the CA Gateway API and of enrollment protocols.
type people struct {
	*identity.Service
	credentials    *credential.Service
	configurations *protocolconfig.Service
}

func (p people) CurrentActor(ctx context.Context, kind rbac.ActorKind, id, name string) (*rbac.Actor, error) {
	switch kind {
	case rbac.CredentialActor:
		return p.credentials.CurrentActor(ctx, id, name)
	case rbac.ProtocolActor:
		return p.configurations.CurrentActor(ctx, id, name)
	}
	return p.Service.CurrentActor(ctx, kind, id, name)
}

// wireApprovals tells the approvals what lies above them: who people are, what profiles there are, and the verbs.
func (a *App) wireApprovals() {
	s := a.approvals
	s.People, s.Changed = people{a.identity, a.credentials, a.configurations}, a.cas.Unsettle
	s.Profiles = func(ctx context.Context, partitionID string, ids []string) error {
		found, err := a.profiles.Find(ctx, partitionID, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, ok := found[id]; !ok {
				return fault.New(fault.Invalid, "there is no profile %s", text.Quote(id)).Do("Choose one of partition.certificateProfiles.")
			}
		}
		return nil
	}
	s.Ended = map[string]func(context.Context, *approval.Request) error{acme.VerbFinalize: a.acme.NotApproved}
	s.Verbs = map[string]approval.Execute{
		approval.SetVerb: approved(func(ctx context.Context, in approval.Change) error { _, err := s.SetRules(ctx, in); return err }),
		ca.VerbCreate:    approved(func(ctx context.Context, in ca.Request) error { _, err := a.cas.Create(ctx, in); return err }),
		ca.VerbImportRoot: approved(func(ctx context.Context, in ca.Importing) error {
			_, err := a.cas.ImportRoot(ctx, in.PartitionID, in.Identifier, in.FriendlyName, in.Certificate)
			return err
		}),
		ca.VerbDelete: approved(func(ctx context.Context, in ca.Deleting) error {
			_, err := a.cas.Delete(ctx, in.ID, in.Identifier)
			return err
		}),
		ca.VerbMoveKey: approved(func(ctx context.Context, in ca.Moving) error {
			_, err := a.cas.MoveKey(ctx, in.ID, in.Store)
			return err
		}),
		ca.VerbRenew: approved(func(ctx context.Context, in ca.Renewing) error {
			_, err := a.cas.Renew(ctx, in.ID, in.Renewal, in.ExpiresAt)
			return err
		}),
		enrollment.VerbIssue: approved(func(ctx context.Context, in intake.Kept) error {
			r := in.Request
			r.Waiting = &enrollment.Waiting{Verb: enrollment.VerbIssue, Payload: func(r enrollment.Request) any { return in.Of(r) }}
			_, err := a.enrollment.Issue(ctx, r)
			if enrollment.Stale(err) {
				return fault.New(fault.Unavailable, "the certification authority keeps changing").Because(err) // tried again
			}
			return err
		}),
		acme.VerbFinalize: approved(a.acme.FinalizeApproved),
		certificate.VerbRevokeSerials: approved(func(ctx context.Context, in certificate.RevokingSerials) error {
			_, err := a.certificates.RevokeSerials(ctx, in)
			return err
		}),
		bulk.VerbStart: approved(func(ctx context.Context, id string) error { _, err := a.bulk.Start(ctx, id); return err }),
		identity.VerbInvite: approved(func(ctx context.Context, in identity.Inviting) error {
			_, err := a.identity.Invite(ctx, in.PartitionID, in.Invitee)
			return err
		}),
		identity.VerbGrantRole: approved(func(ctx context.Context, in identity.Role) error {
			_, err := a.identity.GrantRole(ctx, in.PartitionID, in.UserID, in.Role)
			return err
		}),
		identity.VerbRevokeRole: approved(func(ctx context.Context, in identity.Role) error {
			_, err := a.identity.RevokeRole(ctx, in.PartitionID, in.UserID, in.Role)
			return err
		}),
		identity.VerbRemoveMember: approved(func(ctx context.Context, in identity.Removing) error {
			_, err := a.identity.RemoveMember(ctx, in.PartitionID, in.UserID)
			return err
		}),
	}
}
