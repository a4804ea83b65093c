// Package status tells relying parties whether a certificate still holds: certificate revocation lists (RFC 5280
// section 5) and OCSP answers (RFC 6960).
package status

import (
	"context"
	"database/sql"
	"encoding/hex"
	"iter"
	"math/big"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/text"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// CRLValidity is how long a relying party may use a CRL.
const CRLValidity = 7 * 24 * time.Hour

// keptCRLs is how many of a CA's CRLs stay in the database.
const keptCRLs = 5

// CRL is a published list.
type CRL struct {
	CAID       string `gorm:"column:ca_id;primaryKey"`
	Number     int64  `gorm:"primaryKey;autoIncrement:false"`
	Entries    int64
	ThisUpdate time.Time
	NextUpdate time.Time
	Bytes      int64 // length of DER
	// KeyGeneration is the CA's key that signed it. Each key that the CA has had signs a list of all that the CA revoked:
	// by RFC 5280 6.3.3 a verifier may take any of them, whichever key signed the certificate.
	KeyGeneration int64
	DER           []byte `gorm:"column:der"`
}

func (CRL) TableName() string { return "crls" }

// Service publishes CRLs and answers OCSP requests.
type Service struct {
	Store       *store.Store
	Guard       *rbac.Guard
	Audit       *audit.Log
	Jobs        *job.Queue
	Keys        keystore.Set
	CAs         *ca.Service
	Now         func() time.Time
	ClockSkew   time.Duration
	CRLInterval time.Duration // time between two CRLs when nothing is revoked

	responders responders
}

// PublishNow publishes a CRL out of turn, for those who run the CA.
func (s *Service) PublishNow(ctx context.Context, caID string) (*ca.CertificationAuthority, error) {
	c, err := s.CAs.Get(ctx, caID)
	if err != nil {
		return nil, err
	}
	if err := s.Guard.Require(ctx, rbac.CAPublishCRL, c.PartitionID); err != nil {
		return nil, err
	}
	if !c.CRLEnabled || c.Certificate == nil {
		return nil, fault.New(fault.Conflict, "%s has no CRL", c.Identifier).At("caId")
	}
	if err := s.Publish(ctx, caID); err != nil {
		return nil, err
	}
	return s.CAs.Get(ctx, caID)
}

// Publish makes the next CRL of a CA, and sees to it that another one follows in time.
func (s *Service) Publish(ctx context.Context, caID string) error {
	return s.publish(ctx, caID, func(ctx context.Context, next time.Time) error {
		return s.Jobs.Enqueue(ctx, certificate.PublishCRLJob, caID, next, nil)
	})
}

// PublishJob is the job that publishes a CRL daily, and at once after a change of status.
func (s *Service) PublishJob(ctx context.Context, claim *job.Claim) error {
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", claim.Key).Error; err != nil {
		return err
	}
	if !c.CRLEnabled || c.Certificate == nil || c.PurgedAt != nil || c.StatusAt(s.Now()) == ca.Expired {
		return nil // nobody reads it any more
	}
	return s.publish(ctx, c.ID, func(ctx context.Context, next time.Time) error {
		claim.Again(next)
		return claim.Done(ctx)
	})
}

func (s *Service) publish(ctx context.Context, caID string, settle func(context.Context, time.Time) error) error {
	for attempt := 0; ; attempt++ {
		err := s.publishOnce(ctx, caID, settle)
		if err != errOvertaken || attempt == 5 {
			return err
		}
	}
}

var errOvertaken = fault.New(fault.Conflict, "another server published a CRL meanwhile").Do("Repeat the request.")

func keyUnavailable(c *ca.CertificationAuthority, err error) error {
	return fault.New(fault.Unavailable, "the key of %s cannot be used at the moment", c.Identifier).
		Do("Repeat the request later; what was signed before goes on being served.").Because(err)
}

func (s *Service) publishOnce(ctx context.Context, caID string, settle func(context.Context, time.Time) error) error {
	c := &ca.CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", caID).Error; err != nil {
		return err
	}
	keys, err := s.publishing(ctx, c)
	if err != nil {
		return err
	}
	now := s.Now()
	var lists []*CRL
	for n, seen := range keys {
		list, err := s.list(ctx, seen, c.CRLNumber+int64(n)+1, now.Truncate(time.Second))
		if err != nil {
			return err
		}
		lists = append(lists, list)
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		advanced := s.Store.DB(ctx).Model(&ca.CertificationAuthority{}).Where("id = ? AND crl_number = ? AND key_generation = ?", c.ID, c.CRLNumber, c.KeyGeneration).Update("crl_number", c.CRLNumber+int64(len(lists)))
		if advanced.Error != nil {
			return advanced.Error
		}
		if advanced.RowsAffected == 0 {
			return errOvertaken
		}
		for _, list := range lists {
			if err := s.Store.DB(ctx).Create(list).Error; err != nil {
				return err
			}
			if err := s.Store.DB(ctx).Delete(&CRL{}, "ca_id = ? AND key_generation = ? AND number <= ?", c.ID, list.KeyGeneration, list.Number-int64(keptCRLs*len(lists))).Error; err != nil {
				return err
			}
			s.Audit.Record(ctx, audit.Event{PartitionID: c.PartitionID, Action: "crl.publish", ObjectKind: "ca", ObjectID: c.ID, ObjectName: c.Identifier,
				Summary: "published a CRL of " + c.Identifier, Details: audit.Details{"number": list.Number, "keyGeneration": list.KeyGeneration, "entries": list.Entries, "nextUpdate": list.NextUpdate.Format(time.RFC3339)}})
		}
		return settle(ctx, s.Now().Add(s.CRLInterval))
	})
}

// publishing are the CA's keys that sign CRLs: that of the CA, last, so that its list has the highest number, and others
// while their certificates last.
func (s *Service) publishing(ctx context.Context, c *ca.CertificationAuthority) ([]*ca.CertificationAuthority, error) {
	views, err := s.CAs.Generations(ctx, c)
	if err != nil {
		return nil, err
	}
	var keys []*ca.CertificationAuthority
	for _, v := range views {
		if v.KeyGeneration != c.KeyGeneration && s.Now().Before(v.NotAfter) {
			keys = append(keys, v)
		}
	}
	return append(keys, c), nil
}

// list signs the CA's list with the key it is seen with.
func (s *Service) list(ctx context.Context, c *ca.CertificationAuthority, number int64, now time.Time) (*CRL, error) {
	key, err := s.Keys.Open(ctx, c.KeyStore, c.KeyID)
	if err != nil {
		return nil, keyUnavailable(c, err)
	}
	list := &CRL{CAID: c.ID, Number: number, KeyGeneration: c.KeyGeneration, ThisUpdate: now, NextUpdate: now.Add(CRLValidity)}
	list.DER, err = issuance.SignCRL(ctx, issuance.CRL{
		Issuer: c.SubjectDER, AuthorityKeyID: c.SubjectKeyID(key.PublicKey()), Number: big.NewInt(list.Number),
		// A verifier whose clock is behind must not find it to be from the future.
		ThisUpdate: now.Add(-s.ClockSkew), NextUpdate: list.NextUpdate,
		// Revoked certificates stay listed after they expire, from the CA's beginning on (X.509 ExpiredCertsOnCRL).
		ExpiredCertsOnCRL: s.beginning(ctx, c),
	}, s.revoked(ctx, c.ID, &list.Entries), key)
	if err != nil {
		return nil, keyUnavailable(c, err)
	}
	list.Bytes = int64(len(list.DER))
	return list, nil
}

// beginning is when the CA's first certificate began.
func (s *Service) beginning(ctx context.Context, c *ca.CertificationAuthority) time.Time {
	first := &ca.OwnCertificate{}
	if err := s.Store.DB(ctx).Order("not_before").Limit(1).Take(first, "ca_id = ? AND kind = ?", c.ID, ca.Own).Error; err == nil && first.NotBefore.Before(*c.NotBefore) {
		return first.NotBefore
	}
	return *c.NotBefore
}

// revoked yields what is revoked or on hold, in the order of the serial numbers, as the database gives it.
func (s *Service) revoked(ctx context.Context, caID string, count *int64) iter.Seq2[issuance.RevokedCertificate, error] {
	return func(yield func(issuance.RevokedCertificate, error) bool) {
		rows, err := s.Store.DB(ctx).Model(&certificate.Certificate{}).Select("serial_number, revoked_at, revocation_reason, invalidity_date").
			Where("ca_id = ? AND status <> ?", caID, certificate.Issued).Order("serial_number").Rows()
		if err != nil {
			yield(issuance.RevokedCertificate{}, err)
			return
		}
		defer rows.Close()
		*count = 0
		for rows.Next() {
			var serial string
			var at time.Time
			var reason int
			var invalidity sql.NullTime
			entry := issuance.RevokedCertificate{}
			err := rows.Scan(&serial, &at, &reason, &invalidity)
			if err == nil {
				entry.SerialNumber, err = hex.DecodeString(serial)
			}
			entry.RevokedAt, entry.Reason, entry.InvalidityDate = at.UTC(), reason, invalidity.Time.UTC()
			if !invalidity.Valid {
				entry.InvalidityDate = time.Time{}
			}
			*count++
			if !yield(entry, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(issuance.RevokedCertificate{}, err)
		}
	}
}

// Latest returns the newest CRL of each of the given CAs, without the list itself.
func (s *Service) Latest(ctx context.Context, caIDs []string) (map[string]*CRL, error) {
	var lists []*CRL
	err := s.Store.DB(ctx).Raw("SELECT l.ca_id, l.number, l.entries, l.bytes, l.this_update, l.next_update FROM crls l JOIN certification_authorities c ON c.id = l.ca_id AND c.crl_number = l.number WHERE l.ca_id IN ?", caIDs).Scan(&lists).Error
	latest := map[string]*CRL{}
	for _, l := range lists {
		latest[l.CAID] = l
	}
	return latest, err
}

// CRL returns the newest CRL of a CA to anyone.
func (s *Service) CRL(ctx context.Context, partitionID, identifier string) (*CRL, error) {
	c, err := s.CAs.Lookup(ctx, partitionID, identifier)
	if err != nil {
		return nil, err
	}
	var lists []*CRL
	if err := s.Store.DB(ctx).Where("ca_id = ? AND key_generation = ?", c.ID, c.KeyGeneration).Order("number DESC").Limit(1).Find(&lists).Error; err != nil {
		return nil, err
	}
	if len(lists) == 0 {
		return nil, fault.New(fault.NotFound, "%s has no CRL", text.Quote(identifier))
	}
	return lists[0], nil
}
