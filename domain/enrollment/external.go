package enrollment

import (
	"context"

	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// kindOf is the kind of the certificates of a profile.
func kindOf(p *profiles.Profile) certificate.Kind {
	if p.IsCA() {
		return certificate.CA
	}
	return certificate.Subscriber
}

// certifiesCA refuses, under a profile of CAs, who may not create a CA, and what a CA that is run elsewhere cannot have.
// What it issues is trusted like what ours issue.
func (s *Service) certifiesCA(ctx context.Context, i *issuer, p *profiles.Profile, request *profile.Request, endEntity string) error {
	if !p.IsCA() {
		return nil
	}
	if err := s.Guard.RequireOn(ctx, rbac.CACreate, i.ca.PartitionID, i.ca.ID); err != nil {
		return err
	}
	if endEntity != "" {
		return fault.New(fault.Invalid, "a certification authority is no end entity").At("endEntity").Do("Leave the end entity out, or choose a subscriber profile.")
	}
	return s.CAs.CheckName(ctx, i.ca.PartitionID, request.Subject)
}

// oneByOne refuses profiles of CAs where many certificates are issued at once.
func oneByOne(p *profiles.Profile) error {
	if p.IsCA() {
		return fault.New(fault.PolicyRefused, "profile %s certifies CAs, which are certified one at a time", p.ID).At("profileId").Do("Use Issue Certificate with the request of the CA.")
	}
	return nil
}
