// Package enrollment is the one door to a signature: every certificate, whoever asks and by whatever protocol, passes
// through Service.enroll. Order of events: profile rules, to-be-signed bytes, signature, then one transaction that
// records the certificate, its audit event and the counters; only then does the caller hear of it. A process that dies
// before the commit takes the signature with it: nobody has seen it.
package enrollment

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/job"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
	"github.com/pkiaas/pkiaas/store"
)

// Quota counts certificates against the purchased number, in the transaction that records them.
type Quota interface {
	TakeCertificates(ctx context.Context, partitionID string, n int64) error
	ReleaseCertificates(ctx context.Context, partitionID string, n int64) error
}

// Limiter refuses what exceeds the partition's rate.
type Limiter interface {
	AllowCertificate(ctx context.Context, partitionID string) error
}

// Service issues certificates.
type Service struct {
	Store       *store.Store
	Guard       *rbac.Guard
	Audit       *audit.Log
	Jobs        *job.Queue
	Keys        keystore.Set
	CAs         *ca.Service
	Profiles    *profiles.Service
	EndEntities *endentity.Service
	Quota       Quota
	Limits      Limiter
	Approvals   *approval.Service
	Now         func() time.Time
	ClockSkew   time.Duration // notBefore lies this much in the past

	issuers issuers
	commits store.Batch[*item, error]
}

// Init completes a Service whose fields are filled.
func (s *Service) Init() *Service {
	s.commits.Run, s.commits.Limit = s.commit, 256
	return s
}

// Jobs of this package.
const (
	CleanJob = "requests.clean" // key: "all"
)

// item is a signed certificate on its way into the database.
type item struct {
	certificate *certificate.Certificate
	endEntity   string
	recorded    func(context.Context, *certificate.Certificate) error
	actor       *rbac.Actor
	event       audit.Event
	// The CA rows and profiles that the signature relied on, as they were then.
	versions map[string]int64
	profiles map[string]int64
	approved *approval.Request // that this carries out, nil for none
}
