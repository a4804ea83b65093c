package enrollment

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// commit records a group of signed certificates in one transaction. The answer to each is nil or why it was not
// recorded; an error of the whole leaves nothing behind.
func (s *Service) commit(ctx context.Context, items []*item) ([]error, error) {
	var refusals []error
	err := s.Store.Tx(ctx, func(ctx context.Context) (err error) {
		refusals, err = s.record(ctx, items)
		return err
	})
	return refusals, err
}

// record does it in the transaction of ctx. Rows are locked in the order protocol configuration, CA, end entity, partition, audit chain.
func (s *Service) record(ctx context.Context, items []*item) ([]error, error) {
	refusals := make([]error, len(items))
	if err := s.checkOfferings(ctx, items, refusals); err != nil {
		return nil, err
	}
	if err := s.checkVersions(ctx, items, refusals); err != nil {
		return nil, err
	}
	carriedOut := map[string]bool{} // in this group: the same approval may have been begun twice
	for n, it := range items {
		if it.approved == nil || refusals[n] != nil {
			continue
		}
		err := s.Approvals.Open(ctx, it.approved)
		if err == nil && carriedOut[it.approved.ID] {
			err = approval.ErrSettled
		}
		carriedOut[it.approved.ID] = true
		if fault.Is(err, fault.Conflict) {
			refusals[n] = err
		} else if err != nil {
			return nil, err
		}
	}
	if err := s.takeQuota(ctx, items, refusals); err != nil {
		return nil, err
	}
	for n, it := range items {
		if refusals[n] != nil || it.recorded == nil {
			continue
		}
		err := it.recorded(ctx, it.certificate)
		if err == nil {
			continue
		}
		if !fault.Is(err, fault.Conflict) {
			return nil, err
		}
		refusals[n] = err
		if it.certificate.Counted {
			if err := s.Quota.ReleaseCertificates(ctx, it.certificate.PartitionID, 1); err != nil {
				return nil, err
			}
		}
	}
	var rows []*certificate.Certificate
	for n, it := range items {
		if refusals[n] != nil {
			continue
		}
		s.Audit.RecordAs(ctx, it.actor, it.event)
		if it.approved != nil {
			if err := s.Approvals.SettleFor(rbac.WithActor(ctx, it.actor), it.approved, it.certificate.ID); err != nil {
				return nil, err
			}
		}
		rows = append(rows, it.certificate)
	}
	if len(rows) == 0 {
		return refusals, nil
	}
	return refusals, certificate.Create(ctx, s.Store, rows)
}

// checkOfferings refuses what was signed by an offering that has been removed or changed since its client was let in, here or by
// another server, or whose configuration no longer serves.
func (s *Service) checkOfferings(ctx context.Context, items []*item, refusals []error) error {
	var ids []string
	for _, it := range items {
		if it.certificate != nil && it.certificate.OfferingID != nil {
			ids = append(ids, *it.certificate.OfferingID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := protocolconfig.Serving(ctx, s.Store, ids)
	if err != nil {
		return err
	}
	stands := map[[3]string]bool{}
	for _, r := range rows {
		stands[[3]string{r.ID, r.CAID, r.ProfileID}] = true
	}
	for n, it := range items {
		if c := it.certificate; refusals[n] == nil && c != nil && c.OfferingID != nil && !stands[[3]string{
			*c.OfferingID, c.CAID, c.ProfileID,
		}] {
			refusals[n] = fault.New(fault.PolicyRefused, "The enrollment protocol no longer offers this certificate.").At("profileId").
				Do("Ask its operator.")
		}
	}
	return nil
}

// checkVersions refuses what was signed on the strength of a CA or a profile that has changed since. The rows stay locked, so that
// a CA deleted or revoked before the commit has nothing recorded after it.
func (s *Service) checkVersions(ctx context.Context, items []*item, refusals []error) error {
	ids, uids := map[string]bool{}, map[string]bool{}
	for _, it := range items {
		for id := range it.versions {
			ids[id] = true
		}
		for uid := range it.profiles {
			uids[uid] = true
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var rows []ca.CertificationAuthority
	query := s.Store.DB(ctx)
	if store.InTx(ctx) {
		query = s.Store.ForShare(query)
	}
	if err := query.Select("id", "version").Where("id IN ?", slices.Sorted(maps.Keys(ids))).Order("id").Find(&rows).Error; err != nil {
		return err
	}
	current := map[string]int64{}
	for _, r := range rows {
		current[r.ID] = r.Version
	}
	versions, err := s.Profiles.Current(ctx, slices.Sorted(maps.Keys(uids)))
	if err != nil {
		return err
	}
	for n, it := range items {
		if !same(it.versions, current) || !same(it.profiles, versions) {
			refusals[n] = ErrStale
		}
	}
	return nil
}

func same(then, now map[string]int64) bool {
	for id, version := range then {
		if v, ok := now[id]; !ok || v != version {
			return false
		}
	}
	return true
}

// takeQuota counts the certificates against what was purchased, and enlists the end entities they are for. Where not
// all fit, the first ones do.
func (s *Service) takeQuota(ctx context.Context, items []*item, refusals []error) error {
	byPartition := map[string][]int{}
	for n, it := range items {
		if refusals[n] == nil && it.certificate.Counted {
			byPartition[it.certificate.PartitionID] = append(byPartition[it.certificate.PartitionID], n)
		}
	}
	for _, partitionID := range slices.Sorted(maps.Keys(byPartition)) {
		wanted := byPartition[partitionID]
		// End entities first: one that is refused takes nothing from the purchased number.
		wanted, err := s.enlist(ctx, items, wanted, refusals)
		if err != nil {
			return err
		}
		if len(wanted) == 0 {
			continue
		}
		err = s.Quota.TakeCertificates(ctx, partitionID, int64(len(wanted)))
		if !fault.Is(err, fault.QuotaExceeded) {
			if err != nil {
				return err
			}
			continue
		}
		for _, n := range wanted {
			if err := s.Quota.TakeCertificates(ctx, partitionID, 1); fault.Is(err, fault.QuotaExceeded) {
				refusals[n] = err
			} else if err != nil {
				return err
			}
		}
	}
	return nil
}

// enlist finds the end entities of those wanted, which are of one partition, and leaves out whom nothing is issued to.
func (s *Service) enlist(ctx context.Context, items []*item, wanted []int, refusals []error) ([]int, error) {
	var identifiers []string
	for _, n := range wanted {
		if name := items[n].endEntity; name != "" {
			identifiers = append(identifiers, name)
		}
	}
	if len(identifiers) == 0 {
		return wanted, nil
	}
	found, err := s.EndEntities.FindOrCreate(ctx, items[wanted[0]].certificate.PartitionID, identifiers)
	if err != nil {
		return nil, err
	}
	var left []int
	links := map[[2]string]bool{}
	for _, n := range wanted {
		it := items[n]
		if it.endEntity != "" {
			e := found[it.endEntity]
			err := s.EndEntities.RequireOwn(rbac.WithActor(ctx, it.actor), e)
			if err == nil {
				err = e.Usable()
			}
			if f := (*fault.Error)(nil); errors.As(err, &f) {
				refusals[n] = err
				continue
			} else if err != nil {
				return nil, err
			}
			it.certificate.EndEntityID = &e.ID
			if configuration := it.certificate.ConfigurationID; configuration != nil {
				links[[2]string{e.ID, *configuration}] = true
			}
		}
		left = append(left, n)
	}
	return left, s.EndEntities.Link(ctx, links)
}
