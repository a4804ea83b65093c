package credential

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/fault"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/extension"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/pki/name"
	"github.com/pkiaas/pkiaas/pki/pkcs12"
)

const (
	keyAlgorithm     = "ECDSAP256+SHA256" // of authorities and credentials
	authorityYears   = 10
	authorityAtLeast = 2 // years of validity left that an authority needs to issue
	credentialYears  = 1
)

// authority is a CA that certifies only credentials. It is replaced before it expires; each generation has a number.
type authority struct {
	ID          string `gorm:"primaryKey"`
	Generation  int64
	Certificate []byte // DER
	NotAfter    time.Time
	KeyStore    string
	KeyID       string
	CreatedAt   time.Time
}

func (authority) TableName() string { return "credential_authorities" }

// issuer returns the current authority. It creates one if there is none, or if the last one expires soon.
func (s *Service) issuer(ctx context.Context) (*authority, error) {
	newest, err := s.newest(ctx)
	if err != nil || newest.NotAfter.After(s.Now().AddDate(authorityAtLeast, 0, 0)) {
		return newest, err
	}
	return s.establish(ctx, newest.Generation+1)
}

// newest returns the newest authority, or the zero value.
func (s *Service) newest(ctx context.Context) (*authority, error) {
	found := &authority{}
	return found, s.Store.DB(ctx).Order("generation DESC").Limit(1).Find(found).Error
}

// establish creates an authority of the given generation. If two servers do so at once, one wins and both use its
// authority.
func (s *Service) establish(ctx context.Context, generation int64) (*authority, error) {
	keys := s.Keys.Default()
	a, err := algorithm.ForLabel(keyAlgorithm)
	if err != nil {
		return nil, err
	}
	key, err := keys.Generate(ctx, a, keystore.Signing)
	if err != nil {
		return nil, noKeys(err)
	}
	subject, err := name.Parse("CN=CA Gateway credentials,O=pkiaas")
	if err != nil {
		return nil, err
	}
	now := s.Now().Truncate(time.Second)
	made := &authority{
		ID: uuid.Must(uuid.NewV7()).String(), Generation: generation, NotAfter: now.AddDate(authorityYears, 0, 0), KeyStore: keys.Name,
		KeyID: key.ID(), CreatedAt: s.Now(),
	}
	made.Certificate, err = sign(
		ctx, key, issuance.Certificate{SerialNumber: issuance.NewSerialNumber(s.Now()), Issuer: subject.DER(), Subject: subject.DER(),
			NotBefore: now.Add(-s.ClockSkew), NotAfter: made.NotAfter, PublicKey: key.PublicKey(), Extensions: []extension.Extension{
				extension.BasicConstraints(true, new(int)), extension.KeyUsage(
					extension.KeyCertSign, extension.CRLSign,
				), extension.SubjectKeyIdentifier(extension.KeyIdentifier(key.PublicKey()))}})
	won := false
	if err == nil {
		err = s.Store.Tx(ctx, func(ctx context.Context) error {
			created := s.Store.DB(ctx).Clauses(clause.OnConflict{DoNothing: true}).Create(made)
			if won = created.RowsAffected > 0; won {
				s.Audit.Record(
					ctx,
					audit.Event{
						Action: "cagw-authority.create", ObjectKind: "cagw-authority", ObjectID: made.ID, ObjectName: subject.CommonName(),
						Summary: "created the authority of CA Gateway credentials", Details: audit.Details{
							"generation": generation, "keyStore": made.KeyStore, "expiresAt": made.NotAfter,
						}})
			}
			return created.Error
		})
	}
	if err == nil && won {
		return made, nil
	}
	if ended := keys.Delete(context.WithoutCancel(ctx), key.ID()); ended != nil && err == nil {
		err = noKeys(ended)
	}
	if err != nil {
		return nil, err
	}
	return s.newest(ctx)
}

func noKeys(err error) error {
	return fault.New(fault.Unavailable, "The key store of the authority of CA Gateway credentials is currently unavailable.").Do(
		"Repeat the request after the operator has restored it.",
	).Because(err)
}

func sign(ctx context.Context, key keystore.Key, c issuance.Certificate) ([]byte, error) {
	prepared, err := issuance.Prepare(c, key.Algorithm())
	if err != nil {
		return nil, err
	}
	der, err := prepared.Sign(ctx, key)
	if err != nil {
		return nil, noKeys(err)
	}
	return der, nil
}

// certify creates a key and a certificate for the credential. It records and publishes nothing.
func (s *Service) certify(ctx context.Context, c *Credential) (*certificate, *Issued, error) {
	above, err := s.issuer(ctx)
	if err != nil {
		return nil, nil, err
	}
	issuer, err := x509.ParseCertificate(above.Certificate)
	if err != nil {
		return nil, nil, err
	}
	signer, err := s.Keys.Open(ctx, above.KeyStore, above.KeyID)
	if err != nil {
		return nil, nil, noKeys(err)
	}
	a, err := algorithm.ForLabel(keyAlgorithm)
	if err != nil {
		return nil, nil, err
	}
	key, err := a.Generate()
	if err != nil {
		return nil, nil, err
	}
	subject, err := name.Parse("CN=" + c.Identifier + ",O=" + c.PartitionID)
	if err != nil {
		return nil, nil, err
	}
	now := s.Now().Truncate(time.Second)
	serial := issuance.NewSerialNumber(s.Now())
	made := &certificate{
		CredentialID: c.ID, AuthorityID: above.ID, SerialNumber: hex.EncodeToString(serial), NotAfter: now.AddDate(credentialYears, 0, 0),
		CreatedAt: s.Now(),
	}
	der, err := sign(
		ctx, signer,
		issuance.Certificate{
			SerialNumber: serial, Issuer: issuer.RawSubject, Subject: subject.DER(), NotBefore: now.Add(-s.ClockSkew),
			NotAfter:  made.NotAfter,
			PublicKey: key.PublicKey(), Extensions: []extension.Extension{
				extension.BasicConstraints(false, nil), extension.KeyUsage(extension.DigitalSignature),
				extension.ExtendedKeyUsage(false, extension.ClientAuth),
				extension.AuthorityKeyIdentifier(issuer.SubjectKeyId), extension.SubjectKeyIdentifier(
					extension.KeyIdentifier(key.PublicKey()),
				)}})
	if err != nil {
		return nil, nil, err
	}
	fingerprint := sha256.Sum256(der)
	made.Fingerprint = fingerprint[:]
	pkcs8, err := key.MarshalPKCS8()
	if err != nil {
		return nil, nil, err
	}
	defer clear(pkcs8)
	issued := &Issued{Credential: c, Password: newPassword()}
	issued.PKCS12, err = pkcs12.File{PKCS8: pkcs8, Certificate: der, Chain: [][]byte{above.Certificate}, Password: issued.Password}.Encode()
	return made, issued, err
}
