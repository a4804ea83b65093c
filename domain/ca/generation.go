package ca

import (
	"bytes"
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/rbac"
)

// generation is a key of a CA that is not the one it issues with: an earlier one, whose certificates are still out, or
// the next one, which is being made. A CA is seen with such a key as a view: a copy of its row in which the key and its
// certificate are those of the generation, so that CRL and OCSP go on for each key alike.
type generation struct {
	CAID             string     `gorm:"column:ca_id;primaryKey"`
	Number           int64      `gorm:"primaryKey;autoIncrement:false"`
	SupersededAt     *time.Time // nil while it is being made
	CreatedAt        time.Time
	KeyStore         string
	KeyID            string
	Certificate      []byte
	SerialNumber     string
	IssuerGeneration int64
	NotBefore        *time.Time
	NotAfter         time.Time
}

func (generation) TableName() string { return "ca_generations" }

func (g *generation) show(c *CertificationAuthority) *CertificationAuthority {
	v := *c
	v.KeyGeneration, v.KeyStore, v.KeyID, v.Certificate, v.SerialNumber, v.IssuerGeneration = g.Number, g.KeyStore, g.KeyID, g.Certificate,
		g.SerialNumber, g.IssuerGeneration
	v.NotBefore, v.NotAfter = g.NotBefore, g.NotAfter
	return &v
}

func (g *generation) take(v *CertificationAuthority) {
	g.CAID, g.Number, g.KeyStore, g.KeyID, g.Certificate, g.SerialNumber, g.IssuerGeneration = v.ID, v.KeyGeneration, v.KeyStore, v.KeyID,
		v.Certificate, v.SerialNumber, v.IssuerGeneration
	g.NotBefore, g.NotAfter = v.NotBefore, v.NotAfter
}

// separator stands in addresses between the identifier, in which it cannot be, and the generation of the key.
const separator = "~"

// PublicName is the CA in the addresses of its CRL, OCSP and certificate: those of the first key have no number.
func (c *CertificationAuthority) PublicName() string {
	if c.KeyGeneration <= 1 {
		return c.Identifier
	}
	return c.Identifier + separator + strconv.FormatInt(c.KeyGeneration, 10)
}

// KeyName is the CA's key among jobs: the CA's id, with a number unless it is its first key.
func (c *CertificationAuthority) KeyName() string {
	if c.KeyGeneration <= 1 {
		return c.ID
	}
	return c.ID + separator + strconv.FormatInt(c.KeyGeneration, 10)
}

// SplitKeyName undoes KeyName, and likewise the name in an address.
func SplitKeyName(name string) (string, int64) {
	name, number, numbered := strings.Cut(name, separator)
	if !numbered {
		return name, 1
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 2 || strconv.FormatInt(n, 10) != number {
		return name, 0 // there is none
	}
	return name, n
}

// SubjectKeyID is how certificates below name the CA's key: as its certificate does, which an external root may have
// given another identifier than we would.
func (c *CertificationAuthority) SubjectKeyID(spki []byte) []byte {
	if c.Certificate != nil {
		if d, err := issuance.Inspect(c.Certificate); err == nil {
			if id, err := hex.DecodeString(d.SubjectKeyID); err == nil && len(id) > 0 {
				return id
			}
		}
	}
	return extension.KeyIdentifier(spki)
}

// Lookup finds a CA by its name in public addresses, seen with the key that the address is for. It serves anyone.
func (s *Service) Lookup(ctx context.Context, partitionID, publicName string) (*CertificationAuthority, error) {
	identifier, number := SplitKeyName(publicName)
	c, err := s.find(ctx, s.Store.DB(ctx).Where("partition_id = ? AND identifier = ?", partitionID, identifier))
	if err != nil {
		return nil, err
	}
	return s.view(ctx, c, number)
}

// Generation is the CA seen with one of its keys, purged CAs included; a key that it never had is not found.
func (s *Service) Generation(ctx context.Context, id string, number int64) (*CertificationAuthority, error) {
	c := &CertificationAuthority{}
	if err := s.Store.DB(ctx).Take(c, "id = ?", id).Error; err != nil {
		return nil, err
	}
	return s.view(ctx, c, number)
}

func (s *Service) view(ctx context.Context, c *CertificationAuthority, number int64) (*CertificationAuthority, error) {
	if number == c.KeyGeneration {
		return c, nil
	}
	var found []generation
	if err := s.Store.DB(ctx).Find(&found, "ca_id = ? AND number = ?", c.ID, number).Error; err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, rbac.NotFound()
	}
	return found[0].show(c), nil
}

// Generations are the CA seen with each key that has a certificate, oldest first, the next one included.
func (s *Service) Generations(ctx context.Context, c *CertificationAuthority) ([]*CertificationAuthority, error) {
	var rows []generation
	if err := s.Store.DB(ctx).Order("number").Find(&rows, "ca_id = ?", c.ID).Error; err != nil {
		return nil, err
	}
	var views []*CertificationAuthority
	shown := false
	for _, g := range rows {
		if g.Number > c.KeyGeneration && !shown {
			views, shown = append(views, c), true
		}
		if g.Certificate != nil {
			views = append(views, g.show(c))
		}
	}
	if !shown {
		views = append(views, c)
	}
	return views, nil
}

// NextKey is the CA seen with the key that a renewal is making, nil while there is none.
func (s *Service) NextKey(ctx context.Context, c *CertificationAuthority) (*CertificationAuthority, error) {
	var found []generation
	if err := s.Store.DB(ctx).Find(&found, "ca_id = ? AND superseded_at IS NULL", c.ID).Error; err != nil || len(found) == 0 {
		return nil, err
	}
	return found[0].show(c), nil
}

// KeepsKey tells whether a key of a store is one of a CA's that it does not issue with.
func (s *Service) KeepsKey(ctx context.Context, store, keyID string) (bool, error) {
	var n int64
	err := s.Store.DB(ctx).Model(&generation{}).Where("key_store = ? AND key_id = ?", store, keyID).Count(&n).Error
	return n > 0, err
}

// AddKey notes, in the transaction of ctx, the key that a renewal has made.
func (s *Service) AddKey(ctx context.Context, c *CertificationAuthority, store, keyID string, notAfter time.Time) error {
	return s.Store.DB(ctx).Create(
		&generation{
			CAID: c.ID, Number: c.KeyGeneration + 1, CreatedAt: s.Now(), KeyStore: store, KeyID: keyID, NotAfter: notAfter,
			IssuerGeneration: 1,
		},
	).Error
}

// ChangeKey is Change for the CA seen with one of its keys. Of a key that it does not issue with, nothing that was
// signed depends on what is changed: Version stays.
func (s *Service) ChangeKey(
	ctx context.Context, id string, number int64, fn func(*CertificationAuthority) error,
) (*CertificationAuthority, error) {
	c := &CertificationAuthority{}
	if err := s.Store.ForUpdate(s.Store.DB(ctx)).Take(c, "id = ? AND purged_at IS NULL", id).Error; err != nil {
		return nil, err
	}
	if number == c.KeyGeneration {
		return s.Change(ctx, id, fn)
	}
	g := &generation{}
	if err := s.Store.DB(ctx).Take(g, "ca_id = ? AND number = ?", id, number).Error; err != nil {
		return nil, err
	}
	v := g.show(c)
	if err := fn(v); err != nil {
		return nil, err
	}
	g.take(v)
	if err := s.Store.DB(ctx).Select("*").Updates(g).Error; err != nil {
		return nil, err
	}
	if v.StatusVersion != c.StatusVersion {
		return v, s.BumpStatus(ctx, id)
	}
	return v, nil
}

// SwitchKey has the CA, locked by Change, issue with its next key from now on; the one it had goes on serving status.
func (s *Service) SwitchKey(ctx context.Context, c *CertificationAuthority) error {
	var next, previous generation
	if err := s.Store.DB(ctx).Take(&next, "ca_id = ? AND superseded_at IS NULL", c.ID).Error; err != nil {
		return err
	}
	now := s.Now()
	previous.take(c)
	previous.CreatedAt, previous.SupersededAt = now, &now
	if err := s.Store.DB(ctx).Delete(&next).Error; err != nil {
		return err
	}
	if err := s.Store.DB(ctx).Create(&previous).Error; err != nil {
		return err
	}
	*c = *next.show(c)
	return nil
}

// CertificateKind is what a certificate of a CA is to its keys.
type CertificateKind string

const (
	Own        CertificateKind = "OWN"
	OldWithNew CertificateKind = "OLD_WITH_NEW" // the key before, certified by this one (RFC 4210 4.4)
	NewWithOld CertificateKind = "NEW_WITH_OLD" // this key, certified by the one before
	// Cross: the key of an external root, certified by another root elsewhere.
	Cross CertificateKind = "CROSS"
	// Replaced: a certificate of the CA whose key has a newer one.
	Replaced CertificateKind = "REPLACED"
)

// OwnCertificate is a certificate that a CA has or had.
type OwnCertificate struct {
	CAID             string          `gorm:"column:ca_id;primaryKey"`
	SerialNumber     string          `gorm:"primaryKey"`
	Kind             CertificateKind `gorm:"primaryKey"`
	KeyGeneration    int64           // of the key certified
	IssuerGeneration int64
	NotBefore        time.Time
	NotAfter         time.Time
	DER              []byte `gorm:"column:der"`
	CreatedAt        time.Time
}

func (OwnCertificate) TableName() string { return "ca_certificates" }

// AddCertificate notes, in the transaction of ctx, a certificate that the CA has from now on.
func (s *Service) AddCertificate(
	ctx context.Context, c *CertificationAuthority, kind CertificateKind, der []byte, keyGeneration, issuerGeneration int64,
) error {
	d, err := issuance.Inspect(der)
	if err != nil {
		return err
	}
	return s.Store.DB(ctx).Create(
		&OwnCertificate{
			CAID: c.ID, SerialNumber: d.SerialNumber, Kind: kind, KeyGeneration: keyGeneration, IssuerGeneration: issuerGeneration,
			NotBefore: d.NotBefore, NotAfter: d.NotAfter, DER: der, CreatedAt: s.Now()}).Error
}

// HasCertificate tells whether the CA has a certificate of the kind for one of its keys.
func (s *Service) HasCertificate(ctx context.Context, id string, kind CertificateKind, keyGeneration int64) (bool, error) {
	var n int64
	err := s.Store.DB(ctx).Model(&OwnCertificate{}).Where(
		"ca_id = ? AND kind = ? AND key_generation = ?", id, kind, keyGeneration,
	).Count(&n).Error
	return n > 0, err
}

// Certificates are all that the CA has had, newest first; of each key the newest is OWN, those before it REPLACED.
func (s *Service) Certificates(ctx context.Context, c *CertificationAuthority) ([]*OwnCertificate, error) {
	if err := s.Guard.Require(ctx, rbac.CADownload, c.PartitionID); err != nil {
		return nil, err
	}
	var list []*OwnCertificate
	if err := s.Store.DB(ctx).Where("ca_id = ?", c.ID).Order(
		"created_at DESC, key_generation DESC, kind DESC",
	).Find(&list).Error; err != nil {
		return nil, err
	}
	views, err := s.Generations(ctx, c)
	if err != nil {
		return nil, err
	}
	present := map[int64][]byte{}
	for _, v := range views {
		present[v.KeyGeneration] = v.Certificate
	}
	for _, own := range list {
		if own.Kind == Own && !bytes.Equal(own.DER, present[own.KeyGeneration]) {
			own.Kind = Replaced
		}
	}
	return list, nil
}
