package certificate

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/page"
	"github.com/pkiaas/pkiaas/pki/profile"
	"github.com/pkiaas/pkiaas/pki/san"
	"github.com/pkiaas/pkiaas/rbac"
)

// Story is why a certificate is as it is: what was asked for, by whom, and what the rules made of it. It is recorded
// with the certificate, and never changed.
type Story struct {
	// Protocol is the way in: "console", "graphql", "system"; later ones are named after their package.
	Protocol  string `json:"protocol"`
	ActorKind string `json:"actorKind"`
	ActorName string `json:"actorName"`
	IPAddress string `json:"ipAddress,omitempty"`
	RequestID string `json:"requestId,omitempty"`
	// ApprovalID is the request that others approved before, "" where none had to.
	ApprovalID string `json:"approvalId,omitempty"`
	// Asked is the request after it was read: subject as RFC 4514 text, names and extensions beside those.
	Asked     Asked              `json:"asked"`
	Decisions []profile.Decision `json:"decisions"`
}

// Asked is what a request said.
type Asked struct {
	Subject       string            `json:"subject"`
	SANs          []san.GeneralName `json:"sans,omitempty"`
	Extensions    []AskedExtension  `json:"extensions,omitempty"`
	NotAfter      string            `json:"notAfter,omitempty"` // RFC 3339; "" = left to the profile
	ServerSideKey bool              `json:"serverSideKey,omitempty"`
	// MaxValidity is the cap of the offering that was asked for; 0: none.
	MaxValidity time.Duration `json:"maxValidity,omitempty"`
}

// AskedExtension is an extension of a request. Value is DER, nil where it was too long to be kept.
type AskedExtension struct {
	OID      string `json:"oid"`
	Critical bool   `json:"critical,omitempty"`
	Value    []byte `json:"value,omitempty"`
}

// Events returns the newest 100 events about a certificate that was asked for: its issuance and changes of its status.
func (s *Service) Events(ctx context.Context, c *Certificate) ([]*audit.Event, error) {
	if err := s.Guard.Require(ctx, rbac.CertificateBrowse, c.PartitionID); err != nil {
		return nil, err
	}
	p, err := s.Audit.List(ctx, c.PartitionID, audit.Filter{ObjectID: c.ID}, page.Request{First: 100})
	if err != nil {
		return nil, err
	}
	return p.Nodes, nil
}
