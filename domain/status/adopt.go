package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// adoptedRevocation is one that a CRL tells, of a certificate that the database does not know: it was issued after the
// backup from which the database was restored.
type adoptedRevocation struct {
	CAID             string `gorm:"column:ca_id;primaryKey"`
	SerialNumber     string `gorm:"primaryKey"`
	RevokedAt        time.Time
	RevocationReason int64
	InvalidityDate   *time.Time
	CRLShard         int64 `gorm:"column:crl_shard"`
	StatusVersion    int64
}

func (adoptedRevocation) TableName() string { return "adopted_revocations" }

type adoptedEntry struct {
	shard int64
	entry issuance.RevokedCertificate
}

// adopted reads such revocations, in the order of their serial numbers.
func (s *Service) adopted(ctx context.Context, where string, args ...any) ([]adoptedEntry, error) {
	var rows []adoptedRevocation
	if err := s.Store.DB(ctx).Where(where, args...).Order("serial_number").Find(&rows).Error; err != nil {
		return nil, err
	}
	entries := make([]adoptedEntry, len(rows))
	for n, r := range rows {
		serial, err := hex.DecodeString(r.SerialNumber)
		if err != nil {
			return nil, err
		}
		entries[n] = adoptedEntry{
			r.CRLShard, issuance.RevokedCertificate{SerialNumber: serial, RevokedAt: r.RevokedAt.UTC(), Reason: int(r.RevocationReason)},
		}
		if r.InvalidityDate != nil {
			entries[n].entry.InvalidityDate = r.InvalidityDate.UTC()
		}
	}
	return entries, nil
}

// Ahead is a CRL that lies outside and that the database does not know: it was restored from a backup, or somebody has
// changed it.
type Ahead struct {
	CA      *ca.CertificationAuthority
	Source  string // where it lies
	Number  int64
	Known   int64 // number of the newest list of its kind in the database; 0: there is none
	Behind  []certificate.Adopted
	Missing []certificate.Adopted // of certificates that the database does not know

	view *ca.CertificationAuthority // the CA seen with the key that signed it
	slot slot
	der  []byte
	read *issuance.CheckedCRL
}

// Name is what people know it by.
func (a *Ahead) Name() string { return fmt.Sprintf("CRL %d of %s", a.Number, a.CA.Identifier) }

// File is a CRL that somebody gives.
type File struct {
	Name string
	DER  []byte
}

// Compare reads the lists at all destinations, and those that are given, and returns those that are ahead of the
// database. Only a list that a CA of the database has signed counts. What cannot be read is an error beside them.
func (s *Service) Compare(ctx context.Context, files ...File) (ahead []*Ahead, err error) {
	var cas []*ca.CertificationAuthority
	if err := s.Store.DB(ctx).Where(
		"crl_enabled AND purged_at IS NULL AND certificate IS NOT NULL",
	).Order("id").Find(&cas).Error; err != nil {
		return nil, err
	}
	var failures []error
	away := map[Destination]bool{}
	for _, c := range cas {
		views, err := s.signers(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			// Signatures are verified once for each list; a directory and a bucket usually hold the same.
			seen := map[[sha256.Size]byte]bool{}
			look := func(at slot, given bool, source string, der []byte) error {
				hash := sha256.Sum256(der)
				if seen[hash] {
					return nil
				}
				seen[hash] = true
				a, err := s.ahead(ctx, v, at, given, source, der)
				if a != nil {
					a.CA = c
					ahead = append(ahead, a)
				}
				return err
			}
			for _, f := range files {
				if err := look(slot{generation: v.KeyGeneration}, true, f.Name, f.DER); err != nil {
					return nil, err
				}
			}
			for shard := int64(0); shard <= c.CRLShardLast; shard++ {
				for _, delta := range []bool{false, true} {
					name := c.PartitionID + "/" + v.PublicName() + "/" + ca.CRLFile(shard, delta)
					for _, d := range s.Destinations {
						if away[d] {
							continue
						}
						der, err := s.Fetch(ctx, d, name)
						if err != nil {
							away[d] = true // the others are not to wait for it
							failures = append(failures, fmt.Errorf("reading %s: %w", name, err))
							continue
						}
						if der == nil {
							continue
						}
						if err := look(slot{v.KeyGeneration, shard, delta}, false, name, der); err != nil {
							return nil, err
						}
					}
				}
			}
		}
	}
	return ahead, errors.Join(failures...)
}

// fetchPatience is how long a destination may take for a list.
const fetchPatience = 8 * time.Second

// Fetch reads a list at a destination; nil when there is none.
func (s *Service) Fetch(ctx context.Context, d Destination, name string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	f, err := d.Get(ctx, name)
	if f == nil || err != nil {
		return nil, err
	}
	// What is larger was not published by us.
	der, err := io.ReadAll(io.LimitReader(f, 4*s.limit()))
	return der, errors.Join(err, f.Close())
}

// ahead compares one list with the database; nil when the database knows it.
func (s *Service) ahead(ctx context.Context, v *ca.CertificationAuthority, at slot, given bool, source string, der []byte) (*Ahead, error) {
	d, err := issuance.Inspect(v.Certificate)
	if err != nil {
		return nil, err
	}
	read, err := issuance.CheckCRL(der, d.PublicKey)
	if err != nil || read.Number == nil || !read.Number.IsInt64() {
		if !given {
			s.logger().Warn("a CRL outside is not one of its CA", "where", source, "error", err)
		}
		return nil, nil
	}
	shard, known := int64(0), true
	if read.DistributionPoint != "" {
		shard, known = ca.ShardOf(read.DistributionPoint, v.CRLShardLast)
	}
	switch {
	case given && !known:
		return nil, fault.New(fault.Invalid, "%s lists only what has the distribution point %s, which is none of %s", source,
			read.DistributionPoint, v.Identifier).At("crl").Do("Give the CRLs that this CA has published.")
	case given:
		at.shard, at.delta = shard, read.DeltaBase != nil
	case shard != at.shard || at.delta != (read.DeltaBase != nil):
		s.logger().Warn("a CRL outside is another one than its name says", "where", source, "distributionPoint", read.DistributionPoint)
		return nil, nil
	}
	// Read after the list outside: one that another server publishes meanwhile is in the database first.
	newest, err := s.newest(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	a := &Ahead{view: v, Source: source, Number: read.Number.Int64(), slot: at, der: der, read: read}
	if last := newest[at]; last != nil {
		a.Known = last.Number
		if hash := sha256.Sum256(der); bytes.Equal(last.SHA256, hash[:]) || !given && a.Number < a.Known {
			return nil, nil
		}
	}
	var chunk []certificate.Adopted
	compare := func() error {
		behind, missing, err := s.Certificates.Behind(ctx, v.ID, chunk)
		if err != nil {
			return err
		}
		if missing, err = s.unknown(ctx, v.ID, missing); err != nil {
			return err
		}
		a.Behind, a.Missing, chunk = append(a.Behind, behind...), append(a.Missing, missing...), nil
		return nil
	}
	for e, err := range issuance.CRLEntries(bytes.NewReader(der)) {
		if err != nil {
			return nil, err
		}
		if e.Reason() == issuance.RemoveFromCRL {
			continue
		}
		one := certificate.Adopted{
			SerialNumber: hex.EncodeToString(e.SerialNumber), RevokedAt: e.RevokedAt(), Reason: certificate.Reason(e.Reason()),
		}
		if at := e.InvalidityDate(); !at.IsZero() {
			one.InvalidityDate = &at
		}
		if chunk = append(chunk, one); len(chunk) == 500 {
			if err := compare(); err != nil {
				return nil, err
			}
		}
	}
	if err := compare(); err != nil {
		return nil, err
	}
	if a.Number <= a.Known && len(a.Behind) == 0 && len(a.Missing) == 0 && (given || a.Number < a.Known) {
		return nil, nil // an old one, of which everything is known
	}
	return a, nil
}

// unknown leaves out what was taken over before.
func (s *Service) unknown(ctx context.Context, caID string, list []certificate.Adopted) (rest []certificate.Adopted, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	serials := make([]string, len(list))
	for n, a := range list {
		serials[n] = a.SerialNumber
	}
	var rows []adoptedRevocation
	if err := s.Store.DB(ctx).Where("ca_id = ? AND serial_number IN ?", caID, serials).Find(&rows).Error; err != nil {
		return nil, err
	}
	known := map[string]int64{}
	for _, r := range rows {
		known[r.SerialNumber] = r.RevocationReason
	}
	for _, a := range list {
		if reason, ok := known[a.SerialNumber]; !ok || reason == int64(certificate.CertificateHold) &&
			a.Reason != certificate.CertificateHold {
			rest = append(rest, a)
		}
	}
	return rest, nil
}

// Adopt takes over what a CRL outside says: its revocations, its number, and the list itself, which the next one is
// compared with. The CA has signed it, so it is true whatever the database says. A new one follows at once.
func (s *Service) Adopt(ctx context.Context, a *Ahead) error {
	list := &CRL{
		ID: uuid.Must(uuid.NewV7()).String(), CAID: a.CA.ID, KeyGeneration: a.slot.generation, Shard: a.slot.shard, Number: a.Number,
		Entries: int64(a.read.Entries), Bytes: int64(len(a.der)),
		ThisUpdate: a.read.ThisUpdate, NextUpdate: a.read.NextUpdate, MadeAt: s.Now(), StatusVersion: -1,
		Scope: a.read.DistributionPoint}
	if a.read.DeltaBase != nil {
		list.BaseNumber = a.read.DeltaBase.Int64()
	}
	hash := sha256.Sum256(a.der)
	list.SHA256 = hash[:]
	serve := a.Number > a.Known
	if serve {
		if err := s.lay(ctx, list.ID, a.der); err != nil {
			return err
		}
	}
	source := a.Name() + ", found at " + a.Source
	// In pieces, so that other writers get their turn; interrupted, it is done again: what is known is passed over.
	const piece = 200
	for behind, missing := a.Behind, a.Missing; ; {
		some, others := behind[:min(piece, len(behind))], missing[:min(piece, len(missing))]
		behind, missing = behind[len(some):], missing[len(others):]
		last := len(behind) == 0 && len(missing) == 0
		if err := s.Store.Tx(ctx, func(ctx context.Context) error {
			if err := s.CAs.BumpStatus(ctx, a.CA.ID); err != nil {
				return err
			}
			var version int64
			if err := s.Store.DB(ctx).Model(&ca.CertificationAuthority{}).Where("id = ?", a.CA.ID).Pluck("status_version",
				&version).Error; err != nil {
				return err
			}
			if err := s.Certificates.Adopt(ctx, a.CA.ID, source, some); err != nil {
				return err
			}
			for _, r := range others {
				if err := s.Store.DB(ctx).Save(
					&adoptedRevocation{a.CA.ID, r.SerialNumber, r.RevokedAt, int64(r.Reason), r.InvalidityDate, a.slot.shard, version},
				).Error; err != nil {
					return err
				}
				s.Audit.Record(
					ctx,
					audit.Event{
						PartitionID: a.CA.PartitionID, Action: "certificate.adopt", ObjectKind: "certificate", ObjectName: r.SerialNumber,
						Summary: "Took over from " + source + " that certificate " + r.SerialNumber +
							", which the database does not know, is revoked.",
						Details: audit.Details{
							"after": string(certificate.Revoked), "reason": certificate.ReasonNames[r.Reason],
							"revokedAt": r.RevokedAt.UTC().Format(time.RFC3339), "source": source,
						}})
			}
			if !last {
				return nil
			}
			return s.adoptList(ctx, a, list, serve)
		}); err != nil {
			return err
		}
		if last {
			return nil
		}
	}
}

func (s *Service) adoptList(ctx context.Context, a *Ahead, list *CRL, serve bool) error {
	var there int64 // another server has taken it over too; BumpStatus keeps the CA locked
	if err := s.Store.DB(ctx).Model(&CRL{}).Where(
		"ca_id = ? AND key_generation = ? AND shard = ? AND number = ? AND (base_number > 0) = ?", list.CAID, list.KeyGeneration,
		list.Shard, list.Number, list.Delta(),
	).Count(&there).Error; err != nil {
		return err
	}
	if serve && there == 0 {
		if err := s.Store.DB(ctx).Create(list).Error; err != nil {
			return err
		}
	}
	if err := s.Store.DB(ctx).Model(&ca.CertificationAuthority{}).Where("id = ?", a.CA.ID).
		Updates(map[string]any{"crl_number": max(a.CA.CRLNumber, a.Number), "crl_stale": true}).Error; err != nil {
		return err
	}
	a.CA.CRLNumber = max(a.CA.CRLNumber, a.Number)
	s.logger().Error(
		"a CRL outside is ahead of the database: was it restored from a backup?", "ca", a.CA.Identifier, "partition", a.CA.PartitionID,
		"found", a.Source, "number", a.Number, "known", a.Known,
		"revocations", len(a.Behind)+len(a.Missing))
	s.Audit.Record(
		ctx,
		audit.Event{
			PartitionID: a.CA.PartitionID, Action: "crl.adopt", Result: audit.Failed, ObjectKind: "ca", ObjectID: a.CA.ID,
			ObjectName: a.CA.Identifier,
			Summary: fmt.Sprintf(
				"%s, found at %s, is ahead of the database, which knows CRL %d: its number and %d revocations were taken over.", a.Name(),
				a.Source, a.Known, len(a.Behind)+len(a.Missing),
			),
			Details: audit.Details{
				"number": a.Number, "known": a.Known, "revocations": len(a.Behind), "unknownCertificates": len(a.Missing),
				"source": a.Source, "sha256": hex.EncodeToString(list.SHA256),
			}})
	return s.Jobs.Enqueue(ctx, publishJob, a.CA.ID, s.Now(), nil)
}
