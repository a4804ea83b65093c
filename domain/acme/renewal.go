package acme

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/pki/issuance"
)

// RenewalInfo is when a certificate is best renewed (RFC 9773 4.2).
type RenewalInfo struct {
	Begin, End     time.Time
	ExplanationURL string
	Poll           time.Duration // until it is asked for again
}

// certificateID reads base64url(authority key identifier) "." base64url(serial number) (RFC 9773 4.1).
func certificateID(id string) (keyID []byte, serial string, err error) {
	left, right, ok := strings.Cut(id, ".")
	strict := base64.RawURLEncoding.Strict()
	keyID, err1 := strict.DecodeString(left)
	number, err2 := strict.DecodeString(right)
	if !ok || err1 != nil || err2 != nil || len(keyID) == 0 || len(number) == 0 || len(number) > 21 {
		return nil, "", malformed(
			"a certificate is named by the base64url of its authority key identifier, a dot, and that of its serial number (RFC 9773 4.1)",
		)
	}
	return keyID, hex.EncodeToString(bytes.TrimLeft(number, "\x00")), nil
}

// named finds the certificate of an id.
func (e *Engine) named(ctx context.Context, c *protocolconfig.Configuration, id string) (*certificate.Certificate, error) {
	keyID, serial, err := certificateID(id)
	if err != nil {
		return nil, err
	}
	return e.issued(ctx, c, serial, func(made *certificate.Certificate) bool {
		d, err := issuance.Inspect(made.DER)
		return err == nil && strings.EqualFold(d.AuthorityKeyID, hex.EncodeToString(keyID))
	})
}

// RenewalInfo answers for a certificate of the configuration. The window is that of a campaign, else around two thirds of the
// certificate's life; a certificate that no longer stands is to be renewed at once.
func (e *Engine) RenewalInfo(ctx context.Context, c *protocolconfig.Configuration, id string) (*RenewalInfo, error) {
	set, err := SettingsOf(c)
	if err != nil {
		return nil, err
	}
	made, err := e.named(ctx, c, id)
	if err != nil {
		return nil, err
	}
	if made == nil {
		return nil, malformed("there is no such certificate").With(404)
	}
	now := e.Now()
	info := &RenewalInfo{Poll: set.RenewalPoll()}
	issuer, err := e.CAs.Generation(ctx, made.CAID, made.KeyGeneration)
	if err != nil {
		return nil, err
	}
	if made.Status != certificate.Issued || issuer.StatusAt(now) == ca.Revoked {
		info.Begin, info.End = now.Add(-time.Hour), now.Add(-time.Minute)
		return info, nil
	}
	var windows []*Window
	if err := e.Store.DB(ctx).Find(&windows, "certificate_id = ?", made.ID).Error; err != nil {
		return nil, err
	}
	if len(windows) > 0 && windows[0].ReplacedAt == nil {
		info.Begin, info.End = windows[0].BeginsAt, windows[0].EndsAt
		var campaigns []*Campaign
		if err := e.Store.DB(ctx).Find(&campaigns, "id = ?", windows[0].CampaignID).Error; err != nil {
			return nil, err
		}
		if len(campaigns) > 0 {
			info.ExplanationURL = campaigns[0].ExplanationURL
		}
		// Who asks before the window opens is called back in time for it.
		if left := info.Begin.Sub(now); left > 0 && left < info.Poll {
			info.Poll = max(left, time.Second)
		}
		return info, nil
	}
	life := made.NotAfter.Sub(made.NotBefore)
	info.Begin = made.NotBefore.Add(life * 2 / 3)
	info.End = info.Begin.Add(life / 24)
	return info, nil
}

// replaces checks what an order says it replaces (RFC 9773 5).
func (e *Engine) replaces(ctx context.Context, c *protocolconfig.Configuration, a *Account, id string, list []Identifier) (*string, error) {
	made, err := e.named(ctx, c, id)
	if err != nil {
		return nil, err
	}
	if made == nil {
		return nil, malformed("the certificate to be replaced was not issued here")
	}
	var orders []*Order
	if err := e.Store.DB(ctx).Find(&orders, "certificate_id = ?", made.ID).Error; err != nil {
		return nil, err
	}
	if len(orders) == 0 || orders[0].AccountID != a.ID {
		return nil, unauthorized("the certificate to be replaced was ordered by another account")
	}
	if !slices.ContainsFunc(list, func(id Identifier) bool { return slices.Contains(orders[0].Identifiers, id) }) {
		return nil, malformed("the order has no identifier in common with the certificate that it replaces")
	}
	return &made.ID, nil
}

// replaced notes, in the transaction of the new certificate, that those of campaigns which it takes the place of are done: what
// the order says it replaces, and what the account holds for the same names.
func (e *Engine) replaced(ctx context.Context, c *protocolconfig.Configuration, o *Order, made *certificate.Certificate) error {
	db := e.Store.DB(ctx)
	same := db.Session(&gormSession).Model(&Order{}).Select("certificate_id").Where(
		"configuration_id = ? AND names = ? AND status = ? AND account_id = ? AND id <> ?", c.ID, o.Names, Valid, o.AccountID, o.ID,
	)
	query := db.Model(&Window{}).Where("replaced_at IS NULL")
	if o.Replaces != nil {
		query = query.Where("certificate_id = ? OR certificate_id IN (?)", *o.Replaces, same)
	} else {
		query = query.Where("certificate_id IN (?)", same)
	}
	return query.Updates(map[string]any{"replaced_at": e.Now(), "replaced_by": made.ID}).Error
}
