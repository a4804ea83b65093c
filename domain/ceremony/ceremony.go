// Package ceremony writes the minutes of a root's creation: a page to print and sign by hand, with the server's own
// signature.
package ceremony

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha1" // some software shows SHA-1 fingerprints
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/pki/algorithm"
	"github.com/pkiaas/pkiaas/pki/issuance"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
)

// Minutes of a key ceremony.
type Minutes struct {
	FileName  string
	HTML      string
	Signature string // detached CMS over the bytes of HTML, DER in base64
}

// Signer signs on behalf of the server, as detached CMS (RFC 5652) in DER.
type Signer interface {
	SignDetached(ctx context.Context, content []byte) ([]byte, error)
}

// Service writes minutes.
type Service struct {
	Guard     *rbac.Guard
	Audit     *audit.Log
	Approvals *approval.Service
	Keys      keystore.Set
	Signer    Signer
	Now       func() time.Time
}

//go:embed minutes.html
var text string

var minutes = template.Must(template.New("minutes").Parse(text))

type fact struct{ Name, Value string }

type entry struct {
	*audit.Event
	Facts []fact
}

// told are the actions that concern the life of the key, not what was issued with it. Before approvals existed, roots
// were proposed.
var told = []string{
	"approval.request", "approval.approve", "approval.reject", "approval.withdraw", "approval.expire", "approval.fail", "approval.done",
	"ca.propose", "ca.create", "ca.approve", "ca.reject", "ca.generate-key", "ca.certify", "ca.activate", "ca.fail", "ca.move-key",
	"ca.key-moved", "ca.delete", "ca.restore", "ca.renew", "ca.renewed", "ca.disable", "ca.enable",
}

// Minutes returns the minutes of a root that has a certificate, nil for other CAs.
func (s *Service) Minutes(ctx context.Context, c *ca.CertificationAuthority) (*Minutes, error) {
	if err := s.Guard.Require(ctx, rbac.CADownload, c.PartitionID); err != nil {
		return nil, err
	}
	if c.Type != ca.Root || c.Certificate == nil {
		return nil, nil
	}
	details, err := issuance.Inspect(c.Certificate)
	if err != nil {
		return nil, err
	}
	a, err := c.Algorithm()
	if err != nil {
		return nil, err
	}
	sha2, old, key := sha256.Sum256(c.Certificate), sha1.Sum(c.Certificate), sha256.Sum256(details.PublicKey)
	facts := []fact{
		{"Certification authority", c.FriendlyName + " (" + c.Identifier + ")"}, {"Subject", c.Subject}, {"Serial number", c.SerialNumber},
		{
			"Valid", c.NotBefore.UTC().Format(time.RFC3339) + " to " + c.NotAfter.UTC().Format(time.RFC3339),
		}, {"Signing algorithm", c.SigningAlgorithm},
		{
			"SHA-256 of the certificate", colons(sha2[:]),
		}, {"SHA-1 of the certificate", colons(old[:])}, {"SHA-256 of the public key", colons(key[:])},
		{"Key store", s.where(ctx, c, a)},
	}
	events, err := s.events(ctx, c)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := minutes.Execute(
		&page, map[string]any{"CA": c, "Facts": facts, "Events": events, "PEM": ca.PEM(c.Certificate), "Partition": c.PartitionID,
			"Written": s.Now().UTC().Format(time.RFC3339), "By": rbac.ActorFrom(ctx).Name}); err != nil {
		return nil, err
	}
	signature, err := s.Signer.SignDetached(ctx, page.Bytes())
	if err != nil {
		return nil, err
	}
	return &Minutes{
		FileName: "ceremony-" + c.Identifier + "-" + s.Now().UTC().Format("20060102-150405") + ".html", HTML: page.String(),
		Signature: base64.StdEncoding.EncodeToString(signature),
	}, nil
}

var custody = map[keystore.Custody]string{
	keystore.InToken:        "generated in the HSM; cannot be exported",
	keystore.Imported:       "generated in software and moved to the HSM; cannot be exported",
	keystore.WrappedByToken: "encrypted under a key that never leaves the HSM; decrypted in the server's memory for each signature",
	keystore.InSoftware:     "a file encrypted under the key-encryption key; in the server's memory while in use",
}

func (s *Service) where(ctx context.Context, c *ca.CertificationAuthority, a *algorithm.Algorithm) string {
	store, err := s.Keys.ByName(c.KeyStore)
	if err != nil {
		return c.KeyStore + " (no longer configured)"
	}
	kept := store.Custody(a)
	if key, err := store.Open(ctx, c.KeyID); err == nil {
		kept = key.Custody()
	}
	return fmt.Sprintf("%s: %s; %s", store.Name, store.Description(), custody[kept])
}

// events returns the events of the CA and of its approvals, oldest first.
func (s *Service) events(ctx context.Context, c *ca.CertificationAuthority) ([]entry, error) {
	objects := []string{c.ID}
	requests, err := s.Approvals.About(ctx, c.PartitionID, c.ID)
	if err != nil {
		return nil, err
	}
	for _, r := range requests {
		objects = append(objects, r.ID)
	}
	var entries []entry
	for _, id := range objects {
		request := page.Request{First: 200}
		for more := true; more; {
			found, err := s.Audit.List(ctx, c.PartitionID, audit.Filter{ObjectID: id}, request)
			if err != nil {
				return nil, err
			}
			for _, e := range found.Nodes {
				if slices.Contains(told, e.Action) {
					entries = append(entries, entry{e, facts(e.Details)})
				}
			}
			if more = found.HasNext; more {
				request.After = *found.EndCursor()
			}
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return entries, nil
}

func facts(d audit.Details) []fact {
	var out []fact
	for name, value := range d {
		if value != nil && fmt.Sprint(value) != "[]" {
			out = append(out, fact{name, fmt.Sprint(value)})
		}
	}
	slices.SortFunc(out, func(a, b fact) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func colons(b []byte) string {
	digits := strings.ToUpper(hex.EncodeToString(b))
	var parts []string
	for len(digits) > 0 {
		parts, digits = append(parts, digits[:2]), digits[2:]
	}
	return strings.Join(parts, ":")
}
