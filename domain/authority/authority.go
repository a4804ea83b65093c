// Package authority is the life of the keys of CAs: they are made and certified, renewed, and moved into other key stores. What
// people ask for stands in package ca; here are the jobs that do it. Certificates are signed by package enrollment.
package authority

import (
	"context"
	"time"

	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/delegate"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/store"
)

// Publisher makes the CRL of a CA.
type Publisher interface {
	Publish(ctx context.Context, caID string) error
}

// Service does the jobs.
type Service struct {
	Store      *store.Store
	Audit      *audit.Log
	Jobs       *job.Queue
	Keys       keystore.Set
	CAs        *ca.Service
	Enrollment *enrollment.Service
	Delegates  *delegate.Service
	CRLs       Publisher
	Now        func() time.Time
}
