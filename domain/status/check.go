package status

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// namedLost is how many lost entries an alarm counts and looks into before it has seen enough.
const namedLost = 1000

// check reads a list as a relying party would, and compares it with the one before. What it finds is a *held. A person
// may accept that entries are gone; a list that does not verify is never published.
func (s *Service) check(ctx context.Context, c *ca.CertificationAuthority, row *CRL, der []byte, before *CRL, accepted bool) error {
	d, err := issuance.Inspect(c.Certificate)
	if err != nil {
		return err
	}
	read, err := issuance.CheckCRL(der, d.PublicKey)
	switch {
	case err != nil:
		return &held{err.Error()}
	case read.Number == nil || read.Number.Int64() != row.Number || int64(read.Entries) != row.Entries ||
		(read.DeltaBase != nil) != (row.BaseNumber > 0):
		return &held{
			fmt.Sprintf("it reads as CRL %v with %d entries, and should be %d with %d", read.Number, read.Entries, row.Number, row.Entries),
		}
	case !read.ThisUpdate.Equal(row.ThisUpdate) || !read.NextUpdate.Equal(row.NextUpdate) || !s.Now().Before(read.NextUpdate):
		return &held{
			fmt.Sprintf(
				"it holds from %s to %s, and should from %s to %s", read.ThisUpdate, read.NextUpdate, row.ThisUpdate, row.NextUpdate,
			),
		}
	}
	// What a delta CRL to another base says is in that base.
	if accepted || before == nil || row.BaseNumber > 0 && row.BaseNumber != before.BaseNumber {
		return nil
	}
	hash := sha256.New()
	published := io.TeeReader(s.open(ctx, before), hash)
	missing := map[string]int{} // serial number → reason it was listed with
	// Both are in the same order, so that one walk beside each other tells what is gone. Should an order differ, that
	// accuses too many, and the second look below acquits them.
	next, stop := iter.Pull2(issuance.CRLEntries(bytes.NewReader(der)))
	defer stop()
	e, err, more := next()
	for old, oldErr := range issuance.CRLEntries(published) {
		if oldErr != nil {
			return &held{fmt.Sprintf("CRL %d, which it is compared with, cannot be read: %v", before.Number, oldErr)}
		}
		for more && err == nil && bytes.Compare(e.SerialNumber, old.SerialNumber) < 0 {
			e, err, more = next()
		}
		if err != nil {
			return err
		}
		if !more || !bytes.Equal(e.SerialNumber, old.SerialNumber) {
			missing[string(old.SerialNumber)] = old.Reason()
		}
	}
	if len(missing) > 0 {
		for e, err := range issuance.CRLEntries(bytes.NewReader(der)) {
			if err != nil {
				return err
			}
			delete(missing, string(e.SerialNumber))
		}
	}
	if _, err := io.Copy(io.Discard, published); err != nil {
		return err
	}
	if len(before.SHA256) > 0 && !bytes.Equal(hash.Sum(nil), before.SHA256) {
		return &held{fmt.Sprintf("CRL %d, which it is compared with, is not as it was published", before.Number)}
	}
	lost, err := s.lost(ctx, c, row, before, missing)
	if err != nil || len(lost) == 0 {
		return err
	}
	count := fmt.Sprint(len(lost))
	if len(lost) >= namedLost {
		count = "at least " + count
	}
	return &held{
		fmt.Sprintf(
			"%s of the certificates on CRL %d are missing though nobody released them: %s", count, before.Number,
			strings.Join(lost[:min(3, len(lost))], ", "),
		),
	}
}

// lost picks out of what is missing from a list what should be on it. Gone rightly are certificates whose suspension
// was ended, by the word of the audit log, and those that have a shard of their own once the list names only its own.
func (s *Service) lost(ctx context.Context, c *ca.CertificationAuthority, row, before *CRL, missing map[string]int) ([]string, error) {
	serials := make([]string, 0, len(missing))
	for serial := range missing {
		serials = append(serials, hex.EncodeToString([]byte(serial)))
	}
	slices.Sort(serials)
	var lost []string
	for chunk := range slices.Chunk(serials, 500) {
		var rows []*certificate.Certificate
		if err := s.Store.DB(ctx).Select("id", "serial_number", "status", "crl_shard").Where(
			"ca_id = ? AND serial_number IN ?", c.ID, chunk,
		).Find(&rows).Error; err != nil {
			return nil, err
		}
		ids := make([]string, len(rows))
		found := map[string]*certificate.Certificate{}
		for n, r := range rows {
			ids[n], found[r.SerialNumber] = r.ID, r
		}
		// What was done last to each, by the order of the log and not by times.
		var events []*audit.Event
		if err := s.Store.DB(ctx).Select("object_id", "action").Where(
			"object_id IN ? AND action IN ? AND result = ?", ids,
			[]string{"certificate.suspend", "certificate.unsuspend", "certificate.revoke"}, audit.Success,
		).
			Order("sequence").Find(&events).Error; err != nil {
			return nil, err
		}
		last := map[string]string{}
		for _, e := range events {
			last[e.ObjectID] = e.Action
		}
		for _, serial := range chunk {
			r := found[serial]
			binary, err := hex.DecodeString(serial)
			if err != nil {
				return nil, err
			}
			released := r != nil && r.Status == certificate.Issued && missing[string(binary)] == int(certificate.CertificateHold) &&
				last[r.ID] == "certificate.unsuspend"
			moved := r != nil && r.Status != certificate.Issued && row.Shard == 0 && row.Scope != "" && r.CRLShard != 0
			if !released && !moved {
				lost = append(lost, serial)
			}
		}
		if len(lost) >= namedLost {
			break
		}
	}
	return lost, nil
}
