package certificate

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// DescribeJob fills the columns that reports count by in rows that came without them; key: "all".
const DescribeJob = "certificate.describe"

const describedAtOnce = 500

// Describe is that job. Rows of an older release, and imported ones, come without what is read here.
func (s *Service) Describe(ctx context.Context, claim *job.Claim) error {
	var rows []*Certificate
	if err := s.Store.DB(ctx).Select("id", "der").Where("key_type = ''").Order("id").Limit(describedAtOnce).Find(&rows).Error; err != nil {
		return err
	}
	next := s.Now().Add(time.Minute)
	if len(rows) == describedAtOnce {
		next = s.Now()
	}
	return s.Store.Tx(ctx, func(ctx context.Context) error {
		for _, c := range rows {
			c.KeyType, c.SignatureAlgorithm = "unknown", "unknown"
			if d, err := issuance.Inspect(c.DER); err == nil {
				hash := sha256.Sum256(d.PublicKey)
				c.PublicKeySHA256, c.SignatureAlgorithm = hex.EncodeToString(hash[:]), d.SignatureAlgorithm
				if d.PublicKeyType != "" {
					c.KeyType = d.PublicKeyType
				}
			}
			if err := s.Store.DB(ctx).Model(c).Select("public_key_sha256", "key_type", "signature_algorithm").Updates(c).Error; err != nil {
				return err
			}
		}
		claim.Again(next)
		return claim.Done(ctx)
	})
}
