package certificate

import (
	"context"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/rbac"
)

// Select is the query of a list, for those who work on all of it in one statement or row by row.
func (s *Service) Select(ctx context.Context, partitionID string, f Filter) (*gorm.DB, error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, partitionID); err != nil {
		return nil, err
	}
	return s.filtered(ctx, partitionID, f)
}

// Each yields all certificates of a list, oldest first, a page at a time; no transaction is held meanwhile.
func (s *Service) Each(ctx context.Context, partitionID string, f Filter, yield func(*Certificate) error) error {
	for last := ""; ; {
		query, err := s.Select(ctx, partitionID, f)
		if err != nil {
			return err
		}
		var rows []*Certificate
		if err := query.Where("id > ?", last).Order("id").Limit(500).Find(&rows).Error; err != nil {
			return err
		}
		for _, c := range rows {
			if err := yield(c); err != nil {
				return err
			}
			last = c.ID
		}
		if len(rows) < 500 {
			return nil
		}
	}
}

// Revocation is one of many.
type Revocation struct {
	CertificateID  string
	Reason         Reason
	InvalidityDate *time.Time
	Comment        string
}

// RevokeMany revokes, in the transaction of ctx, those of the given subscriber certificates that are not revoked yet,
// with an audit event each; operation is named in it. It returns those it revoked and the CAs they are of. No CRL is
// asked for: the caller does, once, when all is done.
func (s *Service) RevokeMany(
	ctx context.Context, partitionID, operation string, list []Revocation,
) (revoked map[string]bool, cas []string, err error) {
	if err := s.Guard.Require(ctx, rbac.CertificateChangeStatus, partitionID); err != nil {
		return nil, nil, err
	}
	return s.revokeMany(ctx, partitionID, operation, list)
}

func (s *Service) revokeMany(
	ctx context.Context, partitionID, operation string, list []Revocation,
) (revoked map[string]bool, cas []string, err error) {
	wanted := map[string]Revocation{}
	for _, r := range list {
		wanted[r.CertificateID] = r
	}
	ids := slices.Sorted(maps.Keys(wanted))
	scope := func() *gorm.DB {
		return s.Store.DB(ctx).Model(&Certificate{}).Where("id IN ? AND partition_id = ? AND kind = ?", ids, partitionID, Subscriber)
	}
	if err := scope().Distinct("ca_id").Order("ca_id").Pluck("ca_id", &cas).Error; err != nil {
		return nil, nil, err
	}
	// CA, certificate, partition, audit chain, as everywhere.
	for _, id := range cas {
		if err := s.CAs.BumpStatus(ctx, id); err != nil {
			return nil, nil, err
		}
	}
	var rows []*Certificate
	if err := s.Store.ForUpdate(scope().Where("status <> ?", Revoked).Omit("der").Order("id")).Find(&rows).Error; err != nil {
		return nil, nil, err
	}
	type same struct {
		reason     Reason
		invalidity time.Time
		comment    string
	}
	now, counted, groups := s.Now(), int64(0), map[same][]string{}
	revoked = map[string]bool{}
	for _, c := range rows {
		r := wanted[c.ID]
		key := same{reason: r.Reason, comment: r.Comment}
		if r.InvalidityDate != nil && r.InvalidityDate.Before(c.NotBefore) {
			r.InvalidityDate = nil // one date for many: this one did not exist yet
		}
		if r.InvalidityDate != nil {
			key.invalidity = *r.InvalidityDate
		}
		groups[key] = append(groups[key], c.ID)
		revoked[c.ID] = true
		if c.Counted {
			counted++
		}
		if c.SuspendedUntil != nil {
			if err := s.Jobs.Cancel(ctx, ReleaseJob, c.ID); err != nil {
				return nil, nil, err
			}
		}
		event := audit.Event{PartitionID: partitionID, Action: "certificate.revoke", ObjectKind: "certificate", ObjectID: c.ID,
			ObjectName: c.SerialNumber, CAID: c.CAID,
			Summary: "revoked certificate " + c.SerialNumber + " of " + c.Subject,
			Details: audit.Details{
				"before": c.Status, "after": Revoked, "reason": ReasonNames[r.Reason], "invalidityDate": r.InvalidityDate,
				"bulkOperation": operation}}
		c.say(r.Comment, &event)
		s.Audit.Record(ctx, event)
	}
	for key, ids := range groups {
		change := map[string]any{"status": Revoked, "revoked_at": now, "revocation_reason": key.reason, "status_comment": key.comment,
			"invalidity_date": nil, "suspended_until": nil, "counted": false, "status_version": changed()}
		if !key.invalidity.IsZero() {
			change["invalidity_date"] = key.invalidity
		}
		if err := s.Store.DB(ctx).Model(&Certificate{}).Where("id IN ?", ids).Updates(change).Error; err != nil {
			return nil, nil, err
		}
	}
	if counted > 0 {
		err = s.Quota.ReleaseCertificates(ctx, partitionID, counted)
	}
	return revoked, cas, err
}
