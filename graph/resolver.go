// Package graph translates between the GraphQL schema and the domain: a resolver decodes, calls one service and
// returns. Nothing is decided here.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/pkiaas/pkiaas/domain/acme"
	"github.com/pkiaas/pkiaas/domain/approval"
	"github.com/pkiaas/pkiaas/domain/audit"
	"github.com/pkiaas/pkiaas/domain/bulk"
	"github.com/pkiaas/pkiaas/domain/ca"
	"github.com/pkiaas/pkiaas/domain/ceremony"
	"github.com/pkiaas/pkiaas/domain/certificate"
	"github.com/pkiaas/pkiaas/domain/credential"
	"github.com/pkiaas/pkiaas/domain/endentity"
	"github.com/pkiaas/pkiaas/domain/enrollment"
	"github.com/pkiaas/pkiaas/domain/identity"
	"github.com/pkiaas/pkiaas/domain/job"
	"github.com/pkiaas/pkiaas/domain/mail"
	"github.com/pkiaas/pkiaas/domain/measure"
	"github.com/pkiaas/pkiaas/domain/notify"
	profiles "github.com/pkiaas/pkiaas/domain/profile"
	"github.com/pkiaas/pkiaas/domain/protocolconfig"
	"github.com/pkiaas/pkiaas/domain/report"
	"github.com/pkiaas/pkiaas/domain/status"
	"github.com/pkiaas/pkiaas/domain/tenant"
	"github.com/pkiaas/pkiaas/pki/keystore"
	"github.com/pkiaas/pkiaas/rbac"
)

// Resolver holds the services that the schema speaks to.
type Resolver struct {
	// SocketPatience is how long a WebSocket may take to begin; 0: ten seconds.
	SocketPatience time.Duration
	// Ending is closed when the server stops: event streams end.
	Ending <-chan struct{}
	// Authenticate establishes anew who sent a request, for each operation on a connection that it opened.
	Authenticate func(context.Context, *http.Request) (context.Context, error)

	Guard            *rbac.Guard
	Audit            *audit.Log
	Tenants          *tenant.Service
	Identity         *identity.Service
	Mail             *mail.Service
	JobService       *job.Service
	Profiles         *profiles.Service
	CAs              *ca.Service
	Certificates     *certificate.Service
	Enrollment       *enrollment.Service
	EndEntityService *endentity.Service
	Status           *status.Service
	Ceremony         *ceremony.Service
	Measure          *measure.Service
	Bulk             *bulk.Service
	Report           *report.Service
	Notify           *notify.Service
	Protocols        *protocolconfig.Service
	ACME             *acme.Service
	ApprovalService  *approval.Service
	Credentials      *credential.Service
	Keys             keystore.Set
	Now              func() time.Time
	Log              *slog.Logger
	Facts            Facts
}

// Facts of the deployment that anyone may know.
type Facts struct {
	Version            string
	BaseURL            string // of the HTTPS listener
	Demo               bool
	PublicURL          string
	TLSRootCertificate string // PEM, "" when the operator brought a certificate
	Terms              string
	TwoPersonRoots     bool
}
