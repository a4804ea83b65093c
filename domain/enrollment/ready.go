package enrollment

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/rbac"
)

// Ready refuses what IssueFromCSR would refuse whatever the names and the key: for protocols whose clients have work to do before they
// send the request. It reads the CA as it is now. What counts is what IssueFromCSR says.
func (s *Service) Ready(ctx context.Context, caID, profileID string, notAfter *time.Time) error {
	i, fresh, err := s.issuer(ctx, caID)
	if err == nil && !fresh {
		i, err = s.upToDate(ctx, i)
	}
	if err != nil {
		return err
	}
	if err := s.Guard.RequireOn(
		ctx, rbac.CertificateIssue, rbac.On{Partition: i.ca.PartitionID, CA: caID, Profile: profileID},
	); err != nil {
		return err
	}
	now := s.Now()
	if err := i.usable(now); err != nil {
		return err
	}
	if i.bounds.unusable != nil {
		return i.bounds.unusable
	}
	p, err := s.profileOf(i, profileID)
	if err != nil {
		return err
	}
	return p.CheckTerms(i.facts, profile.Request{NotAfter: notAfter, MaxValidity: maxValidity(ctx, caID, profileID)}, now, s.ClockSkew)
}
